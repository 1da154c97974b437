import { given } from "hitherto/testing";
import { expect, test } from "vitest";
import { type ItemWanted, order } from "../src/order.ts";

const bunting: ItemWanted = { sku: "47566", description: "Party bunting", quantity: 2, unitPrice: "4.95" };
const lunchBag: ItemWanted = { sku: "20725", quantity: 3, unitPrice: "1.65" };

const placed = {
  type: "OrderPlaced",
  data: { customer: "ada", country: "France", items: [{ line: 1, ...bunting }] },
} as const;
const added = {
  type: "ItemsAdded",
  data: { customer: "ada", country: "France", items: [{ line: 2, ...lunchBag }] },
} as const;
const confirmed = { type: "OrderConfirmed", data: {} } as const;
const paid = { type: "PaymentReceived", data: { amount: "9.90" } } as const;
const shipped = { type: "OrderShipped", data: {} } as const;
const delivered = { type: "OrderDelivered", data: {} } as const;
const cancelled = { type: "OrderCancelled", data: { reason: "no need" } } as const;

const reason = { reason: "no need" };

test("an order is placed with numbered items, and its customer can be found by tag", () => {
  given(order, [])
    .when("place", { customer: "ada", country: "France", items: [bunting] })
    .then([{ ...placed, tags: ["customer:ada"] }]);
});

test("an order needs no customer", () => {
  given(order, [])
    .when("place", { country: "France", items: [bunting] })
    .then([{ type: "OrderPlaced", data: { country: "France", items: placed.data.items } }]);
});

test("an order is placed once", () => {
  given(order, [placed])
    .when("place", { country: "France", items: [bunting] })
    .thenRejected("order-exists");
});

test("an order has items", () => {
  given(order, []).when("place", { country: "France", items: [] }).thenRejected("order-empty");
  given(order, [placed]).when("addItems", { items: [] }).thenRejected("order-empty");
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("the quantity %d is refused", (quantity) => {
  const items = [bunting, { ...lunchBag, quantity }];
  given(order, []).when("place", { country: "France", items }).thenRejected("quantity-not-positive");
  given(order, [placed]).when("addItems", { items }).thenRejected("quantity-not-positive");
});

test.each(["", "free", "-1.00", "1e3", "0x10"])("the price %j is refused", (unitPrice) => {
  const items = [{ ...bunting, unitPrice }];
  given(order, []).when("place", { country: "France", items }).thenRejected("price-invalid");
});

test("items can be added until the order is confirmed", () => {
  given(order, [placed])
    .when("addItems", { items: [lunchBag] })
    .then([added]);
});

test.each([
  ["confirmed", [placed, confirmed]],
  ["paid", [placed, confirmed, paid]],
  ["shipped", [placed, confirmed, paid, shipped]],
  ["delivered", [placed, confirmed, paid, shipped, delivered]],
])("nothing changes once the order is %s", (_, past) => {
  given(order, past)
    .when("addItems", { items: [lunchBag] })
    .thenRejected("order-confirmed");
  given(order, past).when("confirm").thenRejected("order-confirmed");
});

test("a draft is confirmed", () => {
  given(order, [placed, added]).when("confirm").then([confirmed]);
});

test("a confirmed order is paid, at once or in parts, but not beyond its total", () => {
  given(order, [placed, confirmed]).when("pay", { amount: "9.90" }).then([paid]);
  const half = { type: "PaymentReceived", data: { amount: "4.95" } } as const;
  given(order, [placed, confirmed, half]).when("pay", { amount: "4.95" }).then([half]);
  given(order, [placed, confirmed, half]).when("pay", { amount: "4.96" }).thenRejected("payment-too-high");
  given(order, [placed, confirmed, paid]).when("pay", { amount: "0.01" }).thenRejected("payment-too-high");
});

test("a draft is not paid", () => {
  given(order, [placed]).when("pay", { amount: "9.90" }).thenRejected("order-not-confirmed");
});

test.each(["0", "0.00", "-1", "", "ten", "1.00001"])(
  "the amount %j is neither paid nor refunded",
  (amount) => {
    given(order, [placed, confirmed]).when("pay", { amount }).thenRejected("amount-invalid");
    given(order, [placed, confirmed, paid])
      .when("refund", { amount, ...reason })
      .thenRejected("amount-invalid");
  },
);

test("a binary fraction is no amount", () => {
  const amount = 9.9 as unknown as string;
  given(order, [placed, confirmed]).when("pay", { amount }).thenRejected("amount-invalid");
});

test("only what is paid is shipped", () => {
  given(order, [placed, confirmed, paid]).when("ship").then([shipped]);
  given(order, [placed, confirmed]).when("ship").thenRejected("order-not-paid");
  given(order, [placed, added, confirmed, paid]).when("ship").thenRejected("order-not-paid");
  given(order, [placed]).when("ship").thenRejected("order-not-confirmed");
});

test("what was refunded is not paid any more", () => {
  const refunded = { type: "OrderRefunded", data: { amount: "0.01", ...reason } } as const;
  given(order, [placed, confirmed, paid, refunded]).when("ship").thenRejected("order-not-paid");
});

test("an order is shipped once", () => {
  given(order, [placed, confirmed, paid, shipped]).when("ship").thenRejected("order-shipped");
  given(order, [placed, confirmed, paid, shipped, delivered]).when("ship").thenRejected("order-shipped");
});

test("only what is shipped is delivered, once", () => {
  given(order, [placed, confirmed, paid, shipped]).when("deliver").then([delivered]);
  given(order, [placed, confirmed, paid]).when("deliver").thenRejected("order-not-shipped");
  given(order, [placed, confirmed, paid, shipped, delivered]).when("deliver").thenRejected("order-delivered");
});

test.each([
  ["a draft", [placed]],
  ["a confirmed order", [placed, confirmed]],
  ["a paid order", [placed, confirmed, paid]],
  ["a shipped order", [placed, confirmed, paid, shipped]],
])("%s can be cancelled", (_, past) => {
  given(order, past).when("cancel", reason).then([cancelled]);
});

test("what is delivered is not cancelled", () => {
  given(order, [placed, confirmed, paid, shipped, delivered])
    .when("cancel", reason)
    .thenRejected("order-delivered");
});

test("a cancelled order stays cancelled", () => {
  const past = [placed, confirmed, paid, cancelled];
  given(order, past).when("cancel", reason).thenRejected("order-cancelled");
  given(order, past)
    .when("addItems", { items: [lunchBag] })
    .thenRejected("order-cancelled");
  given(order, past).when("confirm").thenRejected("order-cancelled");
  given(order, past).when("pay", { amount: "1.00" }).thenRejected("order-cancelled");
  given(order, past).when("ship").thenRejected("order-cancelled");
  given(order, past).when("deliver").thenRejected("order-not-shipped");
});

test("only what was paid is refunded, whatever became of the order", () => {
  const refund = { amount: "9.90", ...reason };
  const refunded = { type: "OrderRefunded", data: refund } as const;
  given(order, [placed, confirmed, paid, cancelled]).when("refund", refund).then([refunded]);
  given(order, [placed, confirmed, paid, shipped, delivered]).when("refund", refund).then([refunded]);
  given(order, [placed, confirmed]).when("refund", refund).thenRejected("refund-too-high");
  given(order, [placed, confirmed, paid, cancelled, refunded])
    .when("refund", { amount: "0.01", ...reason })
    .thenRejected("refund-too-high");
});

test("an order that was never placed is unknown", () => {
  given(order, [])
    .when("addItems", { items: [bunting] })
    .thenRejected("order-unknown");
  given(order, []).when("confirm").thenRejected("order-unknown");
  given(order, []).when("pay", { amount: "1.00" }).thenRejected("order-unknown");
  given(order, []).when("ship").thenRejected("order-unknown");
  given(order, []).when("cancel", reason).thenRejected("order-unknown");
});

test("an imported order follows the same rules, whatever else its invoice holds", () => {
  const stockAdjusted = { type: "StockAdjusted", data: { country: "France", items: [] }, schemaVersion: 1 };
  const past = [stockAdjusted, placed, confirmed];
  given(order, past)
    .when("addItems", { items: [lunchBag] })
    .thenRejected("order-confirmed");
  given(order, past).when("pay", { amount: "9.90" }).then([paid]);
});

test("the state holds everything that was asked for", () => {
  given(order, [placed, added, confirmed, paid]).thenState({
    phase: "confirmed",
    customer: "ada",
    country: "France",
    items: [
      { line: 1, ...bunting },
      { line: 2, ...lunchBag },
    ],
    paid: "9.90",
    refunded: "0.00",
  });
  expect(order.category).toBe("order");
});
