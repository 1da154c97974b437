/**
 * What many wait for, found by an event without asking each of them: everybody is filed under the part of their filter that
 * narrows it most, such as a stream or a tag, and an event is looked up under each of its own parts.
 */
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import type { EventFilter, QueryItem } from "../core/query.ts";
import { passesFilter } from "../core/query.ts";

/** Which events somebody waits for. */
export interface Interest {
  /** Undefined for the whole log. */
  readonly stream: string | undefined;
  /** Undefined when every event passes. */
  readonly filter: EventFilter | undefined;
  /** What comes after this position (of a stream: revision). */
  readonly after: number;
}

/** The part of an event that interests look at. */
export type Sighting = Pick<StoredEvent, "stream" | "revision" | "position" | "type" | "tags" | "metadata">;

/** Those who wait, by what they wait for. */
export class Interests<Waiter extends Interest> {
  readonly #all = new Set<Waiter>();
  readonly #byKey = new Map<string, Set<Waiter>>();
  /** How many keys of prefixes there are, by the length of the prefix. */
  readonly #prefixLengths = new Map<number, number>();

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Waiter> {
    return this.#all.values();
  }

  add(waiter: Waiter): void {
    this.#all.add(waiter);
    for (const key of keysOf(waiter)) {
      const filed = this.#byKey.get(key);
      if (filed !== undefined) filed.add(waiter);
      else this.#open(key, waiter);
    }
  }

  /** False when it was not there. */
  delete(waiter: Waiter): boolean {
    if (!this.#all.delete(waiter)) return false;
    for (const key of keysOf(waiter)) {
      const filed = this.#byKey.get(key);
      filed?.delete(waiter);
      if (filed?.size === 0) this.#drop(key);
    }
    return true;
  }

  /** Those who wait for this event; some more than once. */
  *find(event: Sighting): Generator<Waiter, undefined> {
    for (const key of this.#lookups(event)) {
      for (const waiter of this.#byKey.get(key) ?? []) {
        if (concerns(waiter, event)) yield waiter;
      }
    }
  }

  #open(key: string, waiter: Waiter): void {
    this.#byKey.set(key, new Set([waiter]));
    if (isPrefix(key)) this.#prefixLengths.set(key.length, (this.#prefixLengths.get(key.length) ?? 0) + 1);
  }

  #drop(key: string): void {
    this.#byKey.delete(key);
    if (!isPrefix(key)) return;
    const left = (this.#prefixLengths.get(key.length) ?? 0) - 1;
    if (left > 0) this.#prefixLengths.set(key.length, left);
    else this.#prefixLengths.delete(key.length);
  }

  *#lookups({ stream, type, tags, metadata }: Sighting): Generator<string, undefined> {
    yield anything;
    yield key.stream(stream);
    yield key.type(type);
    yield key.category(categoryOf(stream));
    for (const tag of tags) yield key.tag(tag);
    if (metadata.correlationId !== undefined) yield key.correlation(metadata.correlationId);
    const whole = key.prefix(stream);
    for (const length of this.#prefixLengths.keys()) {
      if (length <= whole.length) yield whole.slice(0, length);
    }
  }
}

/** Whether an event is one that somebody waits for. */
export function concerns({ stream, filter, after }: Interest, event: Sighting): boolean {
  if (stream === undefined ? event.position <= after : event.stream !== stream || event.revision <= after) {
    return false;
  }
  return filter === undefined || passesFilter(filter, event);
}

const anything = "*";

const key = {
  stream: (name: string) => `stream ${name}`,
  prefix: (prefix: string) => `prefix ${prefix}`,
  tag: (tag: string) => `tag ${tag}`,
  correlation: (id: string) => `correlation ${id}`,
  type: (type: string) => `type ${type}`,
  category: (category: string) => `category ${category}`,
} as const;

const isPrefix = (one: string): boolean => one.startsWith(key.prefix(""));

/** Under these somebody is filed: an event that concerns them has at least one of them. */
function keysOf({ stream, filter }: Interest): readonly string[] {
  if (stream !== undefined) return [key.stream(stream)];
  const { types, categories, streamPrefix, tags = [], correlationId, query = [] } = filter ?? {};
  if (tags[0] !== undefined) return [key.tag(tags[0])];
  if (correlationId !== undefined) return [key.correlation(correlationId)];
  const ofQuery = keysOfQuery(query);
  if (ofQuery !== undefined) return ofQuery;
  if (streamPrefix !== undefined) return [key.prefix(streamPrefix)];
  if (types !== undefined) return unique(types.map(key.type));
  if (categories !== undefined) return unique(categories.map(key.category));
  return [anything];
}

/** Undefined when an alternative is open to every event. */
function keysOfQuery(query: readonly QueryItem[]): readonly string[] | undefined {
  if (query.length === 0) return undefined;
  const keys: string[] = [];
  for (const { tags: [tag] = [], types } of query) {
    if (tag !== undefined) keys.push(key.tag(tag));
    else if (types !== undefined) keys.push(...types.map(key.type));
    else return undefined;
  }
  return unique(keys);
}

function unique(keys: readonly string[]): readonly string[] {
  return [...new Set(keys)];
}
