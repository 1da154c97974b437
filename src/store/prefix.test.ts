import fc from "fast-check";
import { expect, test } from "vitest";
import { compareText } from "./document-query.ts";
import { endOfPrefix } from "./prefix.ts";

const char = fc.constantFrom("\0", "a", "b", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}");
const text = fc.array(char, { maxLength: 4 }).map((chars) => chars.join(""));

test("a text lies between a prefix and its end exactly when it begins so", () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = endOfPrefix(prefix);
      for (const one of [other, prefix + other]) {
        const isWithin = compareText(one, prefix) >= 0 && (end === undefined || compareText(one, end) < 0);
        expect(isWithin).toBe(one.startsWith(prefix));
      }
    }),
    { numRuns: 2_000 },
  );
});
