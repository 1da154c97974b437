/**
 * The read model `sales`: SQL tables that the report is read from.
 *
 * A cancellation says which order is cancelled, not what it was worth: the projection looks that up in its own table,
 * within the same transaction, which is what SQL projections are good at. Amounts are decimals as text, for SQLite has no
 * exact ones; they are added up here, by big.js. The SQL is what SQLite and PostgreSQL both speak: names with capitals stand
 * in quotes, which PostgreSQL would make small.
 */
import type { SqlRow, SqlTransaction, StoredEvent } from "hitherto/core";
import { sqlProjection } from "hitherto/core";
import { formatMoney, type Money, money, nothing, totalOf } from "./money.ts";
import { invoiceEvents, type ItemsRecorded } from "./order-events.ts";

/** What an invoice is, by the events on it. */
export type InvoiceKind = "sale" | "cancellation" | "adjustment";

/** Invoices, days and customers, with what each comes to. */
export const sales = sqlProjection("sales", {
  version: 2,
  tables: {
    invoices: `
      number TEXT PRIMARY KEY,
      place BIGINT NOT NULL,
      kind TEXT NOT NULL,
      customer TEXT,
      lines INTEGER NOT NULL,
      "linesWithoutCustomer" INTEGER NOT NULL,
      net TEXT NOT NULL,
      "isCancelled" INTEGER NOT NULL`,
    days: "day TEXT PRIMARY KEY, revenue TEXT NOT NULL",
    customers: "customer TEXT PRIMARY KEY, spend TEXT NOT NULL",
  },
  indexes: { invoices: ["(lines DESC, place)"] },
  events: invoiceEvents,
  on: {
    OrderPlaced: (transaction, data, event) => bookItems(transaction, data, { event, kind: "sale" }),
    ItemsAdded: (transaction, data, event) => bookItems(transaction, data, { event, kind: "sale" }),
    ItemsGivenFree: (transaction, data, event) => bookItems(transaction, data, { event, kind: "sale" }),
    ItemsReturned: (transaction, data, event) => bookItems(transaction, data, { event, kind: "sale" }),
    StockAdjusted: (transaction, data, event) => bookItems(transaction, data, { event, kind: "sale" }),
    CreditNoteIssued: (transaction, data, event) =>
      bookItems(transaction, data, { event, kind: "cancellation" }),
    DebtAdjusted: (transaction, data, event) => bookItems(transaction, data, { event, kind: "adjustment" }),
    OrderCancelled: bookCancellation,
    OrderRefunded: bookRefund,
  },
});

interface Invoice {
  readonly number: string;
  /** Position of its first event. */
  readonly place: number;
  readonly kind: InvoiceKind;
  readonly customer: string | null;
  readonly lines: number;
  readonly linesWithoutCustomer: number;
  readonly net: string;
  readonly isCancelled: 0 | 1;
}

async function bookItems(
  transaction: SqlTransaction,
  { customer, items }: ItemsRecorded,
  { event, kind }: { readonly event: StoredEvent; readonly kind: InvoiceKind },
): Promise<void> {
  const invoice = await getInvoice(transaction, event);
  const amount = totalOf(items);
  await putInvoice(transaction, {
    ...invoice,
    kind: kind === "sale" ? invoice.kind : kind,
    customer: invoice.customer ?? customer ?? null,
    lines: invoice.lines + items.length,
    linesWithoutCustomer: invoice.linesWithoutCustomer + (customer === undefined ? items.length : 0),
    net: formatMoney(money(invoice.net).plus(amount)),
  });
  await bookAmount(transaction, event, { customer: customer ?? null, amount });
}

/** Takes the whole order back, on the day of the cancellation. */
async function bookCancellation(
  transaction: SqlTransaction,
  _data: unknown,
  event: StoredEvent,
): Promise<void> {
  const invoice = await getInvoice(transaction, event);
  await putInvoice(transaction, { ...invoice, net: formatMoney(nothing), isCancelled: 1 });
  await bookAmount(transaction, event, {
    customer: invoice.customer,
    amount: nothing.minus(money(invoice.net)),
  });
}

/** The refund of a cancelled order only gives the money back: the revenue went with the cancellation. */
async function bookRefund(
  transaction: SqlTransaction,
  data: { readonly amount: string },
  event: StoredEvent,
): Promise<void> {
  const invoice = await getInvoice(transaction, event);
  if (invoice.isCancelled === 1) return;
  const amount = nothing.minus(money(data.amount));
  await putInvoice(transaction, { ...invoice, net: formatMoney(money(invoice.net).plus(amount)) });
  await bookAmount(transaction, event, { customer: invoice.customer, amount });
}

async function getInvoice(transaction: SqlTransaction, { stream, position }: StoredEvent): Promise<Invoice> {
  const number = stream.slice(stream.indexOf("-") + 1);
  const row = await transaction.get("SELECT * FROM {invoices} WHERE number = ?", [number]);
  if (row !== undefined) return row as unknown as Invoice;
  const none = { lines: 0, linesWithoutCustomer: 0, net: "0.00", isCancelled: 0 } as const;
  return { number, place: position, kind: "sale", customer: null, ...none };
}

async function putInvoice(transaction: SqlTransaction, invoice: Invoice): Promise<void> {
  const { number, place, kind, customer, lines, linesWithoutCustomer, net, isCancelled } = invoice;
  const values = [number, place, kind, customer, lines, linesWithoutCustomer, net, isCancelled];
  await transaction.run(
    `INSERT INTO {invoices} VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (number) DO UPDATE SET kind = excluded.kind, customer = excluded.customer, lines = excluded.lines,
       "linesWithoutCustomer" = excluded."linesWithoutCustomer", net = excluded.net, "isCancelled" = excluded."isCancelled"`,
    values,
  );
}

async function bookAmount(
  transaction: SqlTransaction,
  { recordedAt }: StoredEvent,
  { customer, amount }: { readonly customer: string | null; readonly amount: Money },
): Promise<void> {
  const day = recordedAt.slice(0, 10);
  const revenue = await transaction.get("SELECT revenue AS sum FROM {days} WHERE day = ?", [day]);
  await transaction.run(
    "INSERT INTO {days} VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET revenue = excluded.revenue",
    [day, plus(revenue, amount)],
  );
  if (customer === null) return;
  const spend = await transaction.get("SELECT spend AS sum FROM {customers} WHERE customer = ?", [customer]);
  await transaction.run(
    "INSERT INTO {customers} VALUES (?, ?) ON CONFLICT (customer) DO UPDATE SET spend = excluded.spend",
    [customer, plus(spend, amount)],
  );
}

function plus(row: SqlRow | undefined, amount: Money): string {
  return formatMoney(money(String(row?.["sum"] ?? 0)).plus(amount));
}
