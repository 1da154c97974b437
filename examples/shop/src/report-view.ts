/** The report for people: figures, the best customers, and a small chart of what each day or week brought. */
import Table from "cli-table3";
import { formatCount, paint, withThousands } from "./console.ts";
import { formatMoney, type Money, nothing } from "./money.ts";
import type { Report, ReportBuilder } from "./report.ts";

/** Amounts by day or week, in order. */
export type Revenue = ReturnType<ReportBuilder["dailyRevenue"]>;

/** More days than these are shown by weeks. */
export const barsMax = 31;

const barWidth = 40;

/** The whole report as lines. */
export function viewReport(report: Report, daily: Revenue): string {
  const parts = [figures(report), customers(report), chart(daily)];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** A bar for each day, or for each week where there are many days; nothing for a single day. */
export function chart(daily: Revenue): string {
  if (daily.length < 2) return "";
  const isWeekly = daily.length > barsMax;
  const revenue = isWeekly ? byWeek(daily) : daily;
  const most = revenue.reduce((max, [, amount]) => (amount.gt(max) ? amount : max), nothing);
  const amounts = revenue.map(([, amount]) => withThousands(formatMoney(amount)));
  const width = Math.max(...amounts.map((text) => text.length));
  const lines = revenue.map(
    ([label, amount], index) => `${label}  ${(amounts[index] ?? "").padStart(width)}  ${bar(amount, most)}`,
  );
  return [paint("bold", isWeekly ? "Revenue by week (from Monday)" : "Revenue by day"), ...lines].join("\n");
}

function figures(report: Report): string {
  const longest = report.invoiceWithMostLines;
  const rows = [
    ["net revenue", withThousands(report.netRevenue)],
    ["orders and invoices", formatCount(report.invoices)],
    ["  of them cancellations", formatCount(report.cancellationInvoices)],
    ["  of them adjustments", formatCount(report.adjustmentInvoices)],
    ["lines", formatCount(report.rows)],
    ["  without a customer", formatCount(report.rowsWithoutCustomer)],
    ["customers", formatCount(report.customers)],
    ["days", formatCount(report.days)],
    ["longest", longest === null ? "–" : `${longest[0]}: ${longest[1]} lines, ${withThousands(longest[2])}`],
  ] as const;
  return [paint("bold", "Sales"), ...rows.map(([label, value]) => `${label.padEnd(25)}${value}`)].join("\n");
}

function customers({ topCustomersByNetSpend: best }: Report): string {
  if (best.length === 0) return "";
  const table = new Table({
    head: ["customer", "net spend"],
    colAligns: ["left", "right"],
    style: { head: [], border: [], compact: true },
  });
  table.push(...best.map(([customer, amount]) => [customer, withThousands(amount)]));
  return `${paint("bold", "Best customers")}\n${table.toString()}`;
}

function byWeek(daily: Revenue): Revenue {
  const weeks = new Map<string, Money>();
  for (const [day, amount] of daily) {
    const monday = mondayOf(day);
    weeks.set(monday, (weeks.get(monday) ?? nothing).plus(amount));
  }
  return [...weeks];
}

function mondayOf(day: string): string {
  const date = new Date(`${day}T00:00:00.000Z`);
  const daysSinceMonday = (date.getUTCDay() + 6) % 7;
  date.setUTCDate(date.getUTCDate() - daysSinceMonday);
  return date.toISOString().slice(0, 10);
}

function bar(amount: Money, most: Money): string {
  if (!amount.gt(nothing)) return "";
  const length = amount.times(String(barWidth)).div(most).round(0, 3);
  return paint("cyan", "█".repeat(Number(length.toFixed(0))));
}
