/**
 * The work of a benchmark, prepared for one contender and done in slices. The slices of all contenders alternate, so
 * that whatever else the machine does hits all of them alike.
 */
import { join } from "node:path";
import { percentile, Samples } from "../statistics.ts";

/** What one slice came to. */
export interface Slice {
  /** How much was done, in what the benchmark counts: appends, events. */
  readonly units: number;
  readonly elapsedMs: number;
  /** Of the raw samples of the slice, in milliseconds for each operation. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
}

/** What became of appends that were under way at once, where a library is not expected to bear that. */
export interface ParallelAttempt {
  readonly attempted: number;
  readonly succeeded: number;
  /** The first error's message. */
  readonly error: string | undefined;
}

/** Work that is prepared. */
export interface Work {
  /** Does it for about so many milliseconds. */
  slice(ms: number): Promise<Slice>;
  readonly configuration: string;
  readonly attempt?: ParallelAttempt | undefined;
  close(): Promise<void>;
}

/** What work is prepared from. */
export interface WorkOptions {
  /** A folder of its own. */
  readonly folder: string;
  /** An empty database of its own, where the engine is a server. */
  readonly url: string | null;
  /** From 0 to 1: how much of the data that is read to prepare; 1 but for a quick look. */
  readonly scale: number;
}

/** Where a contender finds or makes what it works on: its database, or a file in its folder. */
export function locate({ url, folder }: WorkOptions, file: string): string {
  return url ?? join(folder, file);
}

/** Sums a slice up. */
export function sliceOf(samples: Samples, units: number, elapsedMs: number): Slice {
  const sorted = samples.sorted();
  return {
    units,
    elapsedMs,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: percentile(sorted, 1),
    samples: samples.count,
  };
}

/** Repeats an operation until the time is over, at least once, and takes the time of each. `operate` returns its units. */
export async function repeat(ms: number, operate: () => Promise<number>): Promise<Slice> {
  const samples = new Samples();
  const began = performance.now();
  let units = 0;
  let now = began;
  do {
    const before = now;
    units += await operate();
    now = performance.now();
    samples.add(now - before);
  } while (now - began < ms);
  return sliceOf(samples, units, now - began);
}
