import fc from "fast-check";
import type { EventFilter, Query, QueryItem } from "hitherto/core";
import { categoryOf, matchesFilter, matchesQuery } from "hitherto/core";
import { expect, test } from "vitest";
import { aStoredEvent } from "../../support/stored-event.ts";

const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 3 });
const item: fc.Arbitrary<QueryItem> = fc.record({ types: names, tags: names }, { requiredKeys: [] });
const event = fc
  .record({ type: fc.constantFrom("a", "b", "c", "d"), tags: names })
  .map(({ type, tags }) => aStoredEvent(type, {}, { tags }));

/** The rule of the specification, written with sets. */
function matchesItemBySets({ types, tags }: QueryItem, type: string, eventTags: readonly string[]): boolean {
  const isOfType = types === undefined || new Set(types).has(type);
  return isOfType && new Set(tags).isSubsetOf(new Set(eventTags));
}

test("a query matches exactly when one of its items does, by type and by all tags", () => {
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 4 }), event, (query: Query, { type, tags }) => {
      const naive = query.some((one) => matchesItemBySets(one, type, tags));
      expect(matchesQuery(query, { type, tags })).toBe(naive);
    }),
  );
});

test("the empty query and the empty item match every event", () => {
  fc.assert(
    fc.property(event, (stored) => {
      expect(matchesQuery([], stored)).toBe(true);
      expect(matchesQuery([{}], stored)).toBe(true);
    }),
  );
});

test("an item with an empty list of types matches nothing", () => {
  expect(matchesQuery([{ types: [] }], aStoredEvent("a"))).toBe(false);
});

test.each<[EventFilter, boolean]>([
  [{}, true],
  [{ types: ["Paid"] }, true],
  [{ types: ["Shipped"] }, false],
  [{ types: [] }, false],
  [{ categories: ["order"] }, true],
  [{ categories: ["orde"] }, false],
  [{ streamPrefix: "order-2026" }, true],
  [{ streamPrefix: "2026" }, false],
  [{ tags: ["t1", "t2"] }, true],
  [{ tags: ["t1", "t3"] }, false],
  [{ correlationId: "k" }, true],
  [{ correlationId: "other" }, false],
  [{ query: [{ types: ["Paid"], tags: ["t2"] }] }, true],
  [{ query: [{ types: ["Paid"], tags: ["t3"] }] }, false],
  [{ types: ["Paid"], tags: ["t3"] }, false],
])("the filter %j answers %j to the paid order", (filter, matches) => {
  const parts = { stream: "order-2026-17", tags: ["t1", "t2"], metadata: { correlationId: "k" } };
  expect(matchesFilter(filter, aStoredEvent("Paid", {}, parts))).toBe(matches);
});

test.each([
  ["order-1", "order"],
  ["order-2026-17", "order"],
  ["order", "order"],
  ["-1", ""],
])("the category of %s is %j", (stream, category) => {
  expect(categoryOf(stream)).toBe(category);
});
