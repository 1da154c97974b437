/**
 * What events do to the tables of an SQL projection, within a transaction.
 */
import { threwInWords } from "../../core/calls.ts";
import { isHithertoError } from "../../core/errors.ts";
import type { HithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { eventFor, projectionFailed } from "../../core/projection-step.ts";
import type { SqlProjection } from "../../core/projection.ts";
import type { SqlTransaction } from "../../core/sql.ts";
import { EventFailed } from "./event-failure.ts";

/** What the store itself failed with. */
interface Fault {
  error?: HithertoError;
}

/** Runs the function for an event, if there is one. @throws {@link EventFailed}: the transaction is to be undone. */
export async function applySqlStep(
  projection: SqlProjection,
  sql: SqlTransaction,
  stored: StoredEvent,
): Promise<void> {
  const fault: Fault = {};
  try {
    const event = eventFor(projection, stored);
    if (event !== undefined) await projection.on[event.type]?.(watched(sql, fault), event.data, event);
  } catch (cause) {
    // Whatever the function made of it: a full disk is no fault of the event at which it shows.
    if (fault.error !== undefined) throw fault.error;
    const error =
      isHithertoError(cause) && cause.code !== "SQL_FAILED" ? cause : failed(projection, stored, cause);
    throw new EventFailed({ event: stored, key: stored.stream, error });
  }
}

function failed(projection: SqlProjection, event: StoredEvent, cause: unknown): Error {
  return projectionFailed(projection, event, threwInWords(cause), cause);
}

/**
 * The same transaction; `fault` is told what it fails with that is no fault of a statement. Errors of other stores, which a function
 * may well use, do not come by here.
 */
function watched(sql: SqlTransaction, fault: Fault): SqlTransaction {
  const note = <Result>(running: Promise<Result>): Promise<Result> =>
    running.catch((error: unknown) => {
      if (isStoresFault(error)) fault.error ??= error;
      throw error;
    });
  return {
    run: (text, values) => note(sql.run(text, values)),
    get: (text, values) => note(sql.get(text, values)),
    all: (text, values) => note(sql.all(text, values)),
  };
}

function isStoresFault(error: unknown): error is HithertoError {
  return isHithertoError(error) && (error.code.startsWith("STORE_") || error.code === "TRANSACTION_TIMEOUT");
}
