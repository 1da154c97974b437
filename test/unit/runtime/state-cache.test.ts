import { describe, expect, test } from "vitest";
import { createStateCache, deepFreeze } from "../../../src/runtime/state-cache.ts";

describe("a state cache", () => {
  test("forgets the entry that was not used for longest", () => {
    const cache = createStateCache<number>(2);
    cache.set("a", 1);
    cache.set("b", 2);
    cache.get("a");
    cache.set("c", 3);
    expect([cache.get("a"), cache.get("b"), cache.get("c")]).toEqual([1, undefined, 3]);
    expect(cache.size).toBe(2);
  });

  test("keeps nothing when it may keep nothing", () => {
    const cache = createStateCache<number>(0);
    cache.set("a", 1);
    expect(cache.get("a")).toBeUndefined();
  });
});

describe("deepFreeze", () => {
  test("freezes plain objects and arrays all the way down", () => {
    const state = { items: [{ price: 1 }], owner: { name: "Ada" } };
    expect(deepFreeze(state)).toBe(true);
    for (const part of [state, state.items, state.items[0], state.owner]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test("freezes what the caller froze only at the surface", () => {
    const state = Object.freeze({ items: [1] });
    expect(deepFreeze(state)).toBe(true);
    expect(Object.isFrozen(state.items)).toBe(true);
  });

  test("ends on a cycle", () => {
    const state: Record<string, unknown> = {};
    state["self"] = state;
    expect(deepFreeze(state)).toBe(true);
  });

  test.each([
    ["a Map", new Map()],
    ["a Date", new Date(0)],
    ["bytes", new Uint8Array(1)],
    ["an instance of a class", new URL("https://example.org")],
    ["a function", () => {}],
  ])("refuses a state that holds %s, and freezes no part of it", (_, part) => {
    const state = { nested: { part }, list: [] };
    expect(deepFreeze(state)).toBe(false);
    expect(Object.isFrozen(state)).toBe(false);
    expect(Object.isFrozen(state.list)).toBe(false);
  });
});
