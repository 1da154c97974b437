import fc from "fast-check";
import type { Change } from "hitherto/core";
import { changes, deepEqual } from "hitherto/core";
import { describe, expect, test } from "vitest";

class Money {
  readonly amount: number;

  constructor(amount: number) {
    this.amount = amount;
  }
}

class Sealed {
  readonly #secret: number;

  constructor(secret: number) {
    this.#secret = secret;
  }

  reveal(): number {
    return this.#secret;
  }
}

function cycle(name: string): object {
  const node: { name: string; self?: object } = { name };
  node.self = node;
  return node;
}

/** Two objects that point at each other, and one that points at itself: the same shape when unrolled. */
function pairOfTwo(): object {
  const first: { next?: object } = {};
  first.next = { next: first };
  return first;
}

function pairOfOne(): object {
  const only: { next?: object } = {};
  only.next = only;
  return only;
}

describe("two values are equal", () => {
  test.each<[string, unknown, unknown]>([
    ["dates of one moment", new Date(5), new Date(5)],
    ["invalid dates", new Date(Number.NaN), new Date("x")],
    ["NaN", { n: Number.NaN }, { n: Number.NaN }],
    ["keys in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
    [
      "maps in another order",
      new Map([
        ["a", [1]],
        ["b", [2]],
      ]),
      new Map([
        ["b", [2]],
        ["a", [1]],
      ]),
    ],
    ["sets of equal objects", new Set([{ a: 1 }, { b: 2 }]), new Set([{ b: 2 }, { a: 1 }])],
    ["instances of one class", new Money(1), new Money(1)],
    ["URLs", new URL("https://a.example/"), new URL("https://a.example/")],
    ["an object without a prototype", Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
    ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    ["errors", new Error("a"), new Error("a")],
    ["cycles", cycle("a"), cycle("a")],
    ["cycles of unequal length", pairOfTwo(), pairOfOne()],
  ])("when they are %s", (_what, left, right) => {
    expect(deepEqual(left, right)).toBe(true);
    expect(changes(left, right)).toEqual([]);
  });
});

describe("two values differ", () => {
  test.each<[string, unknown, unknown]>([
    ["dates of different moments", new Date(1), new Date(2)],
    ["a date and its text", new Date(0), new Date(0).toISOString()],
    ["a date and an empty object", new Date(0), {}],
    ["0 and -0", 0, -0],
    ["a missing key and one that is undefined", {}, { a: undefined }],
    ["undefined and null", { a: undefined }, { a: null }],
    ["an extra key", { a: 1 }, { a: 1, b: 2 }],
    ["a longer array", [1], [1, 1]],
    ["arrays in another order", [1, 2], [2, 1]],
    ["a hole and undefined", Array.from({ length: 1 }), Array(1)],
    ["an array and an object with its keys", ["a"], { 0: "a" }],
    ["an instance and a plain object", new Money(1), { amount: 1 }],
    ["instances that hide what they hold", new Sealed(1), new Sealed(1)],
    ["URLs", new URL("https://a.example/"), new URL("https://b.example/")],
    ["maps with other values", new Map([["a", 1]]), new Map([["a", 2]])],
    ["a map and its entries", new Map([["a", 1]]), [["a", 1]]],
    ["sets with another count of equal objects", new Set([{}, { a: 1 }]), new Set([{ a: 1 }, { a: 1 }])],
    ["sets where one holds undefined", new Set([1]), new Set([undefined])],
    ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
    ["views of other bytes", new DataView(new ArrayBuffer(1)), new DataView(new ArrayBuffer(2))],
    ["regular expressions", /a/u, /b/u],
    ["errors", new Error("a"), new Error("b")],
    ["promises", Promise.resolve(1), Promise.resolve(1)],
    ["functions", () => 1, () => 1],
    ["a number and its text", 1, "1"],
    ["cycles with other names", cycle("a"), cycle("b")],
    ["symbol keys", { [Symbol.for("a")]: 1 }, { [Symbol.for("b")]: 1 }],
  ])("when they are %s", (_what, left, right) => {
    expect(deepEqual(left, right)).toBe(false);
    expect(deepEqual(right, left)).toBe(false);
  });
});

describe("changes", () => {
  test("names each place by a JSON Pointer", () => {
    const before = { owner: { name: "Ada" }, items: [{ price: 1 }, { price: 2 }], "a/b~c": 1 };
    const after = { owner: { name: "Bob" }, items: [{ price: 1 }, { price: 3 }], "a/b~c": 2 };
    expect(changes(before, after)).toEqual([
      { path: "/owner/name", before: "Ada", after: "Bob" },
      { path: "/items/1/price", before: 2, after: 3 },
      { path: "/a~1b~0c", before: 1, after: 2 },
    ]);
  });

  test("leaves out the side on which there is nothing", () => {
    const found = changes({ gone: undefined }, { come: undefined });
    expect(found.map((change) => Object.keys(change))).toEqual([
      ["path", "before"],
      ["path", "after"],
    ]);
  });

  test("lists what an array has lost from its end", () => {
    expect(changes([1, 2, 3], [1])).toEqual([
      { path: "/2", before: 3 },
      { path: "/1", before: 2 },
    ]);
  });

  test("reports the whole value where its kind changed", () => {
    expect(changes([1], { 0: 1 })).toEqual([{ path: "", before: [1], after: { 0: 1 } }]);
    expect(changes({ at: new Date(0) }, { at: new Date(1) })).toEqual([
      { path: "/at", before: new Date(0), after: new Date(1) },
    ]);
  });

  test("made one after the other, turn before into after", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        const applied = changes(before, after).reduce<unknown>(apply, structuredClone(before));
        expect(deepEqual(applied, after)).toBe(true);
      }),
    );
  });

  test("are none exactly when the values are equal", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
        expect(changes(before, after).length === 0).toBe(deepEqual(before, after));
        expect(changes(before, structuredClone(before))).toEqual([]);
      }),
    );
  });
});

/** Makes one change, as RFC 6902 would: by its pointer, into objects and arrays. */
function apply(root: unknown, change: Change): unknown {
  const keys = change.path.split("/").slice(1);
  const last = keys.pop()?.replaceAll("~1", "/").replaceAll("~0", "~");
  if (last === undefined) return change.after;
  const parent = keys.reduce(
    (value, key) => (value as Record<string, unknown>)[key.replaceAll("~1", "/").replaceAll("~0", "~")],
    root,
  ) as Record<string, unknown>;
  const property = { value: change.after, enumerable: true, configurable: true, writable: true };
  if ("after" in change) Object.defineProperty(parent, last, property);
  else if (Array.isArray(parent)) parent.pop();
  else Reflect.deleteProperty(parent, last);
  return root;
}
