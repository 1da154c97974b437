/**
 * What a given/when/then test runs: the past becomes stored events, the past is folded, the command is decided.
 */
import type { AnyEventTypes } from "../core/event-type.ts";
import { completeEvent, typeOf } from "../core/event-type.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import type { Rejection } from "../core/rejection.ts";
import { isRejection } from "../core/rejection.ts";
import { findJsonFault } from "../store/json-check.ts";
import { ExpectationError } from "./expectation-error.ts";

/** What is tested, as far as a scenario is concerned. */
export interface Subject {
  /** For messages, such as `account: "deposit"`. */
  readonly name: string;
  readonly stream: string;
  readonly events: AnyEventTypes;
  readonly fold: (events: readonly StoredEvent[]) => unknown;
}

/** What a command was answered with. */
export type Answer = readonly NewEvent[] | Rejection;

/** What came of it: events, a rejection, or an error of folding or deciding. */
export type Outcome =
  | { readonly kind: "events"; readonly events: readonly NewEvent[]; readonly state: () => unknown }
  | { readonly kind: "rejection"; readonly rejection: Rejection }
  | { readonly kind: "error"; readonly error: unknown };

/** Runs a scenario. Never throws, save for a past that no store would have taken. */
export function run(
  subject: Subject,
  past: readonly NewEvent[],
  decideOn: (state: unknown) => Answer,
): Outcome {
  try {
    const stored = toStored(subject, past);
    return outcomeOf(subject, stored, decideOn(subject.fold(stored)));
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Runs a scenario whose past or decision takes its time. */
export async function runLater(
  subject: Subject,
  past: PromiseLike<readonly NewEvent[]>,
  decideOn: (state: unknown) => Answer | Promise<Answer>,
): Promise<Outcome> {
  try {
    const stored = toStored(subject, await past);
    return outcomeOf(subject, stored, await decideOn(subject.fold(stored)));
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Freezes plain objects and arrays, as deep as they go. Class instances stay as they are. */
export function deepFreeze<Value>(value: Value, done: Set<unknown> = new Set()): Value {
  if (typeof value !== "object" || value === null || done.has(value) || !isPlain(value)) return value;
  done.add(value);
  for (const member of Object.values(Object.freeze(value))) deepFreeze(member, done);
  return value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

function outcomeOf(subject: Subject, past: readonly StoredEvent[], answer: Answer): Outcome {
  if (isRejection(answer)) return { kind: "rejection", rejection: answer };
  const state = (): unknown => subject.fold([...past, ...toStored(subject, answer, past.length)]);
  return { kind: "events", events: answer, state };
}

function outcomeOfError(error: unknown): Outcome {
  if (error instanceof ExpectationError) throw error;
  return { kind: "error", error };
}

function toStored(subject: Subject, events: readonly NewEvent[], firstRevision = 0): readonly StoredEvent[] {
  if (!Array.isArray(events)) {
    throw new ExpectationError(`${subject.name}: the given events are not an array.`);
  }
  return events.map((event: NewEvent, index) => {
    const completed = completeIfCurrent(subject, event);
    requireJson(subject, completed, index);
    return storedEvent(subject, completed, firstRevision + index);
  });
}

/** An event of an older schema version is what it is; one of today's is completed as a decision would be. */
function completeIfCurrent(subject: Subject, event: NewEvent): NewEvent {
  const current = typeOf(subject.events, event.type).schemaVersion;
  return (event.schemaVersion ?? current) === current ? completeEvent(subject.events, event) : event;
}

function requireJson(subject: Subject, { type, data }: NewEvent, index: number): void {
  const fault = data instanceof Uint8Array ? undefined : findJsonFault(data, "data");
  if (fault === undefined) return;
  const where = `${subject.name}: event ${index} (${type}) holds ${fault.found} at ${fault.path}`;
  throw new ExpectationError(`${where}, which no store takes; write it as JSON.`);
}

/** An event as it comes back from a store, with an id and a time that are the same in every run. */
function storedEvent(subject: Subject, event: NewEvent, revision: number): StoredEvent {
  const { data } = event;
  return deepFreeze({
    id: event.id ?? `00000000-0000-7000-8000-${String(revision).padStart(12, "0")}`,
    stream: subject.stream,
    revision,
    position: revision + 1,
    type: event.type,
    schemaVersion: event.schemaVersion ?? typeOf(subject.events, event.type).schemaVersion,
    // The round trip is the point: a clone would keep what JSON does not.
    data: data instanceof Uint8Array ? data : (JSON.parse(JSON.stringify(data)) as unknown),
    metadata: { ...event.metadata },
    tags: [...new Set(event.tags)],
    recordedAt: event.recordedAt ?? "2000-01-01T00:00:00.000Z",
  });
}
