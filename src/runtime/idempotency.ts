/**
 * Exactly-once decisions. The key of a decision determines the ids of its events, so the log itself remembers what was
 * decided under it, and the store's unique ids decide between two that race.
 *
 * Each of the events says in its metadata, under {@link decisionKey}, which command it is from and how many events were
 * decided with it. So one event found by its id leads to all of them, and a key used for something else is noticed.
 */
import { HithertoError, isHithertoError } from "../core/errors.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { inWords } from "../store/check-input.ts";
import type { AppendOptions, AppendResult, StreamAppend } from "../store/event-store.ts";
import type { DecisionStore } from "./decision-store.ts";
import { eventIdFor } from "./event-ids.ts";

/** A decision that is to take effect once. */
export interface KeyedDecision {
  readonly key: string;
  /** What may use the same key for something else: all of these parts together. */
  readonly scope: readonly string[];
  readonly command: string;
  readonly stream: string;
}

/** What an append came to. */
export interface Appended {
  /** Why what is stored could not be read back; then `events` is empty. */
  readonly failure?: unknown;
  /** In order. Of a repeated decision: those of the first time that can still be read. */
  readonly events: readonly StoredEvent[];
  readonly revision: number;
  readonly position: number;
  readonly isDuplicate: boolean;
}

/** Where the metadata of an event say what it was decided by: `{ command, events }`. */
export const decisionKey = "$decision";

/** Refuses anything but a string of 1 to `limits.idempotencyKeyLengthMax` characters. @throws `ARGUMENT_INVALID` */
export function checkIdempotencyKey(key: unknown): asserts key is string {
  const max = limits.idempotencyKeyLengthMax;
  if (typeof key === "string" && key !== "" && key.length <= max && key.isWellFormed()) return;
  const problem = `it must be a well-formed string of 1 to ${max} characters, not ${inWords(key)}`;
  throw new HithertoError("ARGUMENT_INVALID", { argument: "idempotencyKey", problem });
}

/**
 * What was appended the first time that a decision was made under its key; undefined if it never was.
 *
 * @throws `IDEMPOTENCY_KEY_REUSED` when the key was used for another command or on another stream.
 */
export async function findFirstTime(
  store: DecisionStore,
  decision: KeyedDecision,
): Promise<Appended | undefined> {
  const first = await store.findEvent(eventIdFor(decision.scope, decision.key, 0));
  if (first === undefined) return undefined;
  const made = first.metadata[decisionKey] as { command: string; events: number } | undefined;
  if (first.stream !== decision.stream) throw keyReused(decision, `it was used on stream "${first.stream}"`);
  if (made?.command !== decision.command) {
    throw keyReused(decision, `it was used for the command "${made?.command}", not "${decision.command}"`);
  }
  const to = first.revision + made.events - 1;
  const events = await store.readStream(first.stream, { from: first.revision, to }).toArray();
  const { revision, position } = events.at(-1) ?? first;
  return { events, revision, position, isDuplicate: true };
}

/**
 * Appends the events of a decision to one stream, and reads them back as they were stored. A decision that was made
 * before under its key is not stored again.
 *
 * What has been appended is a fact: when it cannot be read back, that is the `failure` of the result.
 *
 * @throws whatever appending throws; `IDEMPOTENCY_KEY_REUSED` also when the key's events are stored but hidden.
 */
export async function appendDecision(
  store: DecisionStore,
  append: StreamAppend,
  options: AppendOptions & { readonly decision?: KeyedDecision | undefined },
): Promise<Appended> {
  const { decision, ...appendOptions } = options;
  if (decision === undefined) return readBack(store, append, await store.append(append, appendOptions));
  try {
    const identified = { ...append, events: identify(append.events, decision) };
    const result = await store.append(identified, appendOptions);
    const first = result.isDuplicate ? await findFirstTime(store, decision) : undefined;
    return first ?? (await readBack(store, identified, result));
  } catch (error) {
    // The first time led to another number of events, because it was decided on another state.
    if (!isHithertoError(error, "EVENT_ID_CONFLICT")) throw error;
    const first = await findFirstTime(store, decision);
    if (first !== undefined) return first;
    throw keyReused(decision, "the events it stands for can no longer be read", error);
  }
}

/** Once stored, the events are a fact: no signal stops the reading of them. */
async function readBack(
  store: DecisionStore,
  { events }: StreamAppend,
  { streams: [place], position, isDuplicate }: AppendResult,
): Promise<Appended> {
  if (place === undefined) throw new TypeError("an append says where its events are");
  const { stream, firstRevision: from, revision } = place;
  const reading = store.readStream(stream, { from, to: revision }).toArray();
  if (!isDuplicate) {
    return reading.then(
      (stored) => ({ events: stored, revision, position, isDuplicate }),
      (failure: unknown) => ({ events: [], revision, position, isDuplicate, failure }),
    );
  }
  const stored = await reading;
  const ids = new Set(events.map((event) => event.id?.toLowerCase()));
  return { events: stored.filter((event) => ids.has(event.id)), revision, position, isDuplicate };
}

function identify(events: readonly NewEvent[], { scope, key, command }: KeyedDecision): readonly NewEvent[] {
  const made = { command, events: events.length };
  return events.map((event, index) => ({
    ...event,
    id: eventIdFor(scope, key, index),
    metadata: { ...event.metadata, [decisionKey]: made },
  }));
}

function keyReused({ key, stream }: KeyedDecision, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("IDEMPOTENCY_KEY_REUSED", { key, stream, problem }, { cause });
}
