/** Made-up orders for the demonstration. Pure and seeded: the same seed gives the same shop. */
import type { ItemWanted, PlaceOrder } from "./order.ts";

/** An order of the demonstration: what is placed, and how far it goes. */
export interface DemoOrder {
  /** The order's number; its stream is `order-<id>`. */
  readonly id: string;
  readonly placed: PlaceOrder;
  /** An afterthought of the customer, before the order is confirmed. */
  readonly added: readonly ItemWanted[];
  readonly course: DemoCourse;
}

/** How an order ends. */
export type DemoCourse = "delivered" | "shipped" | "unpaid" | "cancelled" | "draft";

const goods: readonly ItemWanted[] = [
  { sku: "22423", description: "Regency cake stand, three tiers", quantity: 1, unitPrice: "12.75" },
  { sku: "85123A", description: "White hanging heart T-light holder", quantity: 6, unitPrice: "2.55" },
  { sku: "47566", description: "Party bunting", quantity: 2, unitPrice: "4.95" },
  { sku: "84879", description: "Assorted colour bird ornament", quantity: 8, unitPrice: "1.69" },
  { sku: "22720", description: "Set of three cake tins, pantry design", quantity: 1, unitPrice: "4.95" },
  { sku: "20725", description: "Lunch bag, red retrospot", quantity: 3, unitPrice: "1.65" },
  { sku: "22960", description: "Jam making set with jars", quantity: 2, unitPrice: "4.25" },
];

const customers: readonly string[] = ["Ada", "Barbara", "Edsger", "Frances", "Grace", "Tony"];
const countries: readonly string[] = ["United Kingdom", "France", "Netherlands"];
const courses: readonly DemoCourse[] = ["delivered", "delivered", "shipped", "unpaid", "cancelled", "draft"];

/** Makes `count` orders; the first ones go through every course there is. */
export function makeOrders(count: number, seed: number): DemoOrder[] {
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const someItems = (): ItemWanted[] =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      ...pick(goods),
      quantity: 1 + Math.floor(random() * 9),
    }));
  return Array.from({ length: count }, (_, index) => ({
    id: String(1001 + index),
    placed: { customer: pick(customers), country: pick(countries), items: someItems() },
    added: random() < 0.3 ? someItems().slice(0, 1) : [],
    course: courses[index + 1] ?? pick(courses),
  }));
}

/** Mulberry32 (Tommy Ettinger, public domain): numbers from 0 up to 1, good enough for stories. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
