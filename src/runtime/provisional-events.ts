/**
 * Events that have been decided but not stored. An event that `evolve` cannot take would make its stream unreadable for
 * good, so every decision is folded once before it is stored.
 */
import { HithertoError } from "../core/errors.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import { findJsonFault } from "../core/json-check.ts";

/** Where the events would come to stand. */
export interface ProvisionalPlace {
  readonly stream: string;
  /** The last event known before them; its revision is -1 if there is none. */
  readonly after: { readonly revision: number; readonly position: number };
  /** ISO 8601. */
  readonly now: string;
}

/**
 * Folds decided events before they are stored, and returns what they come to.
 *
 * @throws `EVENT_NOT_JSON` when folding fails and the reason lies in data that no store would take; else what it threw.
 */
export function tryOut<Folded>(
  events: readonly StoredEvent[],
  fold: (events: readonly StoredEvent[]) => Folded,
): Folded {
  try {
    return fold(events);
  } catch (error) {
    for (const [index, { data }] of events.entries()) {
      const fault = data instanceof Uint8Array ? undefined : findJsonFault(data, "data");
      if (fault === undefined) continue;
      throw new HithertoError("EVENT_NOT_JSON", { index, ...fault }, { cause: error });
    }
    throw error;
  }
}

/** The events as they will be stored, as far as that can be known: id, position and time may come out differently. */
export function provisional(
  events: readonly NewEvent[],
  { stream, after, now }: ProvisionalPlace,
): readonly StoredEvent[] {
  return events.map(({ id, type, data, schemaVersion, metadata, tags, recordedAt }, index) => ({
    id: id ?? "",
    stream,
    revision: after.revision + 1 + index,
    position: after.position + 1 + index,
    type,
    schemaVersion: schemaVersion ?? 1,
    data,
    metadata: metadata ?? {},
    tags: tags ?? [],
    recordedAt: recordedAt ?? now,
  }));
}

/** Provisional events at the place where they were stored: all that is known of them when they cannot be read back. */
export function storedAs(
  events: readonly StoredEvent[],
  { revision, position }: { readonly revision: number; readonly position: number },
): readonly StoredEvent[] {
  const behind = events.length - 1;
  return events.map((event, index) => ({
    ...event,
    revision: revision - behind + index,
    position: position - behind + index,
  }));
}
