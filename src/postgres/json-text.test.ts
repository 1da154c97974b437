import fc from "fast-check";
import { expect, test } from "vitest";
import { fromStored, toStored } from "./json-text.ts";

/** Strings of the characters that matter, halves of surrogate pairs among them. */
const text = fc
  .array(
    fc.constantFrom("\u0000", "\u0001", "\ufdd0", "\ud83d", "\ude00", "\u{1f600}", "\\", '"', "u", "0", "d8"),
  )
  .map((parts) => parts.join(""));
const value = fc.oneof(text, fc.dictionary(text, text), fc.array(fc.oneof(text, fc.jsonValue())));

test("any JSON text comes back as it was", () => {
  fc.assert(
    fc.property(value, (one) => {
      const json = JSON.stringify(one);
      expect(fromStored(toStored(json))).toBe(json);
    }),
  );
});

test("what is stored is JSON that holds neither U+0000 nor halves of surrogate pairs", () => {
  const isPlain = (one: unknown): boolean => {
    if (typeof one === "string") return one.isWellFormed() && !one.includes("\u0000");
    if (typeof one !== "object" || one === null) return true;
    return Object.entries(one).every((entry) => entry.every(isPlain));
  };
  fc.assert(
    fc.property(value, (one) => {
      const stored = toStored(JSON.stringify(one));
      expect(stored.isWellFormed()).toBe(true);
      expect(isPlain(JSON.parse(stored))).toBe(true);
    }),
  );
});

test("what PostgreSQL writes anew means the same", () => {
  fc.assert(
    fc.property(value, (one) => {
      const writtenAnew = JSON.stringify(JSON.parse(toStored(JSON.stringify(one))));
      expect(JSON.parse(fromStored(writtenAnew))).toEqual(JSON.parse(JSON.stringify(one)));
    }),
  );
});

test("text without them is stored as it is", () => {
  for (const json of ['{"a":"\\u001f \\\\u0000 \u{1f600}"}', '"ä\\n\\"漢"', "[1,null,1e21]"]) {
    expect(toStored(json)).toBe(json);
    expect(fromStored(json)).toBe(json);
  }
});

test("escapes that others write are told from what they look like", () => {
  expect(toStored('"\\ud83d\\ude00 \\uFDD0 \\\\u0000 \\u0000"')).toBe(
    '"\ufdd0ud83d\ufdd0ude00 \ufdd0uFDD0 \\\\u0000 \ufdd0u0000"',
  );
  expect(toStored('"half \ud800"')).toBe('"half \ufdd0ud800"');
});
