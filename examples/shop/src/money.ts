/**
 * Money in exact decimals. Events carry it as text ("2.55"); sums are made of big.js numbers in strict mode, which
 * refuse JavaScript's binary floating point instead of rounding it in.
 */
import bigJs from "big.js";

const Decimal = bigJs();
Decimal.strict = true;

/** An exact decimal number. */
export type Money = bigJs.Big;

/** Something bought or given back: so many at this price. */
export interface Priced {
  /** A whole number; negative where goods or money go back. */
  readonly quantity: number;
  /** A decimal number as text. */
  readonly unitPrice: string;
}

/** No money at all. */
export const nothing: Money = new Decimal("0");

/** Reads an amount from its text. Throws on anything that is not a decimal number. */
export function money(text: string): Money {
  return new Decimal(text);
}

/** What the items cost together. */
export function totalOf(items: readonly Priced[]): Money {
  return items.reduce((sum, item) => sum.plus(money(item.unitPrice).times(String(item.quantity))), nothing);
}

/**
 * Writes an amount with at least two decimals, and with more where it has more: nothing is rounded away.
 *
 * @example
 * ```ts
 * formatMoney(money("35933.8")); // "35933.80"
 * formatMoney(money("0.001")); // "0.001"
 * ```
 */
export function formatMoney(amount: Money): string {
  const decimals = Math.max(2, amount.c.length - 1 - amount.e);
  return amount.toFixed(decimals);
}

/** Whether a text is an amount that can be paid: a decimal number above zero, in at most 15 digits and 4 decimals. */
export function isPayable(text: unknown): text is string {
  return typeof text === "string" && /^\d{1,15}(\.\d{1,4})?$/.test(text) && money(text).gt(nothing);
}

/** Whether a text is a price: a decimal number of zero or more, in at most 15 digits and 4 decimals. */
export function isPrice(text: unknown): text is string {
  return typeof text === "string" && /^\d{1,15}(\.\d{1,4})?$/.test(text);
}
