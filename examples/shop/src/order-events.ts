/**
 * What can happen to an order, and what is recorded of it. Amounts are decimals as text, never binary fractions.
 *
 * The first group is the life of an order. The second holds what old invoices know besides orders: they change no order,
 * but count in the report.
 */
import { eventType } from "hitherto/core";

/** An item as an order or invoice lists it. */
export interface OrderItem {
  /** Its place on the invoice, counted from 1. */
  readonly line: number;
  readonly sku: string;
  readonly description?: string | undefined;
  /** A whole number; negative only in events of the second group. */
  readonly quantity: number;
  readonly unitPrice: string;
}

/** The data of each event that carries items. */
export interface ItemsRecorded {
  /** Left out where the customer is unknown. */
  readonly customer?: string | undefined;
  readonly country: string;
  readonly items: readonly OrderItem[];
}

/** A payment or refund. */
export interface AmountRecorded {
  readonly amount: string;
}

/** Why an order was cancelled or money went back. */
export interface ReasonGiven {
  readonly reason: string;
}

/** The event types of orders. Events with a known customer are tagged with it. */
export const orderEvents = {
  OrderPlaced: eventType<ItemsRecorded>({ tags: customerTags }),
  ItemsAdded: eventType<ItemsRecorded>({ tags: customerTags }),
  /** The order is in the books; its items are final. */
  OrderConfirmed: eventType<object>(),
  PaymentReceived: eventType<AmountRecorded>(),
  OrderShipped: eventType<object>(),
  OrderDelivered: eventType<object>(),
  OrderCancelled: eventType<ReasonGiven>(),
  OrderRefunded: eventType<AmountRecorded & ReasonGiven>(),
};

/** What invoices know besides orders; the data of each are {@link ItemsRecorded}. */
export const bookkeepingTypes = [
  "ItemsGivenFree",
  "ItemsReturned",
  "CreditNoteIssued",
  "DebtAdjusted",
  "StockAdjusted",
] as const;

/** Everything that the streams of orders hold. */
export const invoiceEvents = {
  ...orderEvents,
  ItemsGivenFree: eventType<ItemsRecorded>(),
  ItemsReturned: eventType<ItemsRecorded>(),
  CreditNoteIssued: eventType<ItemsRecorded>(),
  DebtAdjusted: eventType<ItemsRecorded>(),
  StockAdjusted: eventType<ItemsRecorded>(),
} satisfies Record<(typeof bookkeepingTypes)[number] | keyof typeof orderEvents, unknown>;

/** The tags of an event with items: by `customer:17850.0` one finds everything of that customer. */
export function customerTags({ customer }: Pick<ItemsRecorded, "customer">): string[] {
  return customer === undefined ? [] : [`customer:${customer}`];
}
