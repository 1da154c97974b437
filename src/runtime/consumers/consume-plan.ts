/**
 * How this process takes part in a consumer: the options of `consume`, checked and completed.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";
import { planRetry } from "../retry-policy.ts";
import type { RetryPlan } from "../retry-policy.ts";
import type { WorkEvent } from "../work-status.ts";
import type { Consumer, ConsumeOptions } from "./consumer.ts";

/** Complete options. */
export interface ConsumePlan {
  readonly inFlightMax: number;
  readonly prefetchMax: number;
  readonly handlerTimeoutMs: number;
  readonly leaseMs: number;
  readonly stopTimeoutMs: number;
  readonly checkpointMs: number;
  /** Undefined: as the consumer's record says. */
  readonly lagAlertMs: number | undefined;
  readonly onEvent: ((event: WorkEvent) => void) | undefined;
  readonly retry: RetryPlan;
}

/** The longest time that a timer can wait. */
const timerMsMax = 2_147_483_647;

/** Checks a definition, as far as JavaScript may have bypassed its factory. @throws `ARGUMENT_INVALID` */
export function checkConsumer(consumer: unknown): asserts consumer is Consumer {
  const isOne =
    typeof consumer === "object" && consumer !== null && (consumer as Consumer).kind === "consumer";
  if (!isOne) refuse("consumer", "made by consumer()", consumer);
}

/** Checks options and fills in the defaults. @throws `ARGUMENT_INVALID` */
export function planConsume(consumer: Consumer, options: ConsumeOptions = {}): ConsumePlan {
  if (typeof options !== "object" || options === null) refuse("options", "an object", options);
  const { onEvent, lagAlertMs } = options;
  if (onEvent !== undefined && typeof onEvent !== "function") refuse("onEvent", "a function", onEvent);
  if (lagAlertMs !== undefined) integer("lagAlertMs", lagAlertMs, 1, timerMsMax);
  return {
    inFlightMax: integer("inFlightMax", options.inFlightMax ?? 100, 1, 10_000),
    prefetchMax: integer("prefetchMax", options.prefetchMax ?? 5_000, 1, 1_000_000),
    handlerTimeoutMs: integer("handlerTimeoutMs", options.handlerTimeoutMs ?? 30_000, 1, timerMsMax),
    leaseMs: integer("leaseMs", options.leaseMs ?? 3_000, 30, timerMsMax),
    stopTimeoutMs: integer("stopTimeoutMs", options.stopTimeoutMs ?? 10_000, 0, timerMsMax),
    checkpointMs: integer("checkpointMs", options.checkpointMs ?? 100, 1, timerMsMax),
    lagAlertMs,
    onEvent,
    retry: planRetry(consumer.policy.retry),
  };
}

function integer(argument: string, value: unknown, least: number, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  return refuse(argument, `an integer from ${least} to ${most}`, value);
}

function refuse(argument: string, wanted: string, found: unknown): never {
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be ${wanted}, not ${inWords(found)}`,
  });
}
