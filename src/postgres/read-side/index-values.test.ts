import fc from "fast-check";
import { expect, test } from "vitest";
import { compareIndexValues } from "../../store/document-query.ts";
import { decodeIndexValue, encodeIndexValue, givenText, orderedText } from "./index-values.ts";

const text = fc
  .array(fc.constantFrom("\u0000", "\u0001", "\u0002", "a", "b", "\uffff", "\u{10000}", "\u{10ffff}"))
  .map((parts) => parts.join(""));
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => one + 0);
const value = fc.oneof(fc.constant(null), number, fc.integer(), text);

const byBytes = (one: string, other: string): number =>
  Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other)));

test("texts sort by their bytes as the values sort", () => {
  fc.assert(
    fc.property(value, value, (one, other) => {
      const order = Math.sign(compareIndexValues(one, other));
      expect(byBytes(encodeIndexValue(one), encodeIndexValue(other))).toBe(order);
    }),
  );
});

test("every value comes back as it was, and -0 as 0", () => {
  fc.assert(
    fc.property(value, (one) => {
      expect(encodeIndexValue(one)).not.toContain("\u0000");
      expect(decodeIndexValue(encodeIndexValue(one))).toBe(one);
    }),
  );
  expect(decodeIndexValue(encodeIndexValue(-0))).toBe(0);
});

test("a text begins with another one as the strings do", () => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(orderedText(one).startsWith(orderedText(other))).toBe(one.startsWith(other));
      expect(givenText(orderedText(one))).toBe(one);
    }),
  );
});
