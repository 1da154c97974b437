/**
 * The options of a runner, checked and completed.
 */
import { HithertoError } from "../../core/errors.ts";
import type { AnyProjection } from "../../core/projection.ts";
import { inWords } from "../../store/check-input.ts";
import { planRetry } from "../retry-policy.ts";
import type { RetryPlan } from "../retry-policy.ts";
import { lagAlertMsDefault } from "../status/lag.ts";
import type { WorkEvent } from "../work-status.ts";
import type { ProjectionRunnerOptions } from "./projection-runner.ts";

/** Complete options. */
export interface RunnerPlan {
  readonly retry: RetryPlan;
  readonly onError: "halt" | "park";
  readonly batchSizeMax: number;
  readonly leaseMs: number;
  readonly lagAlertMs: number;
  readonly onEvent: (event: WorkEvent) => void;
}

/** Checks options and fills in the defaults. @throws `ARGUMENT_INVALID` */
export function planRunner(options: ProjectionRunnerOptions = {}): RunnerPlan {
  if (typeof options !== "object" || options === null) refuse("options", "an object", options);
  const { onError = "halt", batchSizeMax = 5_000, leaseMs = 3_000, onEvent = () => undefined } = options;
  const { lagAlertMs = lagAlertMsDefault } = options;
  if (onError !== "halt" && onError !== "park") refuse("onError", `"halt" or "park"`, onError);
  if (typeof onEvent !== "function") refuse("onEvent", "a function", onEvent);
  requireInteger("batchSizeMax", batchSizeMax, 1, 100_000);
  requireInteger("leaseMs", leaseMs, 30, 3_600_000);
  requireInteger("lagAlertMs", lagAlertMs, 1, Number.MAX_SAFE_INTEGER);
  return { retry: planRetry(options.retry), onError, batchSizeMax, leaseMs, lagAlertMs, onEvent };
}

/** Refuses what is no list of projections with names of their own. @throws `ARGUMENT_INVALID`, `DEFINITION_REPEATED` */
export function checkProjections(argument: string, projections: unknown): readonly AnyProjection[] {
  if (!Array.isArray(projections)) refuse(argument, "an array of projections", projections);
  const names = new Set<string>();
  for (const [index, projection] of (projections as AnyProjection[]).entries()) {
    if (projection?.kind !== "projection" && projection?.kind !== "sql-projection") {
      refuse(`${argument}[${index}]`, "made by projection() or sqlProjection()", projection);
    }
    const { name } = projection;
    if (names.has(name)) throw new HithertoError("DEFINITION_REPEATED", { kind: "projection", name });
    names.add(name);
  }
  return projections as readonly AnyProjection[];
}

function requireInteger(argument: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  refuse(argument, `an integer from ${least} to ${most}`, value);
}

function refuse(argument: string, wanted: string, found: unknown): never {
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be ${wanted}, not ${inWords(found)}`,
  });
}
