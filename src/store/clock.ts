/**
 * What a clock says, within the years that events can carry. A clock that the caller gave is the caller's to fix; the
 * machine's own may be wrong without anybody's fault in the code, and is brought within bounds.
 */
import { HithertoError } from "../core/errors.ts";
import { isMoment, lastMomentMs } from "./check-input.ts";

/** Milliseconds since 1970 by the machine's clock; 0 before 1970, and the last moment of 9999 after it. */
export function machineNowMs(): number {
  return Math.min(Math.max(Date.now(), 0), lastMomentMs);
}

/**
 * A clock that can be relied on: it gives valid dates of the years 1970 to 9999, each an own one.
 *
 * @throws `ARGUMENT_INVALID`, when it is read, for anything else that the given clock returns or throws.
 */
export function checkedClock(clock: (() => Date) | undefined): () => Date {
  if (clock === undefined) return () => new Date(machineNowMs());
  return () => new Date(readClock(clock));
}

function readClock(clock: () => Date): number {
  let ms: unknown;
  try {
    ms = Date.prototype.getTime.call(clock());
  } catch (cause) {
    throw clockInvalid("it threw, or returned no Date", cause);
  }
  if (typeof ms === "number" && isMoment(ms)) return ms;
  throw clockInvalid("it returned a Date that is invalid, or outside of the years 1970 to 9999");
}

function clockInvalid(problem: string, cause?: unknown): HithertoError {
  return new HithertoError("ARGUMENT_INVALID", { argument: "clock", problem }, { cause });
}
