/**
 * What a given/when/then test runs: the past becomes stored events, the past is folded, the command is decided.
 */
import { HithertoError } from "../core/errors.ts";
import type { AnyEventTypes } from "../core/event-type.ts";
import { tagsOf, typeOf } from "../core/event-type.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import { findJsonFault } from "../core/json-check.ts";
import type { JsonFault } from "../core/json-check.ts";
import type { Rejection } from "../core/rejection.ts";
import { isRejection } from "../core/rejection.ts";
import { ExpectationError } from "./expectation-error.ts";

/** What is tested, as far as a scenario is concerned. */
export interface Subject {
  /** For messages, such as `account: "deposit"`. */
  readonly name: string;
  readonly stream: string;
  readonly events: AnyEventTypes;
  readonly fold: (events: readonly StoredEvent[]) => unknown;
}

/** An event that happened in a stream. */
export interface PastEventIn extends NewEvent {
  /** Default: `1` in the projection's first category, or in one of its name. */
  readonly stream?: string | undefined;
}

/** What a command was answered with. */
export type Answer = readonly NewEvent[] | Rejection;

/** What came of it: events, a rejection, or an error of folding or deciding. */
export type Outcome =
  | { readonly kind: "events"; readonly events: readonly NewEvent[]; readonly state: unknown }
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

/** The given events as a store would return them. An event may name its stream; the default is the subject's. */
export function toStored(
  subject: Pick<Subject, "name" | "stream" | "events">,
  events: readonly PastEventIn[],
): readonly StoredEvent[] {
  if (!Array.isArray(events)) {
    throw new ExpectationError(`${subject.name}: the given events are not an array.`);
  }
  const lengths = new Map<string, number>();
  return events.map((event: PastEventIn, index) => {
    requireEvent(subject.name, event, index);
    const fault = faultOf(event);
    if (fault !== undefined) {
      const where = `${subject.name}: event ${index} (${event.type}) holds ${fault.found} at ${fault.path}`;
      throw new ExpectationError(`${where}, which no store takes; write it as JSON.`);
    }
    const { stream = subject.stream } = event;
    const revision = lengths.get(stream) ?? 0;
    lengths.set(stream, revision + 1);
    return storedEvent(subject, withTags(subject, event), { stream, revision, position: index + 1 });
  });
}

/** Refuses, as an event that is given or expected, what has not even a type. */
export function requireEvent(name: string, event: unknown, index: number): void {
  const { type } = (event ?? {}) as Partial<NewEvent>;
  if (typeof type === "string") return;
  throw new ExpectationError(`${name}: event ${index} is no event; it has no type.`);
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

/** Does with decided events what `execute` does before it stores them: what no store or `evolve` takes is an error. */
function outcomeOf(subject: Subject, past: readonly StoredEvent[], answer: Answer): Outcome {
  if (isRejection(answer)) return { kind: "rejection", rejection: answer };
  const decided = answer.map((event, index) => {
    const fault = faultOf(event);
    if (fault !== undefined) throw new HithertoError("EVENT_NOT_JSON", { index, ...fault });
    const place = past.length + index;
    return storedEvent(subject, event, { stream: subject.stream, revision: place, position: place + 1 });
  });
  return { kind: "events", events: answer, state: subject.fold([...past, ...decided]) };
}

function outcomeOfError(error: unknown): Outcome {
  if (error instanceof ExpectationError) throw error;
  return { kind: "error", error };
}

/** An event of today's schema version has the tags that its definition derives; its schema saw other data than these. */
function withTags(subject: Pick<Subject, "events">, event: NewEvent): NewEvent {
  const definition = typeOf(subject.events, event.type);
  const isCurrent = (event.schemaVersion ?? definition.schemaVersion) === definition.schemaVersion;
  return isCurrent ? { ...event, tags: tagsOf(definition, event) } : event;
}

function faultOf({ data }: NewEvent): JsonFault | undefined {
  return data instanceof Uint8Array ? undefined : findJsonFault(data, "data");
}

/** An event as it comes back from a store, with an id and a time that are the same in every run. */
function storedEvent(
  subject: Pick<Subject, "events">,
  event: NewEvent,
  { stream, revision, position }: Pick<StoredEvent, "stream" | "revision" | "position">,
): StoredEvent {
  const { data } = event;
  return deepFreeze({
    id: event.id ?? `00000000-0000-7000-8000-${String(position - 1).padStart(12, "0")}`,
    stream,
    revision,
    position,
    type: event.type,
    schemaVersion: event.schemaVersion ?? typeOf(subject.events, event.type).schemaVersion,
    // The round trip is the point: a clone would keep what JSON does not.
    data: data instanceof Uint8Array ? data : (JSON.parse(JSON.stringify(data)) as unknown),
    metadata: { ...event.metadata },
    tags: [...new Set(event.tags)],
    recordedAt: event.recordedAt ?? "2000-01-01T00:00:00.000Z",
  });
}
