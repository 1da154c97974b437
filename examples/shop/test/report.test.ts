import { expect, test } from "vitest";
import { money } from "../src/money.ts";
import { momentOf } from "../src/report-command.ts";
import { chart, viewReport } from "../src/report-view.ts";
import { createReport } from "../src/report.ts";

type Event = Parameters<ReturnType<typeof createReport>["add"]>[0];

function anEvent(type: string, day: number, data: object, stream = "order-1"): Event {
  return { stream, type, data, recordedAt: new Date(Date.UTC(2011, 0, day, 12)).toISOString() };
}

function sold(day: number, unitPrice: string, stream = "order-1", customer = "ada"): Event {
  const items = [{ line: 1, sku: "A", quantity: 2, unitPrice }];
  return anEvent("OrderPlaced", day, { customer, country: "France", items }, stream);
}

function revenueOf(events: readonly Event[]): Array<readonly [string, string]> {
  const report = createReport();
  for (const event of events) report.add(event);
  return report.dailyRevenue().map(([day, amount]) => [day, amount.toFixed()]);
}

test("a cancelled order is taken back on the day of its cancellation, and its refund counts no second time", () => {
  const refund = anEvent("OrderRefunded", 4, { amount: "5.10", reason: "cancelled" });
  const events = [sold(1, "2.55"), anEvent("OrderCancelled", 3, { reason: "no need" }), refund];
  expect(revenueOf(events)).toEqual([
    ["2011-01-01", "5.1"],
    ["2011-01-03", "-5.1"],
  ]);
});

test("a refund without a cancellation lowers the revenue and the customer's spend", () => {
  const report = createReport();
  for (const event of [sold(1, "2.55"), anEvent("OrderRefunded", 2, { amount: "0.10", reason: "late" })]) {
    report.add(event);
  }
  expect(report.build()).toMatchObject({ netRevenue: "5.00", topCustomersByNetSpend: [["ada", "5.00"]] });
});

test("events that move no goods and no money do not count", () => {
  expect(revenueOf([anEvent("OrderConfirmed", 1, {}), anEvent("SomethingElse", 1, { items: 3 })])).toEqual(
    [],
  );
});

test("an empty store has an empty report", () => {
  expect(createReport().build()).toEqual({
    rows: 0,
    invoices: 0,
    cancellationInvoices: 0,
    adjustmentInvoices: 0,
    customers: 0,
    rowsWithoutCustomer: 0,
    netRevenue: "0.00",
    days: 0,
    dailyRevenueSample: {},
    topCustomersByNetSpend: [],
    invoiceWithMostLines: null,
  });
  expect(viewReport(createReport().build(), [])).toContain("net revenue              0.00");
});

test("the days of the sample are every n-th day with events, from the first", () => {
  const report = createReport();
  for (const day of [9, 2, 5, 7, 8]) report.add(sold(day, "1.00"));
  expect(Object.keys(report.build({ sampleEvery: 2 }).dailyRevenueSample)).toEqual([
    "2011-01-02",
    "2011-01-07",
    "2011-01-09",
  ]);
});

test("of several best customers the first by name comes first, and only five are listed", () => {
  const report = createReport();
  for (const [index, name] of ["f", "e", "d", "c", "b", "a"].entries()) {
    report.add(sold(1, name === "f" ? "2.00" : "1.00", `order-${index}`, name));
  }
  expect(report.build().topCustomersByNetSpend.map(([customer]) => customer)).toEqual([
    "f",
    "a",
    "b",
    "c",
    "d",
  ]);
});

test("the chart draws a bar for each day, and none for a loss", () => {
  const lines = chart([
    ["2011-01-01", money("40.00")],
    ["2011-01-02", money("20.50")],
    ["2011-01-03", money("-1.00")],
  ]);
  expect(lines.split("\n")).toEqual([
    "Revenue by day",
    `2011-01-01  40.00  ${"█".repeat(40)}`,
    `2011-01-02  20.50  ${"█".repeat(21)}`,
    "2011-01-03  -1.00  ",
  ]);
});

test("many days are drawn by weeks from Monday", () => {
  const days = Array.from({ length: 32 }, (_, index) => new Date(Date.UTC(2011, 0, 1 + index)).toISOString());
  const lines = chart(days.map((day) => [day.slice(0, 10), money("1")])).split("\n");
  expect(lines.map((line) => line.slice(0, 17).trim())).toEqual([
    "Revenue by week (",
    "2010-12-27  2.00",
    "2011-01-03  7.00",
    "2011-01-10  7.00",
    "2011-01-17  7.00",
    "2011-01-24  7.00",
    "2011-01-31  2.00",
  ]);
});

test.each([
  ["2011-02-01", "2011-02-01T00:00:00.000Z"],
  ["2011-02-01T12:30Z", "2011-02-01T12:30:00.000Z"],
  ["2011-02-01 12:30", "2011-02-01T12:30:00.000Z"],
  ["2011-02-01T12:30:05.5+02:00", "2011-02-01T10:30:05.500Z"],
])("%s is the moment %s", (text, moment) => {
  expect(momentOf(text)).toBe(moment);
});

test.each(["", "today", "2011-02", "2011-02-30", "2011-13-01", "2011-02-01T25:00Z", "01.02.2011"])(
  "%j is no moment",
  (text) => {
    expect(() => momentOf(text)).toThrow(/neither a date/);
  },
);
