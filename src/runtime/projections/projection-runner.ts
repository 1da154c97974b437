/**
 * Running projections. TODO(module header): the state machine in prose.
 */
import type { AnyProjection } from "../../core/projection.ts";
import type { RetryPolicy } from "../retry-policy.ts";
import type { WorkEvent } from "../work-status.ts";

/** How projections are run in this process. */
export interface ProjectionRunnerOptions {
  /** Waits and attempts before `onError` decides. Default: 5 retries, from 100 ms on, doubling up to 10 s. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * What happens to an event whose handler goes on failing. `halt` (default): the projection stays where it is, its state
   * is `halted`, and a resume or a new version makes it go on. `park`: the event and the later ones of the same document
   * are parked, everything else goes on. An SQL projection has no documents, so there the event alone is parked.
   */
  readonly onError?: "halt" | "park" | undefined;
  /** Events in one batch at most. Default 5,000. */
  readonly batchSizeMax?: number | undefined;
  /** After this time without a sign of life, another process takes over. Default 3,000 milliseconds. */
  readonly leaseMs?: number | undefined;
  /** Lag that counts as too much, in milliseconds. Default 5,000. */
  readonly lagAlertMs?: number | undefined;
  /** Told of changes of state, failures, and lag that begins or ceases to be too much. */
  readonly onEvent?: ((event: WorkEvent) => void) | undefined;
}

/**
 * Projections being run by this process, or standing by for the process that runs them. Made by
 * `Hitherto.runProjections`; they begin at once.
 */
export interface ProjectionRunner extends AsyncDisposable {
  readonly projections: readonly AnyProjection[];
  /** Resolves when all read models, built by the versions given here, include what was in the log when it was called. */
  caughtUp(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Finishes the batches under way and hands over to whoever stands by. */
  stop(): Promise<void>;
}
