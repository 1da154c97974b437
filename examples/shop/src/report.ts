/**
 * What the shop has sold, from its events alone. `createReport` folds events one by one; it holds sums per invoice,
 * customer and day, never the events themselves.
 */
import type { StoredEvent } from "hitherto/core";
import { formatMoney, type Money, money, nothing, totalOf } from "./money.ts";
import type { AmountRecorded, ItemsRecorded } from "./order-events.ts";

/** The report as JSON prints it. Amounts are exact decimals as text; days are days in UTC. */
export interface Report {
  /** Items on all invoices. */
  readonly rows: number;
  readonly invoices: number;
  readonly cancellationInvoices: number;
  readonly adjustmentInvoices: number;
  /** Different customers. */
  readonly customers: number;
  readonly rowsWithoutCustomer: number;
  /** Everything sold, less what was credited, returned, cancelled or refunded. */
  readonly netRevenue: string;
  /** Days on which anything was recorded. */
  readonly days: number;
  /** Every n-th of these days, from the first; n is {@link ReportOptions.sampleEvery}. */
  readonly dailyRevenueSample: Readonly<Record<string, string>>;
  /** The five best, as customer and amount. */
  readonly topCustomersByNetSpend: ReadonlyArray<readonly [customer: string, amount: string]>;
  /** The longest one, the first of several: invoice, lines, amount. Null when there is none. */
  readonly invoiceWithMostLines: readonly [invoice: string, lines: number, amount: string] | null;
}

/** How a report is made. */
export interface ReportOptions {
  /** Days from one sample of the daily revenue to the next. Default 20. */
  readonly sampleEvery?: number | undefined;
}

/** See {@link ReportOptions.sampleEvery}. */
export const sampleEveryDefault = 20;

/** Customers that a report names. */
export const topCustomers = 5;

/** A report in the making. */
export interface ReportBuilder {
  /** Counts an event in; events that are no business of the report pass by. */
  add(event: Pick<StoredEvent, "stream" | "type" | "data" | "recordedAt">): void;
  /** The report of everything counted so far. */
  build(options?: ReportOptions): Report;
  /** Revenue of each day, in order. */
  dailyRevenue(): ReadonlyArray<readonly [day: string, amount: Money]>;
}

/** Starts an empty report. */
export function createReport(): ReportBuilder {
  const totals: Totals = {
    rows: 0,
    rowsWithoutCustomer: 0,
    revenue: nothing,
    invoices: new Map(),
    revenueOfDay: new Map(),
    spendOfCustomer: new Map(),
  };
  return {
    add: (event) => count(totals, event),
    build: (options = {}) => build(totals, options),
    dailyRevenue: () => sortedByKey(totals.revenueOfDay),
  };
}

interface InvoiceTotals {
  lines: number;
  net: Money;
  customer: string | undefined;
  kind: "sale" | "cancellation" | "adjustment";
  isCancelled: boolean;
}

interface Totals {
  rows: number;
  rowsWithoutCustomer: number;
  revenue: Money;
  readonly invoices: Map<string, InvoiceTotals>;
  readonly revenueOfDay: Map<string, Money>;
  readonly spendOfCustomer: Map<string, Money>;
}

type CountedEvent = Parameters<ReportBuilder["add"]>[0];

function count(totals: Totals, event: CountedEvent): void {
  switch (event.type) {
    case "OrderPlaced":
    case "ItemsAdded":
    case "ItemsGivenFree":
    case "ItemsReturned":
    case "StockAdjusted":
      countItems(totals, event, "sale");
      break;
    case "CreditNoteIssued":
      countItems(totals, event, "cancellation");
      break;
    case "DebtAdjusted":
      countItems(totals, event, "adjustment");
      break;
    case "OrderCancelled":
      countCancellation(totals, event);
      break;
    case "OrderRefunded":
      countRefund(totals, event);
      break;
    default:
  }
}

function countItems(totals: Totals, event: CountedEvent, kind: InvoiceTotals["kind"]): void {
  const { customer, items } = event.data as ItemsRecorded;
  const invoice = invoiceOf(totals, event.stream);
  invoice.lines += items.length;
  invoice.customer ??= customer;
  if (kind !== "sale") invoice.kind = kind;
  totals.rows += items.length;
  if (customer === undefined) totals.rowsWithoutCustomer += items.length;
  const amount = totalOf(items);
  invoice.net = invoice.net.plus(amount);
  countAmount(totals, event, customer, amount);
}

/** Takes the whole order back, on the day of the cancellation. */
function countCancellation(totals: Totals, event: CountedEvent): void {
  const invoice = invoiceOf(totals, event.stream);
  invoice.isCancelled = true;
  countAmount(totals, event, invoice.customer, nothing.minus(invoice.net));
  invoice.net = nothing;
}

/** The refund of a cancelled order only gives the money back: the revenue went with the cancellation. */
function countRefund(totals: Totals, event: CountedEvent): void {
  const invoice = invoiceOf(totals, event.stream);
  if (invoice.isCancelled) return;
  const amount = nothing.minus(money((event.data as AmountRecorded).amount));
  invoice.net = invoice.net.plus(amount);
  countAmount(totals, event, invoice.customer, amount);
}

function countAmount(totals: Totals, event: CountedEvent, customer: string | undefined, amount: Money): void {
  totals.revenue = totals.revenue.plus(amount);
  addTo(totals.revenueOfDay, event.recordedAt.slice(0, 10), amount);
  if (customer !== undefined) addTo(totals.spendOfCustomer, customer, amount);
}

function invoiceOf(totals: Totals, stream: string): InvoiceTotals {
  const number = stream.slice(stream.indexOf("-") + 1);
  let invoice = totals.invoices.get(number);
  if (invoice === undefined) {
    invoice = { lines: 0, net: nothing, customer: undefined, kind: "sale", isCancelled: false };
    totals.invoices.set(number, invoice);
  }
  return invoice;
}

function addTo(sums: Map<string, Money>, key: string, amount: Money): void {
  sums.set(key, (sums.get(key) ?? nothing).plus(amount));
}

function build(totals: Totals, { sampleEvery = sampleEveryDefault }: ReportOptions): Report {
  const invoices = [...totals.invoices.values()];
  const days = sortedByKey(totals.revenueOfDay);
  const sample = days.filter((_, index) => index % sampleEvery === 0);
  return {
    rows: totals.rows,
    invoices: invoices.length,
    cancellationInvoices: invoices.filter((invoice) => invoice.kind === "cancellation").length,
    adjustmentInvoices: invoices.filter((invoice) => invoice.kind === "adjustment").length,
    customers: totals.spendOfCustomer.size,
    rowsWithoutCustomer: totals.rowsWithoutCustomer,
    netRevenue: formatMoney(totals.revenue),
    days: days.length,
    dailyRevenueSample: Object.fromEntries(sample.map(([day, amount]) => [day, formatMoney(amount)])),
    topCustomersByNetSpend: bestCustomers(totals.spendOfCustomer),
    invoiceWithMostLines: longestInvoice(totals.invoices),
  };
}

function bestCustomers(spend: ReadonlyMap<string, Money>): Array<readonly [string, string]> {
  return sortedByKey(spend)
    .sort(([, a], [, b]) => b.cmp(a))
    .slice(0, topCustomers)
    .map(([customer, amount]) => [customer, formatMoney(amount)]);
}

function longestInvoice(invoices: ReadonlyMap<string, InvoiceTotals>): Report["invoiceWithMostLines"] {
  let longest: readonly [string, InvoiceTotals] | undefined;
  for (const entry of invoices) {
    if (longest === undefined || entry[1].lines > longest[1].lines) longest = entry;
  }
  return longest === undefined ? null : [longest[0], longest[1].lines, formatMoney(longest[1].net)];
}

function sortedByKey<Value>(map: ReadonlyMap<string, Value>): Array<[string, Value]> {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
