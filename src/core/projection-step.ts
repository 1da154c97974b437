import { isPromise, threwInWords } from "./calls.ts";
/**
 * What becomes of one event in a projection, as pure steps: whether it passes by, which documents it concerns, what it
 * makes of each, and the text that is stored. Whoever runs projections calls these in this order; all that a definition
 * can do wrong is said here.
 */
import { requireArgument, requireKind } from "./check-arguments.ts";
import { HithertoError } from "./errors.ts";
import { typeOf, upcastTo } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import { findJsonFault } from "./json-check.ts";
import { limits } from "./limits.ts";
import type { AnyProjection, Projection } from "./projection.ts";
import type { EventFilter } from "./query.ts";

const projectionKinds: readonly string[] = ["projection", "sql-projection"];
const documentKind: readonly string[] = ["projection"];

/**
 * Which events a projection has to be shown: those of its categories, or else those of the types that have a function.
 *
 * @example
 * ```ts
 * import { filterOf, projection } from "hitherto/core";
 * const counts = projection("counts", { initial: () => 0, evolve: { Counted: (count) => count + 1 } });
 * filterOf(counts); // { types: ["Counted"] }
 * ```
 */
export function filterOf(projection: AnyProjection): EventFilter {
  requireKind("projection", projection, projectionKinds);
  const { categories } = projection;
  return categories === undefined ? { types: Object.keys(stepsOf(projection)) } : { categories };
}

/**
 * An event as the functions of a projection see it, lifted to the schema version of the code; undefined when it passes
 * by. Give it events that the {@link filterOf} the projection lets through.
 *
 * @throws `EVENT_TYPE_UNKNOWN` for a type that neither has a function nor is ignored, in a projection that names
 * categories; `EVENT_NEWER_THAN_CODE`, `UPCASTER_MISSING`, `UPCASTER_FAILED`.
 */
export function eventFor(projection: AnyProjection, event: StoredEvent): StoredEvent | undefined {
  requireKind("projection", projection, projectionKinds);
  requireArgument("event", event);
  const { type, stream, revision } = event;
  if (!Object.hasOwn(stepsOf(projection), type)) {
    if (projection.categories === undefined || projection.ignore.includes(type)) return undefined;
    throw new HithertoError("EVENT_TYPE_UNKNOWN", { type, definition: projection.name, stream, revision });
  }
  const definition = typeOf(projection.events, type);
  return event.schemaVersion === definition.schemaVersion ? event : upcastTo(definition, event);
}

/**
 * The keys of the documents that an event concerns, without repetitions. The event is one from {@link eventFor}.
 *
 * @throws `PROJECTION_FAILED` when `key` throws, or returns anything but undefined, a key of 1 to `limits.keyLengthMax`
 * characters, or at most `limits.keysPerEventMax` of them.
 */
// `any`: a projection both takes and gives its document.
// oxlint-disable-next-line typescript/no-explicit-any
export function keysOf(projection: Projection<any>, event: StoredEvent): readonly string[] {
  requireKind("projection", projection, documentKind);
  requireArgument("event", event);
  let found: unknown;
  try {
    found = projection.key(event);
  } catch (cause) {
    throw projectionFailed(projection, event, `its key function ${threwInWords(cause)}`, cause);
  }
  if (found === undefined) return [];
  const keys: readonly unknown[] = Array.isArray(found) ? found : [found];
  const problem = problemOfKeys(keys);
  if (problem !== undefined) throw projectionFailed(projection, event, `its key function ${problem}`);
  return keys.length < 2 ? (keys as readonly string[]) : [...new Set(keys as readonly string[])];
}

/**
 * What an event makes of a document, or of none yet: the next document, or null when it is removed. The event is one from
 * {@link eventFor}.
 *
 * @throws `PROJECTION_FAILED` when a function throws, or returns undefined or a promise.
 *
 * @example
 * ```ts
 * import type { Projection, StoredEvent } from "hitherto/core";
 * import { eventFor, evolveDocument, keysOf } from "hitherto/core";
 * function foldInto<Document>(projection: Projection<Document>, documents: Map<string, Document>, stored: StoredEvent): void {
 *   const event = eventFor(projection, stored);
 *   if (event === undefined) return;
 *   for (const key of keysOf(projection, event)) {
 *     const next = evolveDocument(projection, { key, document: documents.get(key) }, event);
 *     if (next === null) documents.delete(key);
 *     else documents.set(key, next);
 *   }
 * }
 * ```
 */
export function evolveDocument<Document>(
  projection: Projection<Document>,
  current: { readonly key: string; readonly document: Document | undefined },
  event: StoredEvent,
): Document | null {
  requireKind("projection", projection, documentKind);
  requireArgument("current", current);
  requireArgument("event", event);
  const { key, document } = current;
  const evolve = projection.evolve[event.type];
  if (evolve === undefined) return document ?? null;
  const before = document ?? initialOf(projection, key, event);
  let next: Document | null;
  try {
    next = evolve(before, event.data, event);
  } catch (cause) {
    throw projectionFailed(projection, event, threwInWords(cause), cause);
  }
  if (next === undefined) throw projectionFailed(projection, event, "returned nothing");
  if (isPromise(next)) throw projectionFailed(projection, event, "returned a promise");
  return next;
}

/**
 * The text by which a document is stored. `event` is the last one that changed it, for the error.
 *
 * @throws `PROJECTION_FAILED` for a document that is not plain JSON, or longer than `limits.documentLengthMax`.
 */
// `any`: see keysOf.
export function documentJson(
  // oxlint-disable-next-line typescript/no-explicit-any
  projection: Projection<any>,
  document: unknown,
  event: StoredEvent,
): string {
  requireKind("projection", projection, documentKind);
  requireArgument("event", event);
  const fault = findJsonFault(document, "document");
  if (fault !== undefined) {
    const problem = `made a document that holds ${fault.found} at ${fault.path}, which JSON cannot carry`;
    throw projectionFailed(projection, event, problem);
  }
  const json = JSON.stringify(document);
  if (json.length <= limits.documentLengthMax) return json;
  const problem = `made a document of ${json.length} characters; at most ${limits.documentLengthMax} are allowed`;
  throw projectionFailed(projection, event, problem);
}

/** The error for what a function of a projection did with an event. `problem` completes a sentence about the projection. */
export function projectionFailed(
  { name }: Pick<AnyProjection, "name">,
  { type, stream, revision, position }: StoredEvent,
  problem: string,
  cause?: unknown,
): HithertoError {
  const details = { projection: name, type, stream, revision, position, problem };
  return new HithertoError("PROJECTION_FAILED", details, cause === undefined ? undefined : { cause });
}

function stepsOf(projection: AnyProjection): object {
  return projection.kind === "projection" ? projection.evolve : projection.on;
}

function initialOf<Document>(projection: Projection<Document>, key: string, event: StoredEvent): Document {
  let document: Document;
  try {
    document = projection.initial(key);
  } catch (cause) {
    throw projectionFailed(projection, event, `its initial function ${threwInWords(cause)}`, cause);
  }
  if (document !== undefined && !isPromise(document)) return document;
  const found = document === undefined ? "nothing" : "a promise";
  throw projectionFailed(projection, event, `its initial function returned ${found}`);
}

function problemOfKeys(keys: readonly unknown[]): string | undefined {
  if (keys.length > limits.keysPerEventMax) {
    return `returned ${keys.length} keys; at most ${limits.keysPerEventMax} are allowed`;
  }
  for (const key of keys) {
    if (typeof key !== "string" || key === "") return `returned ${inWords(key)} where a key belongs`;
    if (key.length > limits.keyLengthMax) {
      return `returned a key of ${key.length} characters; at most ${limits.keyLengthMax} are allowed`;
    }
  }
  return undefined;
}

function inWords(value: unknown): string {
  if (value === "") return "an empty string";
  if (value === null) return "null";
  return isPromise(value) ? "a promise" : `a value of type ${typeof value}`;
}
