// Fixtures: rows of the published shape, files of them, and the rows back from a store's events.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { StoredEvent } from "hitherto/core";
import type { EventStore } from "hitherto/store";
import type { ItemsRecorded } from "../../src/order-events.ts";
import { columns, type Transaction } from "../../src/transaction.ts";

/** A row; the defaults are those of an ordinary sale. */
export function aTransaction(overrides: Partial<Transaction> = {}): Transaction {
  return {
    line: 2,
    invoice: "536365",
    sku: "85123A",
    description: "WHITE HANGING HEART T-LIGHT HOLDER",
    quantity: 6,
    at: "2010-12-01T08:26:00.000Z",
    unitPrice: "2.55",
    customer: "17850.0",
    country: "United Kingdom",
    ...overrides,
  };
}

/** The text of one row in the file. */
export function csvLine(row: Transaction): string {
  const at = `${row.at.slice(0, 10)} ${row.at.slice(11, 19)}`;
  const { invoice, sku, description = "", quantity, unitPrice, customer = "", country } = row;
  return [invoice, sku, description, String(quantity), at, unitPrice, customer, country]
    .map(quoted)
    .join(",");
}

/** The text of a file with these rows. */
export function csvOf(rows: readonly Transaction[]): string {
  return `${[columns.join(","), ...rows.map(csvLine)].join("\n")}\n`;
}

/** Writes a file, compressed if its name ends in `.gz`, and returns its path. */
export function writeCsv(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

/** What an importer must be able to give back: the rows as text, invoice by invoice, in the order of their lines. */
export function rowsInOrder(rows: readonly Transaction[]): string[] {
  const byInvoice = Map.groupBy(rows, (row) => row.invoice);
  return [...byInvoice.keys()].sort().flatMap((invoice) => (byInvoice.get(invoice) ?? []).map(csvLine));
}

/** The rows as text again, from the events of a store alone. */
export async function recoverRows(store: EventStore): Promise<string[]> {
  const byInvoice = new Map<string, Array<{ place: number; text: string }>>();
  for await (const event of store.read({ categories: ["order"] })) {
    for (const { place, row } of rowsOf(event)) {
      const lines = byInvoice.get(row.invoice) ?? [];
      lines.push({ place, text: csvLine(row) });
      byInvoice.set(row.invoice, lines);
    }
  }
  return [...byInvoice.keys()]
    .sort()
    .flatMap((invoice) =>
      (byInvoice.get(invoice) ?? []).sort((a, b) => a.place - b.place).map((line) => line.text),
    );
}

function rowsOf(event: StoredEvent): Array<{ place: number; row: Transaction }> {
  const { items, customer, country } = event.data as Partial<ItemsRecorded>;
  return (items ?? []).map(({ line: place, ...item }) => ({
    place,
    row: {
      line: 0,
      invoice: event.stream.slice("order-".length),
      sku: item.sku,
      description: item.description,
      quantity: item.quantity,
      unitPrice: item.unitPrice,
      at: event.recordedAt,
      customer,
      country: country ?? "",
    },
  }));
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
