import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExactJson } from "../../../src/core/exact-json.ts";
import { isExact } from "../../../src/core/exact-number.ts";

test.each([
  ['{"id":9007199254740993}', "9007199254740993 at id would become 9007199254740992"],
  ['{"a":[{"b c":-9007199254740993}]}', '-9007199254740993 at a[0]["b c"]'],
  ["18446744073709551616", "18446744073709551616 would become 18446744073709552000"],
  ["[1e400]", "1e400 at [0] would become Infinity"],
  ["1e-400", "would become 0"],
  ['{"price":12345678901234567.89}', "12345678901234567.89 at price"],
  ['{"x": 0.12345678901234567890 }', "0.12345678901234567890 at x"],
  [`[${"1".repeat(5_000)}]`, `${"1".repeat(60)}… at [0]`],
])("a number that JavaScript cannot hold is refused with its place: %s", (text, message) => {
  const { problem } = parseExactJson(text);
  expect(problem).toContain(message);
  expect(problem).toContain("write it as a string");
});

test.each([
  "0",
  "-0",
  "0.10",
  "1E3",
  "9007199254740991",
  "9007199254740992",
  "-0.30000000000000004",
  "1.7976931348623157e308",
  "5e-324",
  "0e99999",
  "100000000000000000000000",
  '{"text":"9007199254740993 1e400","1e400":true}',
])("what it can hold is what JSON.parse makes of it: %s", (text) => {
  expect(parseExactJson(text)).toEqual({ value: JSON.parse(text) as unknown });
});

test("text that is no JSON is no value", () => {
  expect(parseExactJson("{").problem).toMatch(/^it is not JSON \(/);
  expect(parseExactJson("[9007199254740993").problem).toMatch(/^it is not JSON \(/);
});

test("every value that was written by JSON.stringify is read", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseExactJson(text)).toEqual({ value: JSON.parse(text) as unknown });
    }),
  );
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => isExact(String(n))));
});

test("every integer beyond those that are written back is refused", () => {
  fc.assert(
    // Larger ones are written with an exponent.
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), (n) => {
      expect(isExact(String(n))).toBe(BigInt(String(Number(n))) === n);
    }),
  );
});
