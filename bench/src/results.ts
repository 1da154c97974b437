/**
 * The results of a run, in the shape that `--json` prints. Names and units here are promised to who reads the JSON.
 */

/** The figures of whoever ran a benchmark beside us. */
export interface RivalResult {
  readonly name: string;
  /** Release of the package, where it is one. */
  readonly version: string | null;
  readonly configuration: string;
  /** In the benchmark's unit; null when it could not do the work. */
  readonly value: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  /** How many times better we are by `value`: faster for rates, shorter for times. Below 1 it is better than we are. */
  readonly ratio: number | null;
  /** What became of appends under way at once, where the figures are of appends handed over one at a time. */
  readonly parallel: {
    readonly attempted: number;
    readonly succeeded: number;
    readonly error: string | null;
  } | null;
  /** Why there are no figures. */
  readonly failure: string | null;
}

/** One round of ours, so that the spread can be seen. */
export interface RoundResult {
  readonly value: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
}

/** The result of a benchmark. */
export interface BenchmarkResult {
  readonly id: string;
  readonly what: string;
  readonly unit: string;
  /** Unit of `p50` and `p99`, the time of one operation: an append, a rebuild, a pass over the log. */
  readonly timeUnit: string;
  /** Median over the rounds; of a rate, or of the percentile that `figure` names. */
  readonly value: number | null;
  readonly figure: string;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly target: string | null;
  /** Null without a target, or when nothing ran that it compares with. */
  readonly isMet: boolean | null;
  readonly checks: ReadonlyArray<{ readonly target: string; readonly isMet: boolean | null }>;
  readonly floor: RivalResult | null;
  readonly peers: readonly RivalResult[];
  readonly rounds: readonly RoundResult[];
  readonly failure: string | null;
}

/** The machine that it ran on. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly os: string;
  readonly filesystem: string;
  /** Median time of writing 4 KiB and syncing it, in milliseconds: what the disk makes every durable store pay. */
  readonly fsyncMs: number;
  /** Processes that wanted to run in the minute before; above 0.5 for each core, expect noise. */
  readonly loadBefore: number;
}

/** A whole run. */
export interface RunResult {
  readonly machine: Machine;
  readonly node: string;
  readonly hitherto: string;
  readonly engine: string;
  readonly durability: string;
  readonly date: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly benchmarks: readonly BenchmarkResult[];
}
