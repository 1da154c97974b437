/**
 * How often, and after which waits, failed work is tried again.
 */
import { HithertoError } from "../core/errors.ts";
import { inWords } from "../store/check-input.ts";

/** Waits grow by `factor` from `delayMs` up to `delayMsMax`, each varied by `jitter`. */
export interface RetryPolicy {
  /** Attempts after the first one. 0 to 1,000; default 5. */
  readonly max?: number | undefined;
  /** Before the first retry, in milliseconds. Default 100. */
  readonly delayMs?: number | undefined;
  /** Default 2. */
  readonly factor?: number | undefined;
  /** Default 10,000. */
  readonly delayMsMax?: number | undefined;
  /** Part of each wait that is random, from 0 to 1, so that those who failed together do not return together. Default 0.5. */
  readonly jitter?: number | undefined;
}

/** A complete retry policy. */
export type RetryPlan = { readonly [Part in keyof Required<RetryPolicy>]: number };

/** The longest wait that a policy can ask for, in milliseconds: a day. */
const delayLimitMs = 86_400_000;

/**
 * Checks a retry policy and fills in the defaults. `argument` names it in errors.
 *
 * @throws `ARGUMENT_INVALID`
 */
export function planRetry(policy: RetryPolicy | undefined, argument: string = "retry"): RetryPlan {
  if (policy !== undefined && (typeof policy !== "object" || policy === null)) {
    refuse(argument, "an object", policy);
  }
  const { max = 5, delayMs = 100, factor = 2, delayMsMax = 10_000, jitter = 0.5 } = policy ?? {};
  requireNumber(`${argument}.max`, max, { from: 0, to: 1_000, isInteger: true });
  requireNumber(`${argument}.delayMs`, delayMs, { from: 0, to: delayLimitMs });
  requireNumber(`${argument}.factor`, factor, { from: 1, to: 1_000 });
  requireNumber(`${argument}.delayMsMax`, delayMsMax, { from: 0, to: delayLimitMs });
  requireNumber(`${argument}.jitter`, jitter, { from: 0, to: 1 });
  return { max, delayMs, factor, delayMsMax, jitter };
}

/**
 * How long to wait after the failure of an attempt, counted from 1, in milliseconds. `random` gives a number from 0 up
 * to 1; the wait lies between the full one and that without its random part.
 */
export function retryDelayMs(plan: RetryPlan, attempt: number, random: () => number): number {
  // The power may be infinite, and no time at all stays none.
  const grown = plan.delayMs === 0 ? 0 : plan.delayMs * plan.factor ** (attempt - 1);
  const full = Math.min(grown, plan.delayMsMax);
  return full * (1 - plan.jitter * random());
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly isInteger?: boolean;
}

function requireNumber(argument: string, value: unknown, { from, to, isInteger = false }: Range): void {
  const isRight = isInteger ? Number.isInteger(value) : typeof value === "number";
  if (isRight && (value as number) >= from && (value as number) <= to) return;
  refuse(argument, `${isInteger ? "an integer" : "a number"} from ${from} to ${to}`, value);
}

function refuse(argument: string, wanted: string, found: unknown): never {
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be ${wanted}, not ${inWords(found)}`,
  });
}
