import type { StandardSchemaV1 } from "@standard-schema/spec";
import { isPromise, threwInWords } from "./calls.ts";
/**
 * Event types: what is known about the data of one type of event beyond its name. All of it is optional: a type
 * without a definition has schema version 1 and data that nobody checks.
 *
 * Schema versions form a chain. `upcast[n]` lifts data from version n to n + 1, so reading an old event applies each
 * step from its version up to the current one. The chain is checked when it is defined; what cannot be known then, an
 * event below its start or above its end, is refused when it is read.
 */
import { refuseArgument, requireArgument } from "./check-arguments.ts";
import { refuseDefinition, requireCount, requireFunction, requireObject } from "./check-definition.ts";
import { HithertoError } from "./errors.ts";
import type { NewEvent, StoredEvent } from "./event.ts";

/** Highest schema version that an event can have; it fits into two bytes. */
const schemaVersionMax = 65_535;

const owner = "eventType";

/**
 * Lifts the data of an old event by one schema version, to new data. Pure and synchronous; it must not change what
 * it is given. The event as stored comes second, for what the data lack (its metadata, tags or time).
 */
// `any`: the shape of an old version is known only to whoever wrote it, and is written nowhere else.
// oxlint-disable-next-line typescript/no-explicit-any
export type Upcaster = (data: any, event: StoredEvent) => unknown;

/** What {@link eventType} takes. */
export interface EventTypeOptions<Data> {
  /** Current version of the shape of the data, written into new events: 1 to 65,535. Default 1. */
  readonly version?: number | undefined;
  /** Oldest version that a store may still hold. Default 1; raise it to drop upcasters that are no longer needed. */
  readonly oldestVersion?: number | undefined;
  /**
   * Checks the data of new events: any Standard Schema (https://standardschema.dev) that answers synchronously. What
   * it returns is what is stored. Events that are read are not checked again.
   */
  readonly schema?: StandardSchemaV1<unknown, Data> | undefined;
  /** `upcast[n]` lifts version n to n + 1; one for each version from `oldestVersion` to the one before `version`. */
  readonly upcast?: Readonly<Record<number, Upcaster>> | undefined;
  /** Derives tags from the data of a new event, beside those that the event states itself. */
  readonly tags?: ((data: Data) => readonly string[]) | undefined;
}

/** What is known about one type of event. Made by {@link eventType}; its name is the key it is listed under. */
export interface EventType<Data = unknown> {
  readonly kind: "event-type";
  readonly schemaVersion: number;
  readonly oldestVersion: number;
  readonly schema: StandardSchemaV1<unknown, Data> | undefined;
  readonly upcast: Readonly<Record<number, Upcaster>>;
  readonly tags: ((data: Data) => readonly string[]) | undefined;
}

/** Definitions by event type, for a map from event type to data. */
export type EventTypes<Events> = { readonly [Type in keyof Events]?: EventType<Events[Type]> };

/**
 * The data of an event type that is listed either by its definition or by its data alone. What definitions and
 * annotations say is inferred into one type parameter; definitions go first.
 */
export type DataIn<Entry> = Entry extends EventType<infer Data> ? Data : Entry;

/** The map from event types to data that such a list comes to. Unknown as long as the list is. */
export type EventsIn<Listed> = unknown extends Listed
  ? unknown
  : Listed extends infer Shown
    ? { [Type in keyof Shown]: DataIn<Shown[Type]> }
    : never;

/** A stored event, for a map from event types to data: one alternative for each type. */
export type StoredEventOf<Events> = unknown extends Events
  ? StoredEvent
  : { [Type in keyof Events & string]: StoredEvent<Type, Events[Type]> }[keyof Events & string];

/** Definitions by event type, as options take them. */
export type ListedTypes<Listed> = Listed & Readonly<Record<string, Pick<EventType, "kind">>>;

/** Any definitions by event type. */
// `any`: a definition takes and gives its data, so no narrower type holds all of them.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyEventTypes = Readonly<Record<string, EventType<any> | undefined>>;

/**
 * Says what the data of one type of event look like, once: give the data as a type argument, or a schema to infer it
 * from.
 *
 * @throws `DEFINITION_INVALID` for a version outside 1 to 65,535, a gap in the upcasters, an upcaster for a version
 * outside the chain, or a schema that is none.
 *
 * @example
 * ```ts
 * import { eventType } from "hitherto/core";
 * const events = {
 *   AccountOpened: eventType<{ owner: string }>(),
 *   MoneyDeposited: eventType<{ amount: number; currency: string }>({
 *     version: 2,
 *     upcast: { 1: (data: { amount: number }) => ({ ...data, currency: "EUR" }) },
 *     tags: (data) => [`currency:${data.currency}`],
 *   }),
 * };
 * ```
 */
export function eventType<Data = unknown>(options: EventTypeOptions<Data> = {}): EventType<Data> {
  requireObject(owner, "the argument", options);
  const { version = 1, oldestVersion = 1, schema, upcast: steps = {}, tags } = options;
  requireObject(owner, "upcast", steps);
  requireCount(owner, "version", version, schemaVersionMax);
  requireCount(owner, "oldestVersion", oldestVersion, version);
  requireChain(steps, oldestVersion, version);
  if (schema !== undefined) {
    requireFunction(owner, "the validate function of schema", schema?.["~standard"]?.validate);
  }
  if (tags !== undefined) requireFunction(owner, "tags", tags);
  return Object.freeze({
    kind: "event-type",
    schemaVersion: version,
    oldestVersion,
    schema,
    upcast: Object.freeze({ ...steps }),
    tags,
  });
}

/**
 * Lifts an event to the schema version that its type has in the code. An event that is there already is returned as
 * it is, the same object; a type that is not listed has version 1.
 *
 * @throws `EVENT_NEWER_THAN_CODE`, `UPCASTER_MISSING` for an event older than `oldestVersion`, `UPCASTER_FAILED`.
 *
 * @example
 * ```ts
 * import type { StoredEvent } from "hitherto/core";
 * import { eventType, upcast } from "hitherto/core";
 * const events = { Paid: eventType({ version: 2, upcast: { 1: (cents: number) => ({ cents }) } }) };
 * const current = (event: StoredEvent) => upcast(events, event);
 * ```
 */
export function upcast(types: AnyEventTypes, event: StoredEvent): StoredEvent {
  requireArgument("types", types);
  requireArgument("event", event);
  const definition = typeOf(types, event.type);
  return event.schemaVersion === definition.schemaVersion ? event : upcastTo(definition, event);
}

/**
 * Lifts an event, of whatever older version, to its definition's. For callers that have looked the definition up and
 * seen that the versions differ; others use {@link upcast}.
 */
export function upcastTo(definition: EventType, event: StoredEvent): StoredEvent {
  const { schemaVersion: knownVersion, upcast: steps } = definition;
  const { type, schemaVersion, stream, revision } = event;
  if (schemaVersion > knownVersion) {
    throw new HithertoError("EVENT_NEWER_THAN_CODE", { type, schemaVersion, knownVersion, stream, revision });
  }
  let data = event.data;
  for (let version = schemaVersion; version < knownVersion; version++) {
    const step = steps[version];
    if (step === undefined) {
      throw new HithertoError("UPCASTER_MISSING", { type, fromVersion: version, knownVersion });
    }
    data = applyUpcaster(step, data, version, event);
  }
  return { ...event, data, schemaVersion: knownVersion };
}

/** The definition of types that are not listed. */
const plain: EventType = eventType();

/** The definition of a type, or that of an unlisted one. */
export function typeOf(types: AnyEventTypes, type: string): EventType {
  return (Object.hasOwn(types, type) ? types[type] : undefined) ?? plain;
}

/**
 * Completes an event for appending by what its definition says: the schema version, the data as its schema returns
 * them, and its tags. Properties that are set stay.
 *
 * @throws `SCHEMA_VIOLATION`; `DEFINITION_INVALID` for a schema that answers asynchronously; `ARGUMENT_INVALID` when
 * the event states another schema version than the definition's.
 *
 * @example
 * ```ts
 * import { completeEvent, eventType } from "hitherto/core";
 * const events = { Joined: eventType<{ student: string }>({ tags: (data) => [`student:${data.student}`] }) };
 * completeEvent(events, { type: "Joined", data: { student: "s1" } }).tags; // ["student:s1"]
 * ```
 */
export function completeEvent(types: AnyEventTypes, event: NewEvent): NewEvent {
  requireArgument("types", types);
  requireArgument("event", event);
  if (typeof event.type !== "string") refuseArgument("event.type", "it must be a string");
  const definition = typeOf(types, event.type);
  const { schemaVersion } = definition;
  if (event.schemaVersion !== undefined && event.schemaVersion !== schemaVersion) {
    const problem = `${event.type} is at schema version ${schemaVersion} in the code, not ${event.schemaVersion}`;
    throw new HithertoError("ARGUMENT_INVALID", { argument: "schemaVersion", problem });
  }
  if (definition === plain) return event;
  const data = validate(event.type, definition, event.data);
  const tags = tagsOf(definition, { ...event, data });
  return { ...event, data, schemaVersion, ...(tags !== undefined && { tags }) };
}

/** The tags that an event states, behind those that its definition derives from its data. */
export function tagsOf(definition: EventType, { data, tags }: NewEvent): readonly string[] | undefined {
  const derived = definition.tags?.(data) ?? [];
  return derived.length === 0 ? tags : [...new Set([...derived, ...(tags ?? [])])];
}

/** Refuses definitions that did not come from {@link eventType}. */
export function requireEventTypes(definition: string, types: unknown): void {
  if (types === undefined) return;
  requireObject(definition, "events", types);
  for (const [type, made] of Object.entries(types as AnyEventTypes)) {
    if (made?.kind !== "event-type") {
      refuseDefinition(definition, `events.${type} was not made by eventType()`);
    }
  }
}

function validate(type: string, definition: EventType, data: unknown): unknown {
  if (definition.schema === undefined) return data;
  const result = definition.schema["~standard"].validate(data);
  if (isPromise(result)) {
    const problem = "its schema answers asynchronously, and a decision is synchronous";
    throw new HithertoError("DEFINITION_INVALID", { definition: type, problem });
  }
  if (result.issues === undefined) return result.value;
  throw new HithertoError("SCHEMA_VIOLATION", { type, issues: result.issues.map(issueInWords) });
}

function issueInWords({ path, message }: StandardSchemaV1.Issue): string {
  if (path === undefined || path.length === 0) return message;
  const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
  return `${keys.join(".")}: ${message}`;
}

function applyUpcaster(step: Upcaster, data: unknown, fromVersion: number, event: StoredEvent): unknown {
  const { type, stream, revision } = event;
  const details = { type, fromVersion, stream, revision };
  let lifted: unknown;
  try {
    lifted = step(data, event);
  } catch (cause) {
    throw new HithertoError("UPCASTER_FAILED", { ...details, problem: threwInWords(cause) }, { cause });
  }
  if (lifted !== undefined && !isPromise(lifted)) return lifted;
  const problem = lifted === undefined ? "returned nothing" : "returned a promise";
  throw new HithertoError("UPCASTER_FAILED", { ...details, problem });
}

function requireChain(steps: Readonly<Record<number, Upcaster>>, oldest: number, current: number): void {
  for (let version = oldest; version < current; version++) {
    if (typeof steps[version] === "function") continue;
    refuseDefinition(
      owner,
      `no upcaster lifts schema version ${version} to ${version + 1} on the way to ${current}`,
    );
  }
  for (const key of Object.keys(steps)) {
    if (Number(key) >= oldest && Number(key) < current) continue;
    refuseDefinition(owner, `upcast.${key} is outside the chain from schema version ${oldest} to ${current}`);
  }
}
