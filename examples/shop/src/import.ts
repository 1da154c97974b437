/**
 * Imports a file of transactions into a store: one stream per invoice, all of it or nothing of it.
 *
 * The file is read twice. The survey looks at every line before anything is stored: it finds the lines that are not
 * valid and how many lines each invoice has. The import then knows, without looking ahead, when it holds the last line
 * of an invoice, wherever its lines lie; it keeps the unfinished invoices and one batch in memory, no more.
 *
 * It can be killed anywhere and run again. The events' ids follow from the file, so a batch that is stored already is
 * recognised by the store, and a batch that is stored in part (by an import of another file) goes in one invoice
 * at a time. Each invoice expects its stream to be empty, so one whose lines have changed since is refused, not doubled.
 */
import { HithertoError, isHithertoError } from "hitherto/core";
import type { EventStore, StreamAppend } from "hitherto/store";
import { type InvalidLine, readCsv } from "./csv-reader.ts";
import { eventsOfInvoice, orderStream } from "./invoice.ts";
import { decodeTransaction, type Transaction } from "./transaction.ts";

/** What a file holds. */
export interface Survey {
  /** Lines that can be read, in invoices that can be imported. */
  readonly rows: number;
  /** How many lines each importable invoice has. */
  readonly rowsOfInvoice: ReadonlyMap<string, number>;
  /** The first lines that are not valid, at most `invalidKept`. */
  readonly invalid: readonly InvalidLine[];
  readonly invalidCount: number;
  /** Invoices of which a line is not valid: they are left out as a whole. */
  readonly spoiltInvoices: ReadonlySet<string>;
}

/** What an import came to. */
export interface ImportResult {
  /** Lines that are in the store now. */
  readonly rows: number;
  /** Invoices that are in the store now. */
  readonly invoices: number;
  /** Of these invoices, those that were there before. */
  readonly alreadyStored: number;
  readonly events: number;
  /** Invoices left out because the store has them with other lines. */
  readonly changedInvoices: readonly string[];
}

/** How an import runs. */
export interface ImportOptions {
  /** Leave out, and report, invoices that the store has with other lines, instead of stopping. Default false. */
  readonly skipChanged?: boolean | undefined;
  /** Told the number of lines dealt with so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
}

/** How many invalid lines a survey keeps; it counts them all. */
export const invalidKept = 100;

const batchRowsMax = 5_000;
const batchInvoicesMax = 500;

/**
 * Looks through a file without storing anything.
 *
 * @throws `LINE_INVALID` when the header is wrong or missing; `FILE_UNREADABLE`.
 */
export async function surveyTransactions(path: string): Promise<Survey> {
  const rowsOfInvoice = new Map<string, number>();
  const spoiltInvoices = new Set<string>();
  const invalid: InvalidLine[] = [];
  let invalidCount = 0;
  let hasHeader = false;
  for await (const page of readCsv(path, decodeTransaction)) {
    for (const line of page.invalid) {
      if (!hasHeader && page.rows[0] !== "header") throw headerInvalid(path, line.problem);
      if (invalid.length < invalidKept) invalid.push(line);
      invalidCount += 1;
      const invoice = invoiceIn(line.text);
      if (invoice !== "") spoiltInvoices.add(invoice);
    }
    for (const row of page.rows) {
      if (row === "header") hasHeader = true;
      else rowsOfInvoice.set(row.invoice, (rowsOfInvoice.get(row.invoice) ?? 0) + 1);
    }
  }
  if (!hasHeader) throw headerInvalid(path, "the header is missing");
  for (const invoice of spoiltInvoices) rowsOfInvoice.delete(invoice);
  const rows = rowsOfInvoice.values().reduce((sum, count) => sum + count, 0);
  return { rows, rowsOfInvoice, invalid, invalidCount, spoiltInvoices };
}

/**
 * Imports what a survey of the same file found to be valid.
 *
 * @throws `LINE_INVALID` when the store has an invoice with other lines (unless `skipChanged`); whatever reading the file
 * and appending throw.
 */
export async function importTransactions(
  store: EventStore,
  path: string,
  survey: Survey,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const tally: Tally = { rows: 0, invoices: 0, alreadyStored: 0, events: 0, changedInvoices: [] };
  let dealtWith = 0;
  let lastBatch: Promise<void> = Promise.resolve();
  try {
    for await (const batch of batches(completeInvoices(path, survey))) {
      await lastBatch;
      options.onProgress?.(dealtWith);
      dealtWith += batch.reduce((sum, invoice) => sum + invoice.rows, 0);
      // The store writes this batch while the next one is being read.
      lastBatch = appendBatch({ store, path, tally, skipChanged: options.skipChanged ?? false }, batch);
      lastBatch.catch(() => undefined);
    }
  } finally {
    await lastBatch;
  }
  options.onProgress?.(dealtWith);
  return tally;
}

type Tally = { -readonly [Key in keyof ImportResult]: ImportResult[Key] } & { changedInvoices: string[] };

interface Invoice {
  readonly number: string;
  readonly rows: number;
  /** Of its first row. */
  readonly line: number;
  readonly append: StreamAppend;
}

/** Yields each invoice as soon as its last line has been read. */
async function* completeInvoices(path: string, survey: Survey): AsyncIterable<Invoice> {
  const unfinished = new Map<string, Transaction[]>();
  for await (const page of readCsv(path, decodeTransaction)) {
    for (const row of page.rows) {
      if (row === "header" || !survey.rowsOfInvoice.has(row.invoice)) continue;
      const rows = unfinished.get(row.invoice) ?? [];
      rows.push(row);
      if (rows.length < (survey.rowsOfInvoice.get(row.invoice) ?? 0)) {
        unfinished.set(row.invoice, rows);
      } else {
        unfinished.delete(row.invoice);
        yield toInvoice(row.invoice, rows);
      }
    }
  }
}

function toInvoice(number: string, rows: readonly Transaction[]): Invoice {
  const append = { stream: orderStream(number), expect: "none", events: eventsOfInvoice(rows) } as const;
  return { number, rows: rows.length, line: rows[0]?.line ?? 0, append };
}

async function* batches(invoices: AsyncIterable<Invoice>): AsyncIterable<Invoice[]> {
  let batch: Invoice[] = [];
  let rows = 0;
  for await (const invoice of invoices) {
    batch.push(invoice);
    rows += invoice.rows;
    if (rows >= batchRowsMax || batch.length === batchInvoicesMax) {
      yield batch;
      batch = [];
      rows = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

interface AppendContext {
  readonly store: EventStore;
  readonly path: string;
  readonly tally: Tally;
  readonly skipChanged: boolean;
}

async function appendBatch(context: AppendContext, batch: readonly Invoice[]): Promise<void> {
  try {
    const { isDuplicate } = await context.store.append(batch.map((invoice) => invoice.append));
    for (const invoice of batch) countInvoice(context.tally, invoice, isDuplicate);
  } catch (error) {
    if (!isStoredOtherwise(error)) throw error;
    for (const invoice of batch) await appendInvoice(context, invoice);
  }
}

async function appendInvoice(context: AppendContext, invoice: Invoice): Promise<void> {
  try {
    const { isDuplicate } = await context.store.append(invoice.append);
    countInvoice(context.tally, invoice, isDuplicate);
  } catch (error) {
    if (!isStoredOtherwise(error)) throw error;
    if (!context.skipChanged) throw invoiceChanged(context.path, invoice, error);
    context.tally.changedInvoices.push(invoice.number);
  }
}

function isStoredOtherwise(error: unknown): boolean {
  return isHithertoError(error, "REVISION_CONFLICT", "EVENT_ID_CONFLICT");
}

function countInvoice(tally: Tally, invoice: Invoice, isDuplicate: boolean): void {
  tally.rows += invoice.rows;
  tally.invoices += 1;
  tally.events += invoice.append.events.length;
  if (isDuplicate) tally.alreadyStored += 1;
}

/** The number of the invoice that an unreadable line belongs to, as far as it can be made out. */
function invoiceIn(text: string): string {
  return text.slice(0, Math.max(0, text.indexOf(","))).replaceAll('"', "");
}

function headerInvalid(path: string, problem: string): HithertoError {
  return new HithertoError("LINE_INVALID", { source: path, line: 1, problem });
}

function invoiceChanged(path: string, { line, number }: Invoice, cause: unknown): HithertoError {
  const problem = `the store has invoice ${number} with other lines`;
  return new HithertoError("LINE_INVALID", { source: path, line, problem }, { cause });
}
