import fc from "fast-check";
import { expect, test } from "vitest";
import { uuidV7 } from "./uuid.ts";

const lastMs = 2 ** 48 - 1;

test("an id has the form, version and variant of RFC 9562", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: lastMs }), (ms) => {
      const id = uuidV7(ms);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(id.slice(0, 13).replace("-", ""), 16)).toBe(ms);
    }),
  );
});

test("ids of one millisecond differ", () => {
  expect(new Set(Array.from({ length: 1_000 }, () => uuidV7(1))).size).toBe(1_000);
});
