import { expect, test } from "vitest";
import { eventsOfInvoice, kindOf } from "../src/invoice.ts";
import { nameBasedUuid } from "../src/name-based-uuid.ts";
import { aTransaction } from "./support/transactions.ts";

test("an invoice of one minute is placed and confirmed", () => {
  const events = eventsOfInvoice([aTransaction(), aTransaction({ sku: "71053", description: undefined })]);
  expect(events).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: "OrderPlaced",
      recordedAt: "2010-12-01T08:26:00.000Z",
      tags: ["customer:17850.0"],
      data: {
        customer: "17850.0",
        country: "United Kingdom",
        items: [
          {
            line: 1,
            sku: "85123A",
            description: "WHITE HANGING HEART T-LIGHT HOLDER",
            quantity: 6,
            unitPrice: "2.55",
          },
          { line: 2, sku: "71053", quantity: 6, unitPrice: "2.55" },
        ],
      },
    },
    {
      id: expect.any(String),
      type: "OrderConfirmed",
      recordedAt: "2010-12-01T08:26:00.000Z",
      tags: [],
      data: {},
    },
  ]);
});

test("lines of a later minute are added, in the order of time, whatever their order in the file", () => {
  const later = aTransaction({ at: "2010-12-01T08:27:00.000Z", sku: "B" });
  const events = eventsOfInvoice([later, aTransaction({ sku: "A" }), later]);
  expect(events.map(({ type, recordedAt }) => [type, recordedAt])).toEqual([
    ["OrderPlaced", "2010-12-01T08:26:00.000Z"],
    ["ItemsAdded", "2010-12-01T08:27:00.000Z"],
    ["OrderConfirmed", "2010-12-01T08:27:00.000Z"],
  ]);
  expect(events[1]?.data).toMatchObject({ items: [{ line: 1 }, { line: 3 }] });
});

test.each([
  ["a sale", {}, "OrderPlaced"],
  ["a cancellation", { invoice: "C536379", quantity: -1 }, "CreditNoteIssued"],
  ["an adjustment of debts", { invoice: "A563186", quantity: 1, unitPrice: "-11062.06" }, "DebtAdjusted"],
  ["a gift to a customer", { unitPrice: "0.0" }, "ItemsGivenFree"],
  ["goods written off", { unitPrice: "0.0", quantity: -10, customer: undefined }, "StockAdjusted"],
  ["goods found", { unitPrice: "0.0", customer: undefined, description: undefined }, "StockAdjusted"],
  ["a line of nothing", { quantity: 0 }, "StockAdjusted"],
  ["goods taken back outside a credit note", { quantity: -3 }, "ItemsReturned"],
  ["a negative price outside an adjustment", { unitPrice: "-3.00" }, "ItemsReturned"],
])("%s has its own kind of event", (_, overrides, kind) => {
  expect(kindOf(aTransaction(overrides))).toBe(kind);
});

test("a credit note and an adjustment of stock confirm no order", () => {
  const types = eventsOfInvoice([aTransaction({ invoice: "C1", quantity: -1 })]).map(({ type }) => type);
  expect(types).toEqual(["CreditNoteIssued"]);
});

test("lines of different customers or countries never share an event", () => {
  const lines = [aTransaction(), aTransaction({ customer: "1.0" }), aTransaction({ country: "France" })];
  expect(eventsOfInvoice(lines).map(({ type }) => type)).toEqual([
    "OrderPlaced",
    "ItemsAdded",
    "ItemsAdded",
    "OrderConfirmed",
  ]);
});

test("a very long invoice is spread over several events", () => {
  const lines = Array.from({ length: 2_001 }, () => aTransaction());
  const sizes = eventsOfInvoice(lines).map(({ data }) => (data as { items?: unknown[] }).items?.length);
  expect(sizes).toEqual([1_000, 1_000, 1, undefined]);
});

test("the same lines have the same event ids, other lines have others, twins on one invoice too", () => {
  const twins = [aTransaction(), aTransaction(), aTransaction({ at: "2010-12-01T08:27:00.000Z" })];
  const ids = eventsOfInvoice(twins).map(({ id }) => id);
  expect(eventsOfInvoice(structuredClone(twins)).map(({ id }) => id)).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  const others = [twins.slice(1), [aTransaction({ invoice: "1" })], [aTransaction({ quantity: 7 })]];
  for (const lines of others) expect(ids).not.toContain(eventsOfInvoice(lines)[0]?.id);
});

test("makes the name-based UUID of RFC 9562, appendix A.4", () => {
  const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  expect(nameBasedUuid(dns, "www.example.com")).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});
