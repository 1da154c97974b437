import fc from "fast-check";
import {
  compositeKey,
  compositeKeyParts,
  documentJson,
  eventFor,
  eventType,
  evolveDocument,
  filterOf,
  keysOf,
  limits,
  projection,
  sqlProjection,
} from "hitherto/core";
import type { Projection, StoredEvent } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { aStoredEvent, errorOf } from "../../support/stored-event.ts";

const minimal = { initial: () => 0, evolve: { Counted: (count: number) => count + 1 } };

const stock = projection("stock", {
  initial: (sku) => ({ sku, quantity: 0 }),
  evolve: {
    ItemsReceived: (item, data: { quantity: number }) => ({
      ...item,
      quantity: item.quantity + data.quantity,
    }),
    ItemDropped: () => null,
  },
});

describe("projection()", () => {
  test("is a frozen value", () => {
    expect(Object.isFrozen(stock) && Object.isFrozen(stock.evolve) && Object.isFrozen(stock.indexes)).toBe(
      true,
    );
    expect(stock).toMatchObject({ kind: "projection", name: "stock", version: 1, indexes: [], ignore: [] });
    expect(stock.categories).toBeUndefined();
  });

  test("takes indexes of one field and of several", () => {
    const { indexes } = projection("orders", {
      initial: () => ({ status: "", customer: { name: "" } }),
      evolve: { OrderPlaced: (order) => order },
      indexes: ["status", ["customer.name", "status"]],
    });
    expect(indexes).toEqual([["status"], ["customer.name", "status"]]);
  });

  test.each([
    ["an empty name", ["", minimal], /its name ""/],
    ["a name with a dash", ["by-day", minimal], /its name "by-day"/],
    ["a long name", ["a".repeat(65), minimal], /1 to 64 letters/],
    ["a name that is none", [7, minimal], /its name what was given/],
    ["no options", ["a"], /the second argument is not an object/],
    ["no initial", ["a", { ...minimal, initial: undefined }], /initial is not a function/],
    ["no functions", ["a", { ...minimal, evolve: {} }], /evolve is empty/],
    [
      "what is no function",
      ["a", { ...minimal, evolve: { Counted: 1 } }],
      /evolve\.Counted is not a function/,
    ],
    ["a key that is no function", ["a", { ...minimal, key: "id" }], /key is not a function/],
    ["version 0", ["a", { ...minimal, version: 0 }], /version is not an integer from 1/],
    ["foreign event types", ["a", { ...minimal, events: { Counted: {} } }], /was not made by eventType/],
    ["no categories", ["a", { ...minimal, categories: [] }], /categories is empty/],
    ["a category with a dash", ["a", { ...minimal, categories: ["a-b"] }], /holds "-"/],
    ["ignore without categories", ["a", { ...minimal, ignore: ["Reset"] }], /only with categories/],
    [
      "ignoring what has a function",
      ["a", { ...minimal, categories: ["a"], ignore: ["Counted"] }],
      /ignore names Counted/,
    ],
    ["indexes that are no array", ["a", { ...minimal, indexes: "a" }], /indexes is not an array/],
    ["a field that is no path", ["a", { ...minimal, indexes: ["a..b"] }], /"a\.\.b" is not a path/],
    ["a field that is no text", ["a", { ...minimal, indexes: [7] }], /is not a path/],
    ["an index without fields", ["a", { ...minimal, indexes: [[]] }], /an index has no fields/],
    ["a repeated field", ["a", { ...minimal, indexes: [["b", "b"]] }], /names a field twice/],
    ["fields of one column", ["a", { ...minimal, indexes: ["b.c", "B_c"] }], /would both be the column b_c/],
    ["a field named as a column", ["a", { ...minimal, indexes: ["Key"] }], /Key and key/],
    [
      "too many indexes",
      ["a", { ...minimal, indexes: Array.from({ length: limits.indexesMax + 1 }, (_, n) => `f${n}`) }],
      /at most 32/,
    ],
  ])("refuses %s", (_what, given, problem) => {
    const error = errorOf(() => projection(...(given as Parameters<typeof projection>)));
    expect(error).toMatchObject({ code: "DEFINITION_INVALID", message: expect.stringMatching(problem) });
  });
});

describe("sqlProjection()", () => {
  const daily = { tables: { days: "day TEXT" }, on: { Counted: () => undefined } };

  test("is a frozen value", () => {
    const made = sqlProjection("daily", { ...daily, indexes: { days: ["(day)"] } });
    expect(Object.isFrozen(made) && Object.isFrozen(made.tables) && Object.isFrozen(made.indexes)).toBe(true);
    expect(made).toMatchObject({ kind: "sql-projection", version: 1, indexes: { days: ["(day)"] } });
    expect(filterOf(made)).toEqual({ types: ["Counted"] });
  });

  test.each([
    ["no tables", { ...daily, tables: {} }, /tables is empty/],
    ["a bad table name", { ...daily, tables: { "a b": "x" } }, /the table name "a b"/],
    ["a table without columns", { ...daily, tables: { a: " " } }, /tables\.a is not a string/],
    [
      "tables that differ in case",
      { ...daily, tables: { a: "x", A: "x" } },
      /differ in upper and lower case only/,
    ],
    ["an index on no table", { ...daily, indexes: { b: ["(x)"] } }, /indexes names the table b/],
    ["an index that is no text", { ...daily, indexes: { days: [7] } }, /indexes\.days is not an array of/],
    ["an index that is no list", { ...daily, indexes: { days: "(day)" } }, /indexes\.days is not an array/],
    ["no functions", { ...daily, on: {} }, /on is empty/],
  ])("refuses %s", (_what, given, problem) => {
    const error = errorOf(() => sqlProjection("daily", given as never));
    expect(error).toMatchObject({ code: "DEFINITION_INVALID", message: expect.stringMatching(problem) });
  });
});

describe("which events a projection sees", () => {
  const inOrders = projection("orders", { ...minimal, categories: ["order"], ignore: ["Printed"] });

  test("is those of its types, or those of its categories", () => {
    expect(filterOf(stock)).toEqual({ types: ["ItemsReceived", "ItemDropped"] });
    expect(filterOf(inOrders)).toEqual({ categories: ["order"] });
  });

  test("lets other types pass by where it names no categories", () => {
    expect(eventFor(stock, aStoredEvent("toString"))).toBeUndefined();
  });

  test("fails for a type without a function in its categories, unless it is ignored", () => {
    expect(eventFor(inOrders, aStoredEvent("Printed"))).toBeUndefined();
    const error = errorOf(() => eventFor(inOrders, aStoredEvent("Burnt")));
    expect(error).toMatchObject({
      code: "EVENT_TYPE_UNKNOWN",
      details: { definition: "orders", type: "Burnt" },
    });
  });

  test("lifts old events", () => {
    const lifted = projection("sums", {
      initial: () => 0,
      events: {
        Paid: eventType<{ cents: number }>({ version: 2, upcast: { 1: (cents: number) => ({ cents }) } }),
      },
      evolve: { Paid: (sum, data) => sum + data.cents },
    });
    expect(eventFor(lifted, aStoredEvent("Paid", 5))).toMatchObject({
      data: { cents: 5 },
      schemaVersion: 2,
    });
    const newer = errorOf(() => eventFor(lifted, aStoredEvent("Paid", 5, { schemaVersion: 3 })));
    expect(newer).toMatchObject({ code: "EVENT_NEWER_THAN_CODE" });
  });
});

describe("the keys of an event", () => {
  const withKey = (key: unknown): Projection<number> =>
    projection("counts", { ...minimal, key: () => (key instanceof Error ? fail(key) : key) as never });
  const keys = (key: unknown) => keysOf(withKey(key), aStoredEvent("Counted"));

  test("are by default the part of the stream's name after the category", () => {
    const of = (stream: string) => keysOf(stock, aStoredEvent("ItemDropped", {}, { stream }));
    expect([of("item-a-b"), of("item")]).toEqual([["a-b"], ["item"]]);
  });

  test("are none, one, or several without repetitions", () => {
    expect([keys(undefined), keys([]), keys("a"), keys(["b", "a", "b"])]).toEqual([
      [],
      [],
      ["a"],
      ["b", "a"],
    ]);
  });

  test.each([
    ["an empty string", ""],
    ["null", null],
    ["a value of type number", [1]],
    ["a promise", Promise.resolve("a")],
    ["a key of 1025 characters", "k".repeat(1025)],
    ["1001 keys", Array.from({ length: 1001 }, (_, n) => String(n))],
    ["threw Error: no", new Error("no")],
  ])("are refused: %s", (problem, key) => {
    expect(errorOf(() => keys(key))).toMatchObject({
      code: "PROJECTION_FAILED",
      details: { projection: "counts", position: 1, problem: expect.stringContaining(problem) },
    });
  });
});

function fail(error: Error): never {
  throw error;
}

describe("what an event makes of a document", () => {
  const made = (step: () => unknown, initial: () => unknown = () => 0) =>
    evolveDocument(
      projection("counts", { initial, evolve: { Counted: step as never } }),
      { key: "a", document: undefined },
      aStoredEvent("Counted"),
    );

  test("begins with the initial document of its key", () => {
    const event = aStoredEvent("ItemsReceived", { quantity: 2 });
    expect(evolveDocument(stock, { key: "tea", document: undefined }, event)).toEqual({
      sku: "tea",
      quantity: 2,
    });
  });

  test.each([
    ["returned nothing", () => made(() => undefined)],
    ["returned a promise", () => made(() => Promise.reject(new Error("late")))],
    [
      "threw RangeError: no",
      () =>
        made(() => {
          throw new RangeError("no.");
        }),
    ],
    [
      "its initial function returned nothing",
      () =>
        made(
          () => 1,
          () => undefined,
        ),
    ],
    [
      "its initial function returned a promise",
      () =>
        made(
          () => 1,
          () => Promise.resolve(1),
        ),
    ],
  ])("is refused when a function goes wrong: %s", (problem, run) => {
    expect(errorOf(run)).toMatchObject({
      code: "PROJECTION_FAILED",
      details: { projection: "counts", type: "Counted", stream: "account-42", revision: 0, problem },
    });
  });

  test("keeps the error that a function threw", () => {
    const cause = new Error("no");
    const error = errorOf(() =>
      made(() => {
        throw cause;
      }),
    );
    expect(error).toMatchObject({ cause });
  });

  test("must be plain JSON of limited length", () => {
    const event = aStoredEvent("Counted");
    expect(documentJson(stock, { sku: "tea", quantity: 1 }, event)).toBe('{"sku":"tea","quantity":1}');
    expect(errorOf(() => documentJson(stock, { at: new Date(0) }, event))).toMatchObject({
      code: "PROJECTION_FAILED",
      details: { problem: expect.stringContaining("an instance of Date at document.at") },
    });
    const long = "x".repeat(limits.documentLengthMax);
    expect(errorOf(() => documentJson(stock, long, event))).toMatchObject({ code: "PROJECTION_FAILED" });
  });
});

test("folds any events into the documents that folding by hand makes", () => {
  const received = fc.record({
    sku: fc.constantFrom("a", "b", "c"),
    quantity: fc.option(fc.integer(), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(received), (list) => {
      const folded = new Map<string, { sku: string; quantity: number }>();
      const byHand = new Map<string, { sku: string; quantity: number }>();
      for (const { sku, quantity } of list) {
        const type = quantity === undefined ? "ItemDropped" : "ItemsReceived";
        foldInto(folded, aStoredEvent(type, { quantity }, { stream: `item-${sku}` }));
        if (quantity === undefined) byHand.delete(sku);
        else byHand.set(sku, { sku, quantity: (byHand.get(sku)?.quantity ?? 0) + quantity });
      }
      expect(folded).toEqual(byHand);
    }),
  );
});

function foldInto(documents: Map<string, { sku: string; quantity: number }>, stored: StoredEvent): void {
  const event = eventFor(stock, stored);
  if (event === undefined) return;
  for (const key of keysOf(stock, event)) {
    const next = evolveDocument(stock, { key, document: documents.get(key) }, event);
    if (next === null) documents.delete(key);
    else documents.set(key, next);
  }
}

describe("composite keys", () => {
  const parts = fc.array(fc.oneof(fc.string(), fc.constantFrom("/", "%", "%2F", "%25", "a/b")), {
    minLength: 1,
  });
  const keyOf = (list: readonly string[]) => compositeKey(...(list as [string, ...string[]]));

  test("give their parts back", () => {
    fc.assert(
      fc.property(parts, (list) => {
        expect(compositeKeyParts(keyOf(list))).toEqual(list);
      }),
    );
  });

  test("begin with the key of their first parts, and with no other", () => {
    fc.assert(
      fc.property(parts, parts, (list, other) => {
        const isBeginning = other.length <= list.length && other.every((part, index) => part === list[index]);
        expect(keyOf(list).startsWith(keyOf(other))).toBe(isBeginning);
        expect(keyOf([...other, ...list]).startsWith(keyOf(other))).toBe(true);
      }),
    );
  });

  test("are refused without parts, and of anything but strings", () => {
    for (const given of [[], [7], [undefined]]) {
      const error = errorOf(() => compositeKey(...(given as unknown as [string])));
      expect(error).toMatchObject({ code: "ARGUMENT_INVALID", details: { argument: "parts" } });
    }
  });
});
