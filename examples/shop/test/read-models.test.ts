import { join } from "node:path";
import * as fc from "fast-check";
import { open } from "hitherto";
import type { NewEvent } from "hitherto/core";
import { given } from "hitherto/testing";
import { expect, test } from "vitest";
import { importTransactions, surveyTransactions } from "../src/import.ts";
import { orders, type OrderView } from "../src/orders.ts";
import { products } from "../src/products.ts";
import { catchUp } from "../src/read-models.ts";
import { createReport } from "../src/report.ts";
import { readSalesReport } from "../src/sales-report.ts";
import { transactionFiles } from "./support/generated-transactions.ts";
import { tempFolder } from "./support/temp-folder.ts";
import { csvOf, writeCsv } from "./support/transactions.ts";

interface Past extends NewEvent {
  readonly stream?: string;
}

function anEvent(type: string, day: number, data: object, stream = "order-1"): Past {
  return { type, data, stream, recordedAt: new Date(Date.UTC(2011, 0, day, 12)).toISOString() };
}

function items(type: string, day: number, quantity: number, parts: { sku?: string; stream?: string } = {}) {
  const { sku = "A", stream = "order-1" } = parts;
  const item = { line: 1, sku, description: `${sku} of day ${day}`, quantity, unitPrice: "2.55" };
  return anEvent(type, day, { customer: "ada", country: "France", items: [item] }, stream);
}

const placed: OrderView = {
  number: "1",
  status: "placed",
  customer: "ada",
  country: "France",
  lines: 1,
  total: "5.10",
  paid: "0.00",
  refunded: "0.00",
  placedAt: "2011-01-01T12:00:00.000Z",
  changedAt: "2011-01-01T12:00:00.000Z",
};

test("an order is what its events made of it", () => {
  given(orders, [items("OrderPlaced", 1, 2)]).thenDocuments({ 1: placed });
  const course = [
    items("OrderPlaced", 1, 2),
    items("ItemsAdded", 2, 1),
    anEvent("OrderConfirmed", 3, {}),
    anEvent("PaymentReceived", 4, { amount: "7.65" }),
    anEvent("OrderCancelled", 5, { reason: "no need" }),
    anEvent("OrderRefunded", 6, { amount: "7.65", reason: "cancelled" }),
  ];
  const changedAt = "2011-01-06T12:00:00.000Z";
  const money = { total: "7.65", paid: "7.65", refunded: "7.65" };
  given(orders, course).thenDocuments({
    1: { ...placed, ...money, status: "cancelled", lines: 2, changedAt },
  });
});

test("an invoice that credits, adjusts or only books is told from an order", () => {
  const statusOf = (type: string, expected: OrderView["status"]) =>
    given(orders, [items(type, 1, 2)]).thenDocument("1", { ...placed, status: expected });
  statusOf("CreditNoteIssued", "credited");
  statusOf("DebtAdjusted", "adjusted");
  statusOf("StockAdjusted", "booked");
});

test("an event in an order's stream that nobody knows stops the read model rather than being overlooked", () => {
  given(orders, [anEvent("OrderTeleported", 1, {})]).thenThrows("EVENT_TYPE_UNKNOWN");
});

test("a product counts what was sold of it, whoever sold it, less what came back", () => {
  const past = [
    items("OrderPlaced", 1, 4),
    items("OrderPlaced", 2, 1, { sku: "B", stream: "order-2" }),
    items("ItemsReturned", 3, -1, { stream: "order-2" }),
  ];
  given(products, past).thenDocuments({
    A: {
      sku: "A",
      description: "A of day 3",
      pieces: 3,
      revenue: "7.65",
      revenueRounded: 7.65,
      lines: 2,
    },
    B: { sku: "B", description: "B of day 2", pieces: 1, revenue: "2.55", revenueRounded: 2.55, lines: 1 },
  });
});

async function reports(events: readonly Past[]): Promise<{ found: unknown; expected: unknown }> {
  await using store = await open(join(tempFolder(), "shop.db"));
  const folded = createReport();
  for (const { stream = "order-1", ...event } of events) await store.append({ stream, events: [event] });
  for await (const event of store.read()) folded.add(event);
  await catchUp(store, { isQuiet: true });
  const { report, daily } = await readSalesReport(store);
  return { found: { report, daily }, expected: { report: folded.build(), daily: folded.dailyRevenue() } };
}

test("the report of the read model is the one that folding gives: cancellations and refunds", async () => {
  const { found, expected } = await reports([
    items("OrderPlaced", 1, 2),
    items("OrderPlaced", 1, 3, { stream: "order-2" }),
    anEvent("OrderCancelled", 3, { reason: "no need" }),
    anEvent("OrderRefunded", 4, { amount: "5.10", reason: "cancelled" }),
    anEvent("OrderRefunded", 5, { amount: "0.10", reason: "late" }, "order-2"),
    items("CreditNoteIssued", 5, -1, { stream: "order-C2" }),
  ]);
  expect(found).toEqual(expected);
  expect(found).toMatchObject({ report: { netRevenue: "5.00", cancellationInvoices: 1, days: 3 } });
});

test("the report of the read model of an empty store is empty", async () => {
  const { found, expected } = await reports([]);
  expect(found).toEqual(expected);
});

test("the report of the read model is the one that folding gives: any invoices", async () => {
  await fc.assert(
    fc.asyncProperty(transactionFiles({ min: 1, max: 40 }), async (rows) => {
      const folder = tempFolder();
      await using store = await open(join(folder, "shop.db"));
      const file = writeCsv(folder, "rows.csv", csvOf(rows));
      await importTransactions(store, file, await surveyTransactions(file));
      await catchUp(store, { isQuiet: true });
      const folded = createReport();
      for await (const event of store.read()) folded.add(event);
      expect((await readSalesReport(store)).report).toEqual(folded.build());
    }),
    { numRuns: 10, seed: 7 },
  );
});
