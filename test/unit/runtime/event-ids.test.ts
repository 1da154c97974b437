import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventIdFor } from "../../../src/runtime/event-ids.ts";
import { uuidPattern } from "../../../src/store/check-input.ts";

describe("event ids from an idempotency key", () => {
  test("are version-8 UUIDs of the variant of RFC 9562", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (key, index) => {
        const id = eventIdFor(["account", "42"], key, index);
        expect(id).toMatch(uuidPattern);
        expect(id).toMatch(/^.{14}8.{4}[89ab]/);
      }),
    );
  });

  test("are the same for the same scope, key and index, in every process and release", () => {
    expect(eventIdFor(["account", "42"], "request-7", 0)).toBe("25a10a0e-e2da-8361-88d8-3455dfd3c3b2");
  });

  test("differ as soon as scope, key or index differ, however the parts are cut", () => {
    const ids = [
      eventIdFor(["a", "bc"], "k", 0),
      eventIdFor(["ab", "c"], "k", 0),
      eventIdFor(["a", "b"], "ck", 0),
      eventIdFor(["a", "bc"], "k", 1),
      eventIdFor(["a", 'bc","k'], "", 0),
      eventIdFor(["a"], "bc", 0),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });
});
