/**
 * Trying again after a conflict, with a limit and a pause that grows and is jittered, so that those who collided do not
 * collide again (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import { throwIfAborted } from "../store/read-options.ts";

/** How to try again. */
export interface RetryOptions {
  /** What is being done, for messages. */
  readonly operation: string;
  /** The errors that another attempt may mend. */
  readonly codes: readonly ErrorCode[];
  /** Attempts after the first one. */
  readonly retries: number;
  readonly random: () => number;
  readonly signal: AbortSignal | undefined;
}

const pauseMsMax = 50;

/**
 * Calls `attempt` until it succeeds or fails for another reason than a conflict.
 *
 * @throws `RETRIES_EXHAUSTED`, with the last conflict as its cause; `ABORTED`; whatever else `attempt` throws.
 */
export async function retry<Result>(
  attempt: () => Promise<Result>,
  { operation, codes, retries, random, signal }: RetryOptions,
): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    throwIfAborted(signal, operation);
    try {
      return await attempt();
    } catch (error) {
      if (!isHithertoError(error, ...codes)) throw error;
      if (attempts > retries) {
        throw new HithertoError("RETRIES_EXHAUSTED", { operation, attempts }, { cause: error });
      }
    }
    await pause(random() * Math.min(2 ** attempts, pauseMsMax), signal);
  }
}

/** Sleeps; an aborted signal ends it early. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
