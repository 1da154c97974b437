/**
 * Queries over types and tags, the vocabulary of dynamic consistency boundaries (https://dcb.events/specification),
 * and the wider filters that reads accept.
 */
import { refuseArgument, requireArgument } from "./check-arguments.ts";
import type { StoredEvent } from "./event.ts";
import { categoryOf } from "./event.ts";

/**
 * One alternative of a query. An event matches when its type is one of `types` (if given) **and** its tags contain
 * all of `tags` (if given). An item with neither matches every event. Neither may be an empty list, or be there but undefined.
 */
export interface QueryItem {
  readonly types?: readonly string[];
  readonly tags?: readonly string[];
}

/**
 * Alternatives, OR-ed. The empty query matches every event.
 *
 * @example
 * ```ts
 * import type { Query } from "hitherto/core";
 * const query: Query = [
 *   { types: ["CourseDefined", "CapacityChanged"], tags: ["course:c1"] },
 *   { types: ["StudentSubscribed"], tags: ["student:s1"] },
 * ];
 * ```
 */
export type Query = readonly QueryItem[];

/**
 * Makes an append conditional on what has not happened: see {@link EventStore.append}. A decision model makes one for
 * what it looks at.
 *
 * @example
 * ```ts
 * import type { AppendCondition } from "hitherto/core";
 * const isFree: AppendCondition = { failIfMatch: [{ types: ["NameTaken"], tags: ["name:ada"] }] };
 * const asSeen: AppendCondition = { failIfMatch: [{ tags: ["course:c1"] }], after: 17 };
 * ```
 */
export interface AppendCondition {
  /** The append is refused when an event matches this query. */
  readonly failIfMatch: Query;
  /** Only events at a position *greater* than this one count. Default 0: all events count. */
  readonly after?: number;
}

/**
 * Which events a read returns. Every given part must hold (AND); within `types`, `categories` and `query` one
 * alternative is enough; of `tags` an event must carry all. A part that is there must say something: `undefined` and empty
 * lists of types, categories and tags are refused.
 *
 * @example
 * ```ts
 * import type { EventFilter } from "hitherto/core";
 * const ordersOfAda: EventFilter = { categories: ["order"], types: ["OrderPlaced", "OrderPaid"], tags: ["customer:ada"] };
 * ```
 */
export interface EventFilter {
  readonly types?: readonly string[];
  readonly categories?: readonly string[];
  readonly streamPrefix?: string;
  readonly tags?: readonly string[];
  readonly correlationId?: string;
  readonly query?: Query;
}

/** The part of an event that filters look at. */
export type FilterableEvent = Pick<StoredEvent, "stream" | "type" | "tags" | "metadata">;

/**
 * Whether an event matches a query; see {@link Query} for the rule. Pure.
 *
 * @example
 * ```ts
 * import { matchesQuery } from "hitherto/core";
 * matchesQuery([{ tags: ["course:c1"] }], { type: "CourseDefined", tags: ["course:c1"] }); // true
 * ```
 */
export function matchesQuery(query: Query, event: Pick<StoredEvent, "type" | "tags">): boolean {
  requireQuery(query);
  requireArgument("event", event);
  return passesQuery(query, event);
}

/** As {@link matchesQuery}, for queries that have been checked. */
export function passesQuery(query: Query, event: Pick<StoredEvent, "type" | "tags">): boolean {
  if (query.length === 0) return true;
  for (const item of query) {
    if (matchesItem(item, event)) return true;
  }
  return false;
}

/**
 * Whether an event passes a filter; see {@link EventFilter} for the rule. Pure.
 *
 * @example
 * ```ts
 * import { matchesFilter } from "hitherto/core";
 * const event = { stream: "order-17", type: "OrderPlaced", tags: [], metadata: {} };
 * matchesFilter({ categories: ["order"] }, event); // true
 * ```
 */
export function matchesFilter(filter: EventFilter, event: FilterableEvent): boolean {
  requireArgument("filter", filter);
  requireArgument("event", event);
  requireLists(filter, ["types", "categories", "tags"]);
  if (filter.query !== undefined) requireQuery(filter.query);
  return passesFilter(filter, event);
}

/** As {@link matchesFilter}, for filters that have been checked. */
export function passesFilter(filter: EventFilter, event: FilterableEvent): boolean {
  if (filter.types !== undefined && !filter.types.includes(event.type)) return false;
  if (filter.categories !== undefined && !filter.categories.includes(categoryOf(event.stream))) return false;
  if (filter.streamPrefix !== undefined && !event.stream.startsWith(filter.streamPrefix)) return false;
  if (filter.tags !== undefined && !containsAll(event.tags, filter.tags)) return false;
  const { correlationId } = filter;
  if (correlationId !== undefined && event.metadata.correlationId !== correlationId) return false;
  return filter.query === undefined || passesQuery(filter.query, event);
}

function matchesItem(item: QueryItem, event: Pick<StoredEvent, "type" | "tags">): boolean {
  if (item.types !== undefined && !item.types.includes(event.type)) return false;
  return item.tags === undefined || containsAll(event.tags, item.tags);
}

function requireQuery(query: unknown): void {
  if (!Array.isArray(query)) refuseArgument("query", "it must be an array of items");
  for (const item of query as readonly QueryItem[]) {
    requireArgument("query", item);
    requireLists(item, ["types", "tags"]);
  }
}

/** A part that is there but undefined would match everything, as if it were left out. */
function requireLists<Part extends string>(
  given: { readonly [Name in Part]?: readonly string[] },
  parts: readonly Part[],
): void {
  for (const part of parts) {
    if (!Array.isArray(given[part]) && part in given) refuseArgument(part, "it must be an array of strings");
  }
}

function containsAll(tags: readonly string[], wanted: readonly string[]): boolean {
  for (const tag of wanted) {
    if (!tags.includes(tag)) return false;
  }
  return true;
}
