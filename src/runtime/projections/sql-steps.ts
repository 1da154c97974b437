/**
 * What events do to the tables of an SQL projection, within a transaction.
 */
import { threwInWords } from "../../core/calls.ts";
import { isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { eventFor, projectionFailed } from "../../core/projection-step.ts";
import type { SqlProjection } from "../../core/projection.ts";
import type { SqlTransaction } from "../../core/sql.ts";
import { EventFailed } from "./event-failure.ts";

/** Runs the function for an event, if there is one. @throws {@link EventFailed}: the transaction is to be undone. */
export async function applySqlStep(
  projection: SqlProjection,
  sql: SqlTransaction,
  stored: StoredEvent,
): Promise<void> {
  try {
    const event = eventFor(projection, stored);
    if (event !== undefined) await projection.on[event.type]?.(sql, event.data, event);
  } catch (cause) {
    if (isStoresFault(cause)) throw cause;
    const error =
      isHithertoError(cause) && cause.code !== "SQL_FAILED" ? cause : failed(projection, stored, cause);
    throw new EventFailed({ event: stored, key: stored.stream, error });
  }
}

function failed(projection: SqlProjection, event: StoredEvent, cause: unknown): Error {
  return projectionFailed(projection, event, threwInWords(cause), cause);
}

/** A full disk is no fault of the event at which it shows. */
function isStoresFault(cause: unknown): boolean {
  return isHithertoError(cause) && (cause.code.startsWith("STORE_") || cause.code === "TRANSACTION_TIMEOUT");
}
