/**
 * An event that a projection could not take.
 */
import { isHithertoError } from "../../core/errors.ts";
import type { HithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { projectionFailed } from "../../core/projection-step.ts";
import type { AnyProjection } from "../../core/projection.ts";

/** Which event failed, for which document, and how. */
export interface EventFailure {
  readonly event: StoredEvent;
  /** Key of the document; empty while the keys are not known. Of an SQL projection, the event's stream. */
  readonly key: string;
  readonly error: unknown;
}

/** Carries a failure out of a transaction, which undoes it. */
export class EventFailed extends Error {
  override readonly name = "EventFailed";
  readonly failure: EventFailure;

  constructor(failure: EventFailure) {
    super("an event failed", { cause: failure.error });
    this.failure = failure;
  }
}

/** The failure as whoever waits for it is told. */
export function toProjectionFailed(
  projection: Pick<AnyProjection, "name">,
  { event, error }: EventFailure,
): HithertoError<"PROJECTION_FAILED"> {
  if (isHithertoError(error, "PROJECTION_FAILED")) return error;
  const problem =
    error instanceof Error ? error.message.replace(/\.$/, "") : "threw something that is no error";
  return projectionFailed(projection, event, problem, error) as HithertoError<"PROJECTION_FAILED">;
}
