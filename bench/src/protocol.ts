/**
 * What passes between the run and the processes that do the work.
 */
import type { RunnerName } from "./catalogue.ts";
import type { ParallelAttempt, Slice } from "./work/work.ts";

/** What a process is started for; its only argument, as JSON. */
export interface Job {
  readonly benchmark: string;
  readonly runner: RunnerName;
  readonly folder: string;
  readonly scale: number;
}

/** From the run. */
export type Order = { readonly kind: "slice"; readonly ms: number } | { readonly kind: "close" };

/** To the run: one answer for starting, and one for each slice. */
export type Answer =
  | { readonly kind: "ready"; readonly configuration: string; readonly attempt: ParallelAttempt | undefined }
  | { readonly kind: "slice"; readonly slice: Slice }
  | { readonly kind: "failed"; readonly message: string };
