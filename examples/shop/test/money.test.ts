import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatMoney, isPayable, isPrice, money, totalOf } from "../src/money.ts";

test("writes at least two decimals and never rounds one away", () => {
  const texts = ["0", "18", "2.5", "-35933.8", "2983494.131", "0.001", "1000000000000000000000.1"];
  expect(texts.map((text) => formatMoney(money(text)))).toEqual([
    "0.00",
    "18.00",
    "2.50",
    "-35933.80",
    "2983494.131",
    "0.001",
    "1000000000000000000000.10",
  ]);
});

test("sums are those of whole thousandths", () => {
  const item = fc.record({
    quantity: fc.integer({ min: -1e6, max: 1e6 }),
    mills: fc.integer({ min: 0, max: 1e8 }),
  });
  fc.assert(
    fc.property(fc.array(item, { maxLength: 30 }), (items) => {
      const total = totalOf(
        items.map(({ quantity, mills }) => ({ quantity, unitPrice: inThousandths(mills) })),
      );
      const mills = items.reduce((sum, each) => sum + BigInt(each.quantity) * BigInt(each.mills), 0n);
      expect(total.times("1000").toFixed(0)).toBe(mills.toString());
    }),
  );
});

test("binary floating point is refused", () => {
  expect(() => money(0.1 as unknown as string)).toThrow("Invalid value");
});

test("only a plain decimal above zero can be paid; a price may be zero", () => {
  const texts = [
    "1",
    "0.0001",
    "999999999999999.99",
    "0",
    "0.00",
    "-1",
    "1e3",
    "NaN",
    "",
    " 1",
    "1.00001",
    5,
    null,
  ];
  expect(texts.filter(isPayable)).toEqual(["1", "0.0001", "999999999999999.99"]);
  expect(texts.filter(isPrice)).toEqual(["1", "0.0001", "999999999999999.99", "0", "0.00"]);
});

function inThousandths(mills: number): string {
  const digits = String(mills).padStart(4, "0");
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}
