import * as fc from "fast-check";
import { type EventStore, openMemoryStore } from "hitherto/store";
import { expect, test } from "vitest";
import { importTransactions, type ImportResult, surveyTransactions } from "../src/import.ts";
import { createReport, type Report } from "../src/report.ts";
import type { Transaction } from "../src/transaction.ts";
import { transactionFiles } from "./support/generated-transactions.ts";
import { naiveReport } from "./support/naive-report.ts";
import { tempFolder } from "./support/temp-folder.ts";
import { aTransaction, csvLine, csvOf, recoverRows, rowsInOrder, writeCsv } from "./support/transactions.ts";

interface Imported extends ImportResult {
  readonly invalidCount: number;
}

async function importFile(store: EventStore, path: string, skipChanged = false): Promise<Imported> {
  const survey = await surveyTransactions(path);
  const result = await importTransactions(store, path, survey, { skipChanged });
  return { ...result, invalidCount: survey.invalidCount };
}

async function importRows(
  store: EventStore,
  rows: readonly Transaction[],
  skipChanged?: boolean,
): Promise<Imported> {
  return importFile(store, writeCsv(tempFolder(), "rows.csv", csvOf(rows)), skipChanged);
}

async function reportOf(store: EventStore, until?: string): Promise<Report> {
  const report = createReport();
  const what = { categories: ["order"], ...(until !== undefined && { until }) };
  for await (const event of store.read(what)) report.add(event);
  return report.build({ sampleEvery: 3 });
}

/** Invoices of one to four rows each, more than one batch of them. */
function manyRows(invoices: number): Transaction[] {
  return Array.from({ length: invoices }, (_, index) => index).flatMap((index) =>
    Array.from({ length: (index % 4) + 1 }, (__, line) =>
      aTransaction({ invoice: String(100_000 + index), sku: `S${line}`, quantity: index + 1 }),
    ),
  );
}

test("every row can be had back from the events, and the report agrees with the rows", async () => {
  const folder = tempFolder();
  await fc.assert(
    fc.asyncProperty(transactionFiles({ min: 1, max: 40 }), async (rows) => {
      await using store = openMemoryStore();
      const result = await importFile(store, writeCsv(folder, "rows.csv.gz", csvOf(rows)));
      expect(result).toMatchObject({ rows: rows.length, invalidCount: 0, alreadyStored: 0 });
      expect(await recoverRows(store)).toEqual(rowsInOrder(rows));
      expect(await reportOf(store)).toEqual(naiveReport(rows, 3));
    }),
    { numRuns: 60 },
  );
});

test("the report as of a moment is the report of the rows up to then", async () => {
  const folder = tempFolder();
  await fc.assert(
    fc.asyncProperty(transactionFiles({ min: 1, max: 40 }), fc.nat(44), async (rows, day) => {
      const until = new Date(Date.UTC(2010, 11, 1 + day)).toISOString();
      await using store = openMemoryStore();
      await importFile(store, writeCsv(folder, "rows.csv", csvOf(rows)));
      await using earlier = openMemoryStore();
      const earlierRows = rows.filter((row) => row.at <= until);
      await importFile(earlier, writeCsv(folder, "earlier.csv", csvOf(earlierRows)));
      const { invoiceWithMostLines: then, ...asOf } = await reportOf(store, until);
      const { invoiceWithMostLines: longest, ...expected } = await reportOf(earlier);
      expect(asOf).toEqual(expected);
      // Of several longest invoices the first in the log counts, and a later line can delay one's place in the log.
      expect(then?.[1]).toBe(longest?.[1]);
    }),
    { numRuns: 40 },
  );
});

test("an import made again changes nothing", async () => {
  await using store = openMemoryStore();
  const rows = manyRows(1_200);
  const first = await importRows(store, rows);
  expect(first).toMatchObject({ rows: 3_000, invoices: 1_200, alreadyStored: 0, events: 2_400 });
  const head = await store.head();
  expect(await importRows(store, rows)).toEqual({ ...first, alreadyStored: 1_200 });
  expect(await store.head()).toBe(head);
});

test("a longer file adds only what is new, though its batches are stored in part", async () => {
  await using store = openMemoryStore();
  const rows = manyRows(1_200);
  await importRows(store, rows.slice(0, 1_000));
  expect(await importRows(store, rows)).toMatchObject({ invoices: 1_200, alreadyStored: 400 });
  expect(await recoverRows(store)).toEqual(rowsInOrder(rows));
});

test.each(["2", "C2"])(
  "invoice %s with other lines than before is refused by name and not doubled",
  async (invoice) => {
    await using store = openMemoryStore();
    const rows = [aTransaction(), aTransaction({ invoice }), aTransaction({ invoice: "3" })];
    await importRows(store, rows);
    const changed = rows.map((row) => (row.invoice === invoice ? { ...row, quantity: 7 } : row));
    const message = new RegExp(
      `^Line 3 of .*rows\\.csv is not valid: the store has invoice ${invoice} with other lines\\.$`,
    );
    await expect(importRows(store, changed)).rejects.toMatchObject({
      code: "LINE_INVALID",
      message: expect.stringMatching(message),
    });
    expect(await importRows(store, changed, true)).toMatchObject({ invoices: 2, changedInvoices: [invoice] });
    expect(await recoverRows(store)).toEqual(rowsInOrder(rows));
  },
);

test("an invoice that grew lines is refused too", async () => {
  await using store = openMemoryStore();
  const rows = [aTransaction(), aTransaction({ at: "2010-12-01T08:27:00.000Z" })];
  await importRows(store, rows.slice(0, 1));
  await expect(importRows(store, rows)).rejects.toMatchObject({ code: "LINE_INVALID" });
  expect(await recoverRows(store)).toEqual(rowsInOrder(rows.slice(0, 1)));
});

test("a line that is not valid keeps its whole invoice out, and nothing else", async () => {
  const good = aTransaction({ invoice: "1" });
  const half = aTransaction({ invoice: "2" });
  const text = `${csvOf([good, half])}2,X,"broken" quote,1,2010-12-01 08:26:00,1.00,,France\n${csvLine(good)}\n`;
  const path = writeCsv(tempFolder(), "rows.csv", text);
  const survey = await surveyTransactions(path);
  expect(survey.invalid.map(({ line }) => line)).toEqual([4]);
  expect([...survey.spoiltInvoices]).toEqual(["2"]);
  await using store = openMemoryStore();
  expect(await importFile(store, path)).toMatchObject({ rows: 2, invoices: 1, invalidCount: 1 });
  expect(await recoverRows(store)).toEqual(rowsInOrder([good, good]));
});

test("counts all invalid lines but keeps the first hundred", async () => {
  const text = csvOf([]) + "1,2,3\n".repeat(250);
  const survey = await surveyTransactions(writeCsv(tempFolder(), "rows.csv", text));
  expect(survey).toMatchObject({ rows: 0, invalidCount: 250 });
  expect(survey.invalid.length).toBe(100);
  expect(survey.invalid[99]).toEqual({ line: 101, problem: "it has 3 fields instead of 8", text: "1,2,3" });
});

test.each([
  ["an empty file", "", "the header is missing"],
  ["a file without a header", csvLine(aTransaction()), "the header is not InvoiceNo,"],
  ["a file with another header", "a,b,c\n1,2,3\n", "the header is not InvoiceNo,"],
])("refuses %s", async (_, text, problem) => {
  const path = writeCsv(tempFolder(), "rows.csv", text);
  await expect(surveyTransactions(path)).rejects.toMatchObject({
    code: "LINE_INVALID",
    details: { line: 1, problem: expect.stringContaining(problem) },
  });
});

test("reports progress up to the last row", async () => {
  const path = writeCsv(tempFolder(), "rows.csv", csvOf(manyRows(1_200)));
  await using store = openMemoryStore();
  const seen: number[] = [];
  const survey = await surveyTransactions(path);
  await importTransactions(store, path, survey, { onProgress: (rows) => seen.push(rows) });
  expect(seen.at(-1)).toBe(3_000);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});
