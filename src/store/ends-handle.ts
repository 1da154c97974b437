/**
 * Errors after which a handle of a store does nothing any more.
 */
import { isHithertoError } from "../core/errors.ts";

/** Whether every later call on the same handle fails too, so that trying again is of no use. */
export function endsHandle(error: unknown): boolean {
  return isHithertoError(error, "STORE_CLOSED") || isLoss(error);
}

/** Whether it is such an error that somebody has to hear of: nobody closed the handle. */
export function isLoss(error: unknown): boolean {
  return isHithertoError(error, "STORE_REPLACED");
}
