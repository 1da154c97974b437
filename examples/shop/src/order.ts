/**
 * The order, and its rules: items have positive quantities; nothing changes once it is confirmed; only what is paid is
 * shipped; only what is shipped is delivered; what is delivered is not cancelled; only what was paid is refunded.
 */
import { decider, reject } from "hitherto/core";
import { formatMoney, isPayable, isPrice, type Money, money, totalOf } from "./money.ts";
import { bookkeepingTypes, type OrderItem, orderEvents } from "./order-events.ts";

/** How far an order has come. `none`: it was never placed. */
export type OrderPhase = "none" | "placed" | "confirmed" | "shipped" | "delivered" | "cancelled";

/** What the rules need to know of an order. Amounts are decimals as text. */
export interface Order {
  readonly phase: OrderPhase;
  readonly customer: string | undefined;
  readonly country: string;
  readonly items: readonly OrderItem[];
  readonly paid: string;
  readonly refunded: string;
}

/** An item as a customer asks for it. */
export type ItemWanted = Omit<OrderItem, "line">;

/** What `place` takes. */
export interface PlaceOrder {
  readonly customer?: string | undefined;
  readonly country: string;
  readonly items: readonly ItemWanted[];
}

const noOrder: Order = {
  phase: "none",
  customer: undefined,
  country: "",
  items: [],
  paid: "0.00",
  refunded: "0.00",
};

/** Its streams are `order-…`: the shop's own orders and the imported ones. */
export const order = decider("order", {
  initial: () => noOrder,
  events: orderEvents,
  ignore: bookkeepingTypes,
  evolve: {
    OrderPlaced: (state, { customer, country, items }) => ({
      ...state,
      phase: "placed",
      customer,
      country,
      items,
    }),
    ItemsAdded: (state, { items }) => ({ ...state, items: [...state.items, ...items] }),
    OrderConfirmed: (state) => ({ ...state, phase: "confirmed" }),
    PaymentReceived: (state, { amount }) => ({
      ...state,
      paid: formatMoney(money(state.paid).plus(money(amount))),
    }),
    OrderShipped: (state) => ({ ...state, phase: "shipped" }),
    OrderDelivered: (state) => ({ ...state, phase: "delivered" }),
    OrderCancelled: (state) => ({ ...state, phase: "cancelled" }),
    OrderRefunded: (state, { amount }) => ({
      ...state,
      refunded: formatMoney(money(state.refunded).plus(money(amount))),
    }),
  },
  decide: {
    place: (state, { customer, country, items }: PlaceOrder) =>
      state.phase === "none"
        ? (refuseItems(items) ?? {
            type: "OrderPlaced",
            data: { ...(customer !== undefined && { customer }), country, items: numbered(items, 1) },
          })
        : reject("order-exists", "The order was placed already."),

    addItems: (state, { items }: { items: readonly ItemWanted[] }) =>
      refuseChange(state) ??
      refuseItems(items) ?? {
        type: "ItemsAdded",
        data: {
          ...(state.customer !== undefined && { customer: state.customer }),
          country: state.country,
          items: numbered(items, state.items.length + 1),
        },
      },

    confirm: (state) => refuseChange(state) ?? { type: "OrderConfirmed", data: {} },

    pay: (state, { amount }: { amount: string }) =>
      refuseUnlessConfirmed(state) ??
      refuseAmount(amount, amountDue(state), "payment-too-high", "is still to be paid") ?? {
        type: "PaymentReceived",
        data: { amount },
      },

    ship: (state) => {
      const refused = refuseUnlessConfirmed(state);
      if (refused !== undefined) return refused;
      if (state.phase !== "confirmed") return reject("order-shipped", "The order was shipped already.");
      const due = amountDue(state);
      if (due.gt("0")) return reject("order-not-paid", `${formatMoney(due)} is still to be paid.`);
      return { type: "OrderShipped", data: {} };
    },

    deliver: (state) => {
      if (state.phase === "delivered") return reject("order-delivered", "The order was delivered already.");
      if (state.phase !== "shipped") {
        return reject("order-not-shipped", "Only what was shipped can be delivered.");
      }
      return { type: "OrderDelivered", data: {} };
    },

    cancel: (state, { reason }: { reason: string }) => {
      if (state.phase === "delivered") {
        return reject("order-delivered", "What is delivered cannot be cancelled.");
      }
      return refuseUnlessOpen(state) ?? { type: "OrderCancelled", data: { reason } };
    },

    refund: (state, { amount, reason }: { amount: string; reason: string }) =>
      refuseAmount(amount, amountKept(state), "refund-too-high", "was paid and not yet refunded") ?? {
        type: "OrderRefunded",
        data: { amount, reason },
      },
  },
});

function refuseUnlessOpen({ phase }: Order) {
  if (phase === "none") return reject("order-unknown", "There is no such order.");
  return phase === "cancelled" ? reject("order-cancelled", "The order was cancelled.") : undefined;
}

function refuseChange(state: Order) {
  if (state.phase === "placed") return undefined;
  return (
    refuseUnlessOpen(state) ??
    reject("order-confirmed", "The order is confirmed; nothing can change any more.")
  );
}

function refuseUnlessConfirmed(state: Order) {
  if (state.phase === "placed") return reject("order-not-confirmed", "The order is not confirmed yet.");
  return refuseUnlessOpen(state);
}

function refuseItems(items: readonly ItemWanted[]) {
  if (!Array.isArray(items) || items.length === 0) return reject("order-empty", "An order needs items.");
  for (const { sku, quantity, unitPrice } of items as readonly ItemWanted[]) {
    if (!Number.isSafeInteger(quantity) || quantity <= 0) {
      return reject("quantity-not-positive", `The quantity of ${sku} is not a positive whole number.`);
    }
    if (!isPrice(unitPrice)) {
      return reject("price-invalid", `The price of ${sku} is not a decimal such as "2.55".`);
    }
  }
  return undefined;
}

function refuseAmount<Reason extends string>(amount: string, max: Money, reason: Reason, what: string) {
  if (!isPayable(amount)) {
    return reject("amount-invalid", `An amount is a decimal above zero, such as "2.55".`);
  }
  return money(amount).gt(max) ? reject(reason, `Only ${formatMoney(max)} ${what}.`) : undefined;
}

function amountKept({ paid, refunded }: Order): Money {
  return money(paid).minus(money(refunded));
}

function amountDue(state: Order): Money {
  return totalOf(state.items).minus(amountKept(state));
}

function numbered(items: readonly ItemWanted[], from: number): OrderItem[] {
  return items.map(({ sku, description, quantity, unitPrice }, index) => ({
    line: from + index,
    sku,
    ...(description !== undefined && { description }),
    quantity,
    unitPrice,
  }));
}
