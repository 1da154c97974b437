// The report worked out anew, straight from rows, in whole millionths: what the report from events is held against.
import type { Report } from "../../src/report.ts";
import type { Transaction } from "../../src/transaction.ts";

/** The report of these rows. */
export function naiveReport(rows: readonly Transaction[], sampleEvery = 20): Report {
  const invoices = new Set(rows.map((row) => row.invoice));
  const customers = new Set(rows.map((row) => row.customer).filter((customer) => customer !== undefined));
  const days = [...new Set(rows.map((row) => row.at.slice(0, 10)))].sort();
  const sample = days.filter((_, index) => index % sampleEvery === 0);
  return {
    rows: rows.length,
    invoices: invoices.size,
    cancellationInvoices: [...invoices].filter((invoice) => invoice.startsWith("C")).length,
    adjustmentInvoices: [...invoices].filter((invoice) => invoice.startsWith("A")).length,
    customers: customers.size,
    rowsWithoutCustomer: rows.filter((row) => row.customer === undefined).length,
    netRevenue: sumOf(rows),
    days: days.length,
    dailyRevenueSample: Object.fromEntries(
      sample.map((day) => [day, sumOf(rows.filter((row) => row.at.startsWith(day)))]),
    ),
    topCustomersByNetSpend: topCustomers(rows, customers),
    invoiceWithMostLines: longestInvoice(rows, [...invoices]),
  };
}

function topCustomers(rows: readonly Transaction[], customers: ReadonlySet<string>): Array<[string, string]> {
  return [...customers]
    .sort()
    .map((customer) => ({ customer, rows: rows.filter((row) => row.customer === customer) }))
    .sort((a, b) => Number(millionthsOf(b.rows) - millionthsOf(a.rows)))
    .slice(0, 5)
    .map((each) => [each.customer, sumOf(each.rows)]);
}

/** Of several longest, the one whose last line comes first in the file, because that one is imported first. */
function longestInvoice(
  rows: readonly Transaction[],
  invoices: readonly string[],
): Report["invoiceWithMostLines"] {
  const [longest] = invoices
    .map((invoice) => ({
      invoice,
      rows: rows.filter((row) => row.invoice === invoice),
      lastAt: rows.findLastIndex((row) => row.invoice === invoice),
    }))
    .sort((a, b) => b.rows.length - a.rows.length || a.lastAt - b.lastAt);
  return longest === undefined ? null : [longest.invoice, longest.rows.length, sumOf(longest.rows)];
}

function sumOf(rows: readonly Transaction[]): string {
  const millionths = millionthsOf(rows);
  const digits = String(millionths < 0n ? -millionths : millionths).padStart(7, "0");
  const fraction = digits.slice(-6).replace(/0{1,4}$/, "");
  return `${millionths < 0n ? "-" : ""}${digits.slice(0, -6)}.${fraction}`;
}

function millionthsOf(rows: readonly Transaction[]): bigint {
  return rows.reduce((sum, row) => {
    const [whole = "", fraction = ""] = row.unitPrice.split(".");
    return sum + BigInt(row.quantity) * BigInt(whole + fraction.padEnd(6, "0"));
  }, 0n);
}
