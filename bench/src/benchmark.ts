/**
 * What a benchmark is.
 */
import type { ContenderName } from "./contenders/contender.ts";
import type { PeerName } from "./contenders/peer-modules.ts";
import type { Target } from "./targets.ts";
import type { Work, WorkOptions } from "./work/work.ts";

/** Who runs a benchmark: a library, the engine itself, bare functions, or the same append without a read model. */
export type RunnerName = ContenderName | "functions" | "append-alone";

/** What keeps the events: a file, or a server. */
export type Engine = "sqlite" | "postgres";

/** The figure that stands for a benchmark: units per second, or a percentile of the time of one operation. */
export type Figure = "rate" | "p50" | "p99";

/** A benchmark. */
export interface Benchmark {
  readonly id: string;
  readonly what: string;
  /** Unit of the value: `ms` and `µs` for percentiles, or what is counted, per second. */
  readonly unit: "ms" | "µs" | "appends/s" | "events/s";
  readonly figure: Figure;
  /** Milliseconds of a sample are divided by this to give `p50` and `p99` in their unit. Default 1. */
  readonly sampleMs?: number;
  readonly targets: readonly Target[];
  /** What the work takes at least, without a library; if there is such a thing. */
  readonly floor: "sqlite" | "postgres" | "functions" | "append-alone" | undefined;
  readonly peers: readonly PeerName[];
  prepare(name: RunnerName, options: WorkOptions): Promise<Work>;
}
