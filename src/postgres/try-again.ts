/**
 * Trying again what a server could not do at the moment, within limits.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { isConnectionLoss } from "./postgres-errors.ts";

/** How long something is tried again, and what for. */
export interface Persistence {
  /** For so long; a lost connection is followed by another attempt in any case. */
  readonly forMs: number;
  /** Whether another attempt may succeed and does no harm; `attempts` have been made. */
  readonly mayHelp: (error: unknown, attempts: number) => boolean;
  /** The longest pause between two attempts. */
  readonly pauseMaxMs: number;
}

/** The pause after the first attempt, in milliseconds. The next ones double, and each is shortened at random. */
const firstPauseMs = 10;

/**
 * Calls `attempt` until it succeeds, what it throws says that another attempt does not help, or the time is over. It is told how
 * many attempts were made before.
 */
export async function tryAgain<Result>(
  attempt: (attemptsBefore: number) => Promise<Result>,
  { forMs, mayHelp, pauseMaxMs }: Persistence,
): Promise<Result> {
  const beganAt = performance.now();
  for (let attempts = 0; ;) {
    try {
      return await attempt(attempts);
    } catch (error) {
      attempts++;
      const isLate = performance.now() - beganAt >= forMs;
      const isOver = isLate && !(attempts === 1 && isConnectionLoss(error));
      if (isOver || !mayHelp(error, attempts)) throw inTotal(error, beganAt);
    }
    await pause(attempts, pauseMaxMs);
  }
}

/** Waits before the next attempt. */
export async function pause(attempts: number, pauseMaxMs: number): Promise<void> {
  const fullMs = Math.min(pauseMaxMs, firstPauseMs * 2 ** (attempts - 1));
  await delay(fullMs * (0.5 + Math.random() / 2));
}

/** An error that says how long it took, all attempts together. */
export function inTotal(error: unknown, beganAt: number): unknown {
  const waitedMs = Math.round(performance.now() - beganAt);
  if (isHithertoError(error, "STORE_BUSY", "STORE_TIMEOUT")) {
    return new HithertoError(error.code, { ...error.details, waitedMs }, { cause: error.cause });
  }
  return error;
}
