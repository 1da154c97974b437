/**
 * What passes between the run and the processes that do the work.
 */
import type { Engine, RunnerName } from "./benchmark.ts";
import type { ParallelAttempt, Slice } from "./work/work.ts";

/** What a process is started for; its only argument, as JSON. */
export interface Job {
  readonly engine: Engine;
  readonly benchmark: string;
  readonly runner: RunnerName;
  readonly folder: string;
  /** An empty database of its own, where the engine is a server. */
  readonly url: string | null;
  readonly scale: number;
}

/** From the run. */
export type Order = { readonly kind: "slice"; readonly ms: number } | { readonly kind: "close" };

/** To the run: one answer for starting, and one for each slice. */
export type Answer =
  | { readonly kind: "ready"; readonly configuration: string; readonly attempt: ParallelAttempt | undefined }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "failed"; readonly message: string };
