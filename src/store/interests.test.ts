import fc from "fast-check";
import { expect, test } from "vitest";
import type { EventFilter } from "../core/query.ts";
import { concerns, Interests } from "./interests.ts";
import type { Interest, Sighting } from "./interests.ts";

const names = fc.constantFrom("a", "b", "a-1", "a-2", "b-1");
const some = fc.array(fc.constantFrom("x", "y", "z"), { maxLength: 2 });
const absent = fc.constant(undefined);
const maybe = <Value>(one: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.oneof(absent, absent, one);

const filters: fc.Arbitrary<EventFilter> = fc.record(
  {
    types: some,
    categories: fc.array(fc.constantFrom("a", "b"), { maxLength: 2 }),
    streamPrefix: fc.constantFrom("", "a", "a-", "b-1"),
    tags: some,
    correlationId: fc.constantFrom("x", "y"),
    query: fc.array(fc.record({ types: some, tags: some }, { requiredKeys: [] }), { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

const interests: fc.Arbitrary<Interest> = fc.record({
  stream: maybe(names),
  filter: maybe(filters),
  after: fc.integer({ min: -1, max: 3 }),
});

const sightings: fc.Arbitrary<Sighting> = fc.record({
  stream: names,
  revision: fc.integer({ min: 0, max: 3 }),
  position: fc.integer({ min: 1, max: 4 }),
  type: fc.constantFrom("x", "y", "z"),
  tags: fc.uniqueArray(fc.constantFrom("x", "y", "z")),
  metadata: fc.record({ correlationId: maybe(fc.constantFrom("x", "y")) }),
});

test("exactly those are found whom an event concerns, also after others have left", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(interests, fc.boolean()), { maxLength: 12 }),
      fc.array(sightings, { maxLength: 5 }),
      (all, events) => {
        const filed = new Interests<Interest>();
        for (const [interest] of all) filed.add(interest);
        for (const [interest, leaves] of all) if (leaves) expect(filed.delete(interest)).toBe(true);
        const left = all.flatMap(([interest, leaves]) => (leaves ? [] : [interest]));
        expect(filed.size).toBe(left.length);
        for (const event of events) {
          expect(new Set(filed.find(event))).toEqual(
            new Set(left.filter((interest) => concerns(interest, event))),
          );
        }
      },
    ),
  );
});

test("what is not there is not deleted", () => {
  const one = { stream: "a", filter: undefined, after: 0 };
  const filed = new Interests<Interest>();
  expect(filed.delete(one)).toBe(false);
  filed.add(one);
  expect(filed.delete(one)).toBe(true);
  expect(filed.delete(one)).toBe(false);
});
