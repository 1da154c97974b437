/** The report, read from the tables of `sales`. */
import type { Hitherto, SqlRow } from "hitherto";
import { formatMoney, type Money, money, nothing } from "./money.ts";
import type { Report, ReportOptions } from "./report.ts";
import { sampleEveryDefault, topCustomers } from "./report.ts";
import { sales } from "./sales.ts";

/** The report, and the revenue of each day, as of one position. */
export interface SalesReport {
  readonly report: Report;
  readonly daily: ReadonlyArray<readonly [day: string, amount: Money]>;
  /** Every event up to here is in it. */
  readonly position: number;
}

const statements = {
  figures: `
    SELECT COUNT(*) AS invoices, COALESCE(SUM(lines), 0) AS lines,
      COALESCE(SUM("linesWithoutCustomer"), 0) AS "linesWithoutCustomer",
      COUNT(*) FILTER (WHERE kind = 'cancellation') AS cancellations,
      COUNT(*) FILTER (WHERE kind = 'adjustment') AS adjustments,
      (SELECT COUNT(*) FROM {customers}) AS customers
    FROM {invoices}`,
  days: "SELECT day, revenue FROM {days} ORDER BY day",
  // Decimals as text do not sort by value, and as floating point almost: the exact order is made of somewhat more rows.
  best: "SELECT customer, spend FROM {customers} ORDER BY CAST(spend AS DOUBLE PRECISION) DESC, customer LIMIT 50",
  longest: "SELECT number, lines, net FROM {invoices} ORDER BY lines DESC, place LIMIT 1",
} as const;

type Rows = Readonly<Record<keyof typeof statements, readonly SqlRow[]>>;

/** Reads the report. @throws `READ_MODEL_NOT_READY` when no process has built `sales`. */
export async function readSalesReport(
  store: Pick<Hitherto, "query">,
  { sampleEvery = sampleEveryDefault }: ReportOptions = {},
): Promise<SalesReport> {
  const { rows, position } = await readTogether(store);
  const daily = rows.days.map((row) => [String(row["day"]), money(String(row["revenue"]))] as const);
  const sample = daily.filter((_, index) => index % sampleEvery === 0);
  const [figures = {}] = rows.figures;
  const report: Report = {
    rows: Number(figures["lines"]),
    invoices: Number(figures["invoices"]),
    cancellationInvoices: Number(figures["cancellations"]),
    adjustmentInvoices: Number(figures["adjustments"]),
    customers: Number(figures["customers"]),
    rowsWithoutCustomer: Number(figures["linesWithoutCustomer"]),
    netRevenue: formatMoney(daily.reduce((sum, [, revenue]) => sum.plus(revenue), nothing)),
    days: daily.length,
    dailyRevenueSample: Object.fromEntries(sample.map(([day, revenue]) => [day, formatMoney(revenue)])),
    topCustomersByNetSpend: bestOf(rows.best),
    invoiceWithMostLines: longestOf(rows.longest),
  };
  return { report, daily, position };
}

/** Each statement sees one state, and says which: they belong together when it is the same one. */
async function readTogether(store: Pick<Hitherto, "query">): Promise<{ rows: Rows; position: number }> {
  for (;;) {
    const names = Object.keys(statements) as Array<keyof typeof statements>;
    const options = { model: sales.name };
    const answers = await Promise.all(names.map((name) => store.query(statements[name], [], options)));
    const [position = 0, ...others] = new Set(answers.map((answer) => answer.position ?? 0));
    if (others.length > 0) continue;
    const rows = Object.fromEntries(names.map((name, index) => [name, answers[index]?.rows ?? []]));
    return { rows: rows as Rows, position };
  }
}

function bestOf(rows: readonly SqlRow[]): Report["topCustomersByNetSpend"] {
  return rows
    .map((row) => ({ customer: String(row["customer"]), spend: money(String(row["spend"])) }))
    .sort((a, b) => b.spend.cmp(a.spend) || (a.customer < b.customer ? -1 : 1))
    .slice(0, topCustomers)
    .map(({ customer, spend }) => [customer, formatMoney(spend)] as const);
}

function longestOf([row]: readonly SqlRow[]): Report["invoiceWithMostLines"] {
  if (row === undefined) return null;
  return [String(row["number"]), Number(row["lines"]), String(row["net"])];
}
