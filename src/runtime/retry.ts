/**
 * Trying again after a conflict, with a limit and a pause that grows and is jittered, so that those who collided do not
 * collide again (https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { throwIfAborted } from "../store/read-options.ts";

/** What an attempt returns when another one may succeed: another writer was faster. */
export class Conflict {
  readonly error: HithertoError;

  constructor(error: HithertoError) {
    this.error = error;
  }
}

/** How to try again. */
export interface RetryOptions {
  /** What is being done, for messages. */
  readonly operation: string;
  /** Attempts after the first one. */
  readonly retries: number;
  readonly random: () => number;
  readonly signal: AbortSignal | undefined;
}

const pauseMsMax = 50;

/**
 * Calls `attempt` until it returns something else than a {@link Conflict}. Errors pass through.
 *
 * @throws `RETRIES_EXHAUSTED`, with the error of the last conflict as its cause; `ABORTED`.
 */
export async function retry<Result>(
  attempt: (number: number) => Promise<Result | Conflict>,
  { operation, retries, random, signal }: RetryOptions,
): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    throwIfAborted(signal, operation);
    const result = await attempt(attempts);
    if (!(result instanceof Conflict)) return result;
    if (attempts > retries) {
      throw new HithertoError("RETRIES_EXHAUSTED", { operation, attempts }, { cause: result.error });
    }
    await pause(random() * Math.min(2 ** attempts, pauseMsMax), signal);
  }
}

/** Makes a {@link Conflict} of the errors with which an append says that another one was faster; throws others on. */
export function toConflict(error: unknown): Conflict {
  if (isHithertoError(error, "REVISION_CONFLICT", "CONDITION_CONFLICT")) return new Conflict(error);
  throw error;
}

/** Sleeps; an aborted signal ends it early. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
