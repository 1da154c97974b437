// Made-up files with every quirk of the real one, so that the laws are tested where the real data is missing.
import * as fc from "fast-check";
import type { Transaction } from "../../src/transaction.ts";

const minutes = fc.integer({ min: 0, max: 60 * 24 * 45 });
const text = fc.stringMatching(/^[A-Z "',\n\u00e9]{0,12}$/);
const price = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("2.55", "0.85", "18.0", "0.1", "0.2", "0.001", "1") },
  { weight: 1, arbitrary: fc.constantFrom("0.0", "0") },
);

const line = fc.record({
  sku: fc.constantFrom("85123A", "22139", "POST", "M", "gift_0001_20"),
  description: fc.oneof(
    text.map((value) => (value === "" ? undefined : value)),
    fc.constant(undefined),
  ),
  quantity: fc.integer({ min: 0, max: 99_999 }),
  unitPrice: price,
  isMinuteLate: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
  isDisplaced: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
});

const invoice = fc.record({
  kind: fc.constantFrom("", "", "", "", "C", "A", "writeOff"),
  at: minutes,
  customer: fc.constantFrom(
    undefined,
    "17850.0",
    "14646.0",
    "12415.0",
    "13047.0",
    "12583.0",
    "18102.0",
    "15100.0",
  ),
  country: fc.constantFrom("United Kingdom", "EIRE", "France"),
  lines: fc.array(line, { minLength: 1, maxLength: 8 }),
});

/** Rows as a file holds them: invoices one after the other, with some lines out of place. */
export function transactionFiles(invoices: {
  readonly min: number;
  readonly max: number;
}): fc.Arbitrary<Transaction[]> {
  return fc.array(invoice, { minLength: invoices.min, maxLength: invoices.max }).map((made) => {
    const rows = made.flatMap((each, index) =>
      each.lines.map((item) => ({ item, row: toRow(each, index, item) })),
    );
    const placed = rows.map((row, index) => ({ ...row, place: index + (row.item.isDisplaced ? 3.5 : 0) }));
    return placed.sort((a, b) => a.place - b.place).map(({ row }, index) => ({ ...row, line: index + 2 }));
  });
}

type Made<T> = T extends fc.Arbitrary<infer Value> ? Value : never;

function toRow(each: Made<typeof invoice>, index: number, item: Made<typeof line>): Transaction {
  const isLetter = each.kind === "C" || each.kind === "A";
  const sign = each.kind === "C" || each.kind === "writeOff" ? -1 : 1;
  return {
    line: 0,
    invoice: `${isLetter ? each.kind : ""}${536_365 + index}`,
    sku: item.sku,
    description: item.description,
    quantity: item.quantity === 0 ? 0 : sign * item.quantity,
    at: new Date(Date.UTC(2010, 11, 1) + (each.at + (item.isMinuteLate ? 1 : 0)) * 60_000).toISOString(),
    unitPrice: each.kind === "A" ? `-${item.unitPrice}` : item.unitPrice,
    customer: each.customer,
    country: each.country,
  };
}
