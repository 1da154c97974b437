/**
 * How far behind something is, from the position that it has reached.
 */
import type { EventFilter } from "../../core/query.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { Lag } from "../work-status.ts";

/** Lag that counts as too much unless somebody says otherwise, in milliseconds. */
export const lagAlertMsDefault = 5_000;

/** What to measure. */
export interface LagQuestion {
  readonly position: number;
  /** End of the log, as seen before the position was read. */
  readonly head: number;
  /** Only these events count; where the definition is not at hand, all do. */
  readonly filter?: EventFilter | undefined;
  readonly now: Date;
  readonly alertMs: number;
}

/**
 * Measures a lag: the age is that of the first event after the position, by the time at which it was recorded. Events
 * imported with times long past are therefore as old as they say. Throws what reading throws.
 */
export async function measureLag(store: Pick<EventStore, "read">, question: LagQuestion): Promise<Lag> {
  const { position, head, filter, now, alertMs } = question;
  if (position >= head) return noLag;
  const [oldest] = await store.read({ ...filter, from: position + 1, to: head, limit: 1 }).toArray();
  if (oldest === undefined) return noLag;
  const ms = Math.max(0, now.getTime() - Date.parse(oldest.recordedAt));
  return { events: head - Math.max(position, oldest.position - 1), ms, isTooMuch: ms > alertMs };
}

const noLag: Lag = { events: 0, ms: 0, isTooMuch: false };
