/**
 * The events of a shop's orders, in the shape that `examples/shop` gives them, and a document to make of them. It adds up
 * in whole cents: what is compared is what lies around the computing.
 */
import { pick, seededRandom } from "./random.ts";
import type { Random } from "./random.ts";

/** An item of an order. */
export interface ShopItem {
  readonly line: number;
  readonly sku: string;
  readonly description: string;
  readonly quantity: number;
  /** A decimal as text. */
  readonly unitPrice: string;
}

/** The data of each event. */
export interface ShopData {
  readonly OrderPlaced: {
    readonly customer: string;
    readonly country: string;
    readonly items: readonly ShopItem[];
  };
  readonly ItemsAdded: ShopData["OrderPlaced"];
  readonly OrderConfirmed: object;
  readonly PaymentReceived: { readonly amount: string };
  readonly OrderShipped: object;
  readonly OrderDelivered: object;
}

/** An event of an order. */
export type ShopEvent = {
  readonly [Type in keyof ShopData]: { readonly type: Type; readonly data: ShopData[Type] };
}[keyof ShopData];

/** The events of one order, to be appended at once. */
export interface ShopOrder {
  readonly stream: string;
  readonly events: readonly ShopEvent[];
}

/** The document of an order. */
export interface OrderDocument {
  readonly customer: string;
  readonly country: string;
  readonly phase: "none" | "placed" | "confirmed" | "shipped" | "delivered";
  readonly items: number;
  readonly cents: number;
  readonly paidCents: number;
}

/** The document of an order before its first event. */
export const noOrder: OrderDocument = {
  customer: "",
  country: "",
  phase: "none",
  items: 0,
  cents: 0,
  paidCents: 0,
};

/** What each event makes of an order; the same functions for every contender. */
export const evolveOrder: {
  readonly [Type in keyof ShopData]: (order: OrderDocument, data: ShopData[Type]) => OrderDocument;
} = {
  OrderPlaced: (order, { customer, country, items }) => ({
    ...order,
    customer,
    country,
    phase: "placed",
    items: items.length,
    cents: centsOf(items),
  }),
  ItemsAdded: (order, { items }) => ({
    ...order,
    items: order.items + items.length,
    cents: order.cents + centsOf(items),
  }),
  OrderConfirmed: (order) => ({ ...order, phase: "confirmed" }),
  PaymentReceived: (order, { amount }) => ({ ...order, paidCents: order.paidCents + toCents(amount) }),
  OrderShipped: (order) => ({ ...order, phase: "shipped" }),
  OrderDelivered: (order) => ({ ...order, phase: "delivered" }),
};

/** What an order makes of its document, for contenders that know the type only at run time. */
export function evolveOrderBy(order: OrderDocument, { type, data }: ShopEvent): OrderDocument {
  const evolve = evolveOrder[type] as (order: OrderDocument, data: object) => OrderDocument;
  return evolve(order, data);
}

/** Events of each order that {@link makeOrders} makes. */
export const eventsPerOrder = 6;

const customerCount = 400;
const skuCount = 300;
const countries = ["United Kingdom", "Germany", "France", "EIRE"] as const;
const things = [
  "HEART T-LIGHT HOLDER",
  "METAL LANTERN",
  "HOT WATER BOTTLE",
  "CREAM CUPID COAT HANGER",
] as const;

/** Makes orders from a seed, each of which is placed, added to, confirmed, paid, shipped and delivered. */
export function makeOrders(count: number, seed: number = 7): ShopOrder[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => makeOrder(random, index));
}

function makeOrder(random: Random, index: number): ShopOrder {
  const customer = String(12_000 + Math.floor(random() * customerCount));
  const country = pick(random, countries);
  const [placed, added] = [makeItems(random, 1, 3), makeItems(random, 4, 2)];
  const amount = ((centsOf(placed) + centsOf(added)) / 100).toFixed(2);
  const events: readonly ShopEvent[] = [
    { type: "OrderPlaced", data: { customer, country, items: placed } },
    { type: "ItemsAdded", data: { customer, country, items: added } },
    { type: "OrderConfirmed", data: {} },
    { type: "PaymentReceived", data: { amount } },
    { type: "OrderShipped", data: {} },
    { type: "OrderDelivered", data: {} },
  ];
  return { stream: `order-${index}`, events };
}

function makeItems(random: Random, firstLine: number, count: number): ShopItem[] {
  return Array.from({ length: count }, (_, index) => ({
    line: firstLine + index,
    sku: String(20_000 + Math.floor(random() * skuCount)),
    description: pick(random, things),
    quantity: 1 + Math.floor(random() * 12),
    unitPrice: (0.25 + Math.floor(random() * 2_000) / 100).toFixed(2),
  }));
}

function centsOf(items: readonly ShopItem[]): number {
  return items.reduce((sum, { quantity, unitPrice }) => sum + quantity * toCents(unitPrice), 0);
}

function toCents(amount: string): number {
  return Math.round(Number(amount) * 100);
}
