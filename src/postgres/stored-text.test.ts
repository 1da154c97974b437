import fc from "fast-check";
import { expect, test } from "vitest";
import { givenText, storedText } from "./stored-text.ts";

const piece = fc.constantFrom("a", "\0", "\ud800", "\udc00", "\ufdd0", "\\u0000", '"', "\\", "ü", "𝔘");
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));

test("every text comes back, and PostgreSQL takes what is stored of it", () => {
  fc.assert(
    fc.property(text, (given) => {
      const stored = storedText(given);
      expect(stored.isWellFormed()).toBe(true);
      expect(stored).not.toContain("\0");
      expect(givenText(stored)).toBe(given);
    }),
  );
});

test("ordinary text is stored as it is", () => {
  expect(storedText('it\'s "quoted" ü 𝔘')).toBe('it\'s "quoted" ü 𝔘');
});
