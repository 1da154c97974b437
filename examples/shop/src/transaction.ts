/**
 * One line of the *Online Retail* data set: an item on an invoice.
 *
 * The file gives local times without a zone. They are taken as UTC, so that a day in the file is a day in the report.
 */
import { InvalidRecord, type RecordDecoder } from "./csv-reader.ts";

/** A row of the file, with everything that it says. */
export interface Transaction {
  /** Its line in the file, counted from 1. */
  readonly line: number;
  /** A letter before the digits marks a cancellation (`C`) or an adjustment of debts (`A`). */
  readonly invoice: string;
  readonly sku: string;
  readonly description: string | undefined;
  /** A whole number, below zero where goods come back or stock is written off. */
  readonly quantity: number;
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** The decimal number as the file writes it. */
  readonly unitPrice: string;
  /** As the file writes it, such as `17850.0`. */
  readonly customer: string | undefined;
  readonly country: string;
}

/** The columns of the file, in their order. */
export const columns: readonly string[] = [
  "InvoiceNo",
  "StockCode",
  "Description",
  "Quantity",
  "InvoiceDate",
  "UnitPrice",
  "CustomerID",
  "Country",
];

/** What the decoder returns for the header, which is no transaction. */
export type HeaderOrTransaction = Transaction | "header";

/**
 * Decodes the file's records: the header, then one transaction each.
 *
 * Missing descriptions and customers, prices of 0 and negative quantities are facts and pass; an unreadable number, date
 * or name is refused with a sentence that says which column holds what.
 */
export const decodeTransaction: RecordDecoder<HeaderOrTransaction> = (fields, line) => {
  if (line === 1) return header(fields);
  if (fields.length !== columns.length) {
    throw new InvalidRecord(`it has ${fields.length} fields instead of ${columns.length}`);
  }
  const [invoice, sku, description, quantity, at, unitPrice, customer, country] = fields as Fields;
  return {
    line,
    invoice: matching(invoice, /^[A-Za-z0-9]{1,32}$/, "InvoiceNo", "letters and digits"),
    sku: text(sku, "StockCode"),
    description: optionalText(description, "Description"),
    quantity: Number(matching(quantity, /^-?\d{1,9}$/, "Quantity", "a whole number")),
    at: moment(at),
    unitPrice: matching(unitPrice, /^-?\d{1,15}(\.\d{1,6})?$/, "UnitPrice", "a decimal number"),
    customer: customer === "" ? undefined : customerName(customer),
    country: text(country, "Country"),
  };
};

type Fields = [string, string, string, string, string, string, string, string];

const textLengthMax = 200;

function header(fields: readonly string[]): "header" {
  if (fields.join() === columns.join()) return "header";
  throw new InvalidRecord(`the header is not ${columns.join(",")}`);
}

function matching(value: string, pattern: RegExp, column: string, wanted: string): string {
  if (pattern.test(value)) return value;
  throw new InvalidRecord(`${column} is ${JSON.stringify(value.slice(0, textLengthMax))}, not ${wanted}`);
}

function text(value: string, column: string): string {
  if (value === "") throw new InvalidRecord(`${column} is missing`);
  return optionalText(value, column) ?? "";
}

/** It becomes a tag, and tags hold no control characters. */
function customerName(value: string): string {
  matching(value, /^\P{Cc}{1,100}$/u, "CustomerID", "a name of at most 100 characters");
  return text(value, "CustomerID");
}

function optionalText(value: string, column: string): string | undefined {
  if (value === "") return undefined;
  if (value.length > textLengthMax) {
    throw new InvalidRecord(`${column} is longer than ${textLengthMax} characters`);
  }
  if (value.includes("\uFFFD")) throw new InvalidRecord(`${column} is not UTF-8`);
  return value;
}

/** The moments of the last line: lines of one invoice share it, and checking a date is dear. */
let lastMoment = { text: "", at: "" };

function moment(value: string): string {
  if (value === lastMoment.text) return lastMoment.at;
  matching(value, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, "InvoiceDate", "a date such as 2010-12-01 08:26:00");
  const at = `${value.slice(0, 10)}T${value.slice(11)}.000Z`;
  const date = new Date(at);
  if (Number.isNaN(date.getTime()) || date.toISOString() !== at) {
    throw new InvalidRecord(`InvoiceDate is ${JSON.stringify(value)}, which no calendar has`);
  }
  lastMoment = { text: value, at };
  return at;
}
