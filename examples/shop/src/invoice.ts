/**
 * Turns the lines of one invoice into the events of one order. Pure: the same lines give the same events with the same
 * ids, so an import can be repeated from any point.
 *
 * Every line of the file is one item of one event, with everything the file says of it; nothing is dropped. Lines of
 * one kind, moment, customer and country share an event; `line` keeps their order on the invoice.
 */
import type { NewEvent } from "hitherto/core";
import { nameBasedUuid } from "./name-based-uuid.ts";
import { type bookkeepingTypes, customerTags, type ItemsRecorded, type OrderItem } from "./order-events.ts";
import type { Transaction } from "./transaction.ts";

/** What a line of an invoice stands for: the type of its event, save that later sales are `ItemsAdded`. */
export type LineKind = "OrderPlaced" | (typeof bookkeepingTypes)[number];

/** The stream of an invoice's order. */
export function orderStream(invoice: string): string {
  return `order-${invoice}`;
}

/**
 * The events of one invoice, from all its lines in the order of the file.
 *
 * Sold items are placed at the time of the first of them; items of a later minute are added. An invoice with sales ends
 * in `OrderConfirmed`: it is in the books and can no longer be changed.
 */
export function eventsOfInvoice(lines: readonly Transaction[]): NewEvent[] {
  const groups = groupLines(lines);
  const firstSale = groups.find(isSale);
  const facts: Fact[] = groups.map((group) => ({
    type: isSale(group) && group !== firstSale ? "ItemsAdded" : group.kind,
    at: group.at,
    data: itemsOf(group),
  }));
  const lastSale = groups.findLast(isSale);
  if (lastSale !== undefined) facts.push({ type: "OrderConfirmed", at: lastSale.at, data: {} });
  const invoice = lines[0]?.invoice ?? "";
  return facts.map((fact, index) => toEvent(invoice, index, fact));
}

/** What a single line stands for. */
export function kindOf(line: Transaction): LineKind {
  const isFree = /^-?[0.]+$/.test(line.unitPrice);
  if (line.invoice.startsWith("C")) return "CreditNoteIssued";
  if (line.invoice.startsWith("A")) return "DebtAdjusted";
  if (isFree || line.quantity === 0) {
    return line.customer !== undefined && line.quantity > 0 ? "ItemsGivenFree" : "StockAdjusted";
  }
  return line.quantity > 0 && !line.unitPrice.startsWith("-") ? "OrderPlaced" : "ItemsReturned";
}

interface Fact {
  readonly type: string;
  readonly at: string;
  readonly data: Partial<ItemsRecorded>;
}

interface LineGroup {
  readonly kind: LineKind;
  readonly at: string;
  readonly customer: string | undefined;
  readonly country: string;
  readonly items: OrderItem[];
}

/** An event stays far below the store's limit of bytes, however long the invoice is. */
const itemsPerEventMax = 1_000;

function groupLines(lines: readonly Transaction[]): LineGroup[] {
  const open = new Map<string, LineGroup>();
  const groups: LineGroup[] = [];
  for (const [index, line] of lines.entries()) {
    const kind = kindOf(line);
    const key = JSON.stringify([kind, line.at, line.customer, line.country]);
    let group = open.get(key);
    if (group === undefined || group.items.length === itemsPerEventMax) {
      group = { kind, at: line.at, customer: line.customer, country: line.country, items: [] };
      open.set(key, group);
      groups.push(group);
    }
    group.items.push(itemOf(line, index + 1));
  }
  return groups.sort((a, b) => compareText(a.at, b.at));
}

function isSale(group: LineGroup): boolean {
  return group.kind === "OrderPlaced";
}

function itemOf({ sku, description, quantity, unitPrice }: Transaction, line: number): OrderItem {
  return description === undefined
    ? { line, sku, quantity, unitPrice }
    : { line, sku, description, quantity, unitPrice };
}

function itemsOf({ customer, country, items }: LineGroup): ItemsRecorded {
  return customer === undefined ? { country, items } : { customer, country, items };
}

/** Names the events of this import; the ids of other applications' events never meet these. */
const namespace = "5c3f6a0e-8c0b-5a4e-9d61-2f0f6f5b7a11";

function toEvent(invoice: string, index: number, { type, at, data }: Fact): NewEvent {
  const id = nameBasedUuid(namespace, JSON.stringify([invoice, index, type, at, data]));
  return { id, type, data, tags: customerTags(data), recordedAt: at };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
