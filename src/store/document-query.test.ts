import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../core/limits.ts";
import {
  checkQueryFields,
  compareIndexValues,
  compareText,
  documentOrder,
  indexedFields,
  indexValues,
  matches,
} from "./document-query.ts";
import type { DocumentQuery, FieldCondition, IndexValue, ReadModelShape } from "./read-side.ts";

const shape: ReadModelShape = {
  kind: "documents",
  indexes: [
    ["b", "a.c"],
    ["a.c", "d"],
  ],
};
const one: ReadModelShape = { kind: "documents", indexes: [["a"]] };

function indexed(value: unknown): IndexValue | undefined {
  return indexValues(one, { a: value })[0];
}

function holds(condition: FieldCondition, value: unknown): boolean {
  const query: DocumentQuery = { where: { a: condition }, sort: [], limit: 1 };
  return matches(query, ["a"], { key: "k", indexed: indexValues(one, { a: value }) });
}

test("fields come in the order of their first mention", () => {
  expect(indexedFields(shape)).toEqual(["b", "a.c", "d"]);
  expect(indexedFields({ kind: "sql", tables: {}, indexes: {} })).toEqual([]);
});

test("values come in the order of the fields, from within objects", () => {
  expect(indexValues(shape, { a: { c: 1 }, b: "x", "a.c": 2 })).toEqual(["x", 1, null]);
});

test("paths lead into no array, no text and no prototype", () => {
  const paths: ReadModelShape = {
    kind: "documents",
    indexes: [["a.length", "a.0", "constructor", "__proto__"]],
  };
  for (const a of [[1, 2], "text", null, 7, undefined]) {
    expect(indexValues(paths, { a })).toEqual([null, null, null, null]);
  }
  for (const document of [null, undefined, 1, "a", []]) {
    expect(indexValues(shape, document)).toEqual([null, null, null]);
  }
});

test("what is no string, finite number or boolean counts as null", () => {
  expect([true, false, 0.5, "", null].map(indexed)).toEqual([1, 0, 0.5, "", null]);
  expect([undefined, {}, [], Number.NaN, Infinity, 1n].map(indexed)).toEqual([
    null,
    null,
    null,
    null,
    null,
    null,
  ]);
  expect(Object.is(indexed(-0), 0)).toBe(true);
  expect(indexed("a\ud800")).toBe("a\ufffd");
});

test("a long string is cut between characters, and marked", () => {
  const max = limits.indexedLengthMax;
  expect(indexed("x".repeat(max))).toBe("x".repeat(max));
  expect(indexed("x".repeat(max + 1))).toBe(`${"x".repeat(max)}\u{10ffff}`);
  expect(indexed(`${"x".repeat(max - 1)}\u{1f600}`)).toBe(`${"x".repeat(max - 1)}\u{10ffff}`);
  expect(indexed(`${"x".repeat(max - 2)}\u{1f600}x`)).toBe(`${"x".repeat(max - 2)}\u{1f600}\u{10ffff}`);
});

const character = fc.constantFrom("a", "b", "\uffff", "\ue000", "\u{10000}", "\u{10ffff}", "\u0000");
const tail = fc.array(character, { maxLength: 4 }).map((list) => list.join(""));
const stem = "a".repeat(limits.indexedLengthMax - 3);
const text = fc.oneof(
  tail,
  tail.map((end) => stem + end),
);
const bound = text.filter((value) => value.length <= limits.indexedLengthMax);

test("filters say of what is indexed what they would say of the whole string", () => {
  fc.assert(
    fc.property(text, bound, (value, filter) => {
      const order = Buffer.compare(Buffer.from(value), Buffer.from(filter));
      expect(holds({ eq: filter }, value)).toBe(value === filter);
      expect(holds({ in: [filter] }, value)).toBe(value === filter);
      expect(holds({ prefix: filter }, value)).toBe(value.startsWith(filter));
      expect(holds({ gt: filter }, value)).toBe(order > 0);
      expect(holds({ gte: filter }, value)).toBe(order >= 0);
      expect(holds({ lt: filter }, value)).toBe(order < 0);
      expect(holds({ lte: filter }, value)).toBe(order <= 0);
    }),
    { numRuns: 2_000 },
  );
});

test("texts compare as their UTF-8 does", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Math.sign(compareText(a, b))).toBe(expected);
    }),
  );
});

test("null comes before numbers, numbers before strings", () => {
  const values = [null, -1e300, -1, 0, 0.5, 10, "", "\u0000", "1", "a", "\uffff", "\u{10000}"];
  expect(values.toReversed().sort(compareIndexValues)).toEqual(values);
});

test("ranges compare within one type, and null is in none", () => {
  expect(holds({ gte: 1 }, "1")).toBe(false);
  expect(holds({ lt: "b" }, 1)).toBe(false);
  expect(holds({ lte: null }, null)).toBe(false);
  expect(holds({ gt: 0 }, true)).toBe(true);
  expect(holds({ lt: 1 }, undefined)).toBe(false);
});

test("ties go by key, in the direction of the last field", () => {
  const documents = ["a", "\u{10000}", "\uffff"].map((key) => ({ key, indexed: [1, 2] }));
  const keys = (sort: DocumentQuery["sort"]): string[] =>
    documents.toSorted(documentOrder({ sort }, ["x", "y"])).map(({ key }) => key);
  expect(keys([])).toEqual(["a", "\uffff", "\u{10000}"]);
  expect(
    keys([
      { field: "x", isDescending: false },
      { field: "y", isDescending: true },
    ]),
  ).toEqual(["\u{10000}", "\uffff", "a"]);
});

test("a key prefix and all conditions must hold", () => {
  const query: DocumentQuery = { where: { x: { eq: 1 }, y: { gt: 1 } }, keyPrefix: "a%", sort: [], limit: 1 };
  const fields = ["x", "y"];
  expect(matches(query, fields, { key: "a%b", indexed: [1, 2] })).toBe(true);
  expect(matches(query, fields, { key: "ab", indexed: [1, 2] })).toBe(false);
  expect(matches(query, fields, { key: "a%b", indexed: [1, 1] })).toBe(false);
  expect(matches(query, fields, { key: "a%b", indexed: [2, 2] })).toBe(false);
});

test("a field without an index is named", () => {
  const sort = [{ field: "nope", isDescending: false }];
  expect(() => checkQueryFields("orders", ["a"], { where: { a: { eq: 1 } }, sort })).toThrow(
    'The read model "orders" has no index on "nope"; indexed are a.',
  );
});
