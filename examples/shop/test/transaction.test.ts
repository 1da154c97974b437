import { expect, test } from "vitest";
import { columns, decodeTransaction } from "../src/transaction.ts";

const valid = ["536365", "85123A", "WHITE LANTERN ", "6", "2010-12-01 08:26:00", "2.55", "17850.0", "Eire"];

function decodeWith(column: string, value: string): unknown {
  return decodeTransaction(
    valid.map((field, index) => (columns[index] === column ? value : field)),
    2,
  );
}

test("keeps every field as the file writes it, and the local time as UTC", () => {
  expect(decodeTransaction(valid, 7)).toEqual({
    line: 7,
    invoice: "536365",
    sku: "85123A",
    description: "WHITE LANTERN ",
    quantity: 6,
    at: "2010-12-01T08:26:00.000Z",
    unitPrice: "2.55",
    customer: "17850.0",
    country: "Eire",
  });
});

test.each([
  ["Description", "", { description: undefined }],
  ["CustomerID", "", { customer: undefined }],
  ["Quantity", "-80995", { quantity: -80_995 }],
  ["Quantity", "0", { quantity: 0 }],
  ["UnitPrice", "0.0", { unitPrice: "0.0" }],
  ["UnitPrice", "-11062.06", { unitPrice: "-11062.06" }],
  ["InvoiceNo", "C536379", { invoice: "C536379" }],
])("takes %s %j for a fact", (column, value, expected) => {
  expect(decodeWith(column, value)).toMatchObject(expected);
});

test.each([
  ["InvoiceNo", "", 'InvoiceNo is "", not letters and digits'],
  ["InvoiceNo", "53 65", 'InvoiceNo is "53 65", not letters and digits'],
  ["StockCode", "", "StockCode is missing"],
  ["Country", "", "Country is missing"],
  ["Quantity", "six", 'Quantity is "six", not a whole number'],
  ["Quantity", "1.5", 'Quantity is "1.5", not a whole number'],
  ["Quantity", "", 'Quantity is "", not a whole number'],
  ["UnitPrice", "2,55", 'UnitPrice is "2,55", not a decimal number'],
  ["UnitPrice", "NaN", 'UnitPrice is "NaN", not a decimal number'],
  ["UnitPrice", "1e3", 'UnitPrice is "1e3", not a decimal number'],
  ["InvoiceDate", "01/12/2010", 'InvoiceDate is "01/12/2010", not a date such as 2010-12-01 08:26:00'],
  ["InvoiceDate", "2011-02-30 08:26:00", 'InvoiceDate is "2011-02-30 08:26:00", which no calendar has'],
  ["CustomerID", "178\t50", 'CustomerID is "178\\t50", not a name of at most 100 characters'],
  ["Description", "caf\uFFFD", "Description is not UTF-8"],
  ["Description", "x".repeat(201), "Description is longer than 200 characters"],
])("refuses %s %j", (column, value, problem) => {
  expect(() => decodeWith(column, value)).toThrow(problem);
});

test("refuses a record with too few or too many fields", () => {
  expect(() => decodeTransaction(valid.slice(1), 2)).toThrow("it has 7 fields instead of 8");
  expect(() => decodeTransaction([...valid, ""], 2)).toThrow("it has 9 fields instead of 8");
});

test("the first line is the header, and no other header will do", () => {
  expect(decodeTransaction(columns, 1)).toBe("header");
  expect(() => decodeTransaction(valid, 1)).toThrow("the header is not InvoiceNo,StockCode,");
});
