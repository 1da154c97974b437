/**
 * The read model `products`: what was sold of each product, less what came back. An order that is cancelled as a whole
 * was demand all the same, so it counts here; what it takes from the revenue is in `sales`.
 */
import { projection } from "hitherto/core";
import { formatMoney, money, nothing, totalOf } from "./money.ts";
import { invoiceEvents, type ItemsRecorded } from "./order-events.ts";

/** What was sold of a product. */
export interface Product {
  readonly sku: string;
  /** The last one that was given. */
  readonly description?: string | undefined;
  readonly pieces: number;
  /** A decimal as text. */
  readonly revenue: string;
  /** The same as a number, which sorts by value; rounded, so not for sums. */
  readonly revenueRounded: number;
  /** Lines that list it. */
  readonly lines: number;
}

/** Products by SKU. An event concerns all that it lists. */
export const products = projection("products", {
  version: 1,
  initial: (sku): Product => ({ sku, pieces: 0, revenue: "0.00", revenueRounded: 0, lines: 0 }),
  events: invoiceEvents,
  evolve: {
    OrderPlaced: withItems,
    ItemsAdded: withItems,
    ItemsReturned: withItems,
    CreditNoteIssued: withItems,
    ItemsGivenFree: withItems,
  },
  key: ({ data }) => data.items.map(({ sku }) => sku),
  indexes: ["revenueRounded", "pieces"],
});

function withItems(product: Product, { items }: ItemsRecorded): Product {
  const own = items.filter(({ sku }) => sku === product.sku);
  const revenue = money(product.revenue).plus(totalOf(own));
  const description = own.findLast((item) => item.description !== undefined)?.description;
  return {
    ...product,
    description: description ?? product.description,
    pieces: own.reduce((sum, { quantity }) => sum + quantity, product.pieces),
    revenue: formatMoney(revenue),
    revenueRounded: revenue.eq(nothing) ? 0 : Number(revenue.toFixed(2)),
    lines: product.lines + own.length,
  };
}
