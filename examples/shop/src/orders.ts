/**
 * The read model `orders`: one document for each order or invoice, found by its number, by customer (newest first) or by
 * status.
 */
import type { StoredEvent } from "hitherto/core";
import { projection } from "hitherto/core";
import { formatMoney, money, totalOf } from "./money.ts";
import { type AmountRecorded, invoiceEvents, type ItemsRecorded } from "./order-events.ts";

/** How an order stands. The last three are of invoices that were never orders. */
export const orderStatuses = [
  "placed",
  "confirmed",
  "shipped",
  "delivered",
  "cancelled",
  "credited",
  "adjusted",
  "booked",
] as const;

/** An order, as people look at it. Amounts are decimals as text, moments ISO 8601 in UTC. */
export interface OrderView {
  readonly number: string;
  readonly status: (typeof orderStatuses)[number];
  /** Left out where the customer is unknown. */
  readonly customer?: string | undefined;
  readonly country: string;
  readonly lines: number;
  /** What the items come to, those that came back included. */
  readonly total: string;
  readonly paid: string;
  readonly refunded: string;
  readonly placedAt: string;
  readonly changedAt: string;
}

const noOrder: Omit<OrderView, "number"> = {
  status: "booked",
  country: "",
  lines: 0,
  total: "0.00",
  paid: "0.00",
  refunded: "0.00",
  placedAt: "",
  changedAt: "",
};

/** Orders by number. */
export const orders = projection("orders", {
  version: 1,
  categories: ["order"],
  initial: (number): OrderView => ({ number, ...noOrder }),
  events: invoiceEvents,
  evolve: {
    OrderPlaced: (order, data, event) => ({ ...withItems(order, data, event), status: "placed" }),
    ItemsAdded: withItems,
    OrderConfirmed: (order, _data, event) => moved(order, "confirmed", event),
    PaymentReceived: (order, { amount }, event) => ({
      ...order,
      paid: added(order.paid, amount),
      changedAt: event.recordedAt,
    }),
    OrderShipped: (order, _data, event) => moved(order, "shipped", event),
    OrderDelivered: (order, _data, event) => moved(order, "delivered", event),
    OrderCancelled: (order, _data, event) => moved(order, "cancelled", event),
    OrderRefunded: withRefund,
    ItemsGivenFree: withItems,
    ItemsReturned: withItems,
    CreditNoteIssued: (order, data, event) => ({ ...withItems(order, data, event), status: "credited" }),
    DebtAdjusted: (order, data, event) => ({ ...withItems(order, data, event), status: "adjusted" }),
    StockAdjusted: withItems,
  },
  indexes: ["placedAt", ["status", "placedAt"], ["customer", "placedAt"]],
});

function withItems(order: OrderView, data: ItemsRecorded, { recordedAt }: StoredEvent): OrderView {
  return {
    ...order,
    customer: order.customer ?? data.customer,
    country: order.country || data.country,
    lines: order.lines + data.items.length,
    total: formatMoney(money(order.total).plus(totalOf(data.items))),
    placedAt: order.placedAt || recordedAt,
    changedAt: recordedAt,
  };
}

function withRefund(order: OrderView, { amount }: AmountRecorded, { recordedAt }: StoredEvent): OrderView {
  return { ...order, refunded: added(order.refunded, amount), changedAt: recordedAt };
}

function moved(order: OrderView, status: OrderView["status"], { recordedAt }: StoredEvent): OrderView {
  return { ...order, status, changedAt: recordedAt };
}

function added(sum: string, amount: string): string {
  return formatMoney(money(sum).plus(money(amount)));
}
