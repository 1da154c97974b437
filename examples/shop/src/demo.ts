/**
 * The demonstration: made-up orders in a fresh store, what the rules refuse, how one order got where it is, and
 * the report that follows from it all.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExecuteResult, type Hitherto, open, type Rejected } from "hitherto";
import { formatCount, paint, withThousands } from "./console.ts";
import { type DemoOrder, makeOrders } from "./demo-orders.ts";
import { formatMoney, totalOf } from "./money.ts";
import { type Order, order } from "./order.ts";
import { ordersCommand } from "./orders-command.ts";
import { catchUp } from "./read-models.ts";
import { viewReport } from "./report-view.ts";
import { readSalesReport } from "./sales-report.ts";

/** How the demonstration runs. */
export interface DemoOptions {
  /** A store that is empty or not there yet. Default: a file in a new folder among the system's temporary files. */
  readonly store?: string | undefined;
  /** The same seed gives the same orders. Default 17. */
  readonly seed?: number | undefined;
  /** Default 24; at least 6, so that every course of an order occurs. */
  readonly orders?: number | undefined;
}

type Say = (line?: string) => void;

/** Runs the demonstration, and returns where its store is, which stays. */
export async function runDemo(say: Say, options: DemoOptions = {}): Promise<string> {
  await using store = await open(options.store ?? (await freshFile()));
  const place = store.url.replace(/^sqlite:/, "");
  say(paint("bold", "A shop that remembers everything"));
  say(paint("dim", `Its events are in ${place}`));
  const orders = makeOrders(Math.max(6, options.orders ?? 24), options.seed ?? 17);
  await takeOrders(store, orders, say);
  await breakRules(store, say);
  await lookBack(store, say);
  await report(store, say);
  tellNext(place, say);
  return place;
}

async function freshFile(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), "hitherto-shop-")), "shop.db");
}

async function takeOrders(store: Hitherto, orders: readonly DemoOrder[], say: Say): Promise<void> {
  heading(say, "Orders come in");
  // Each customer waits only for their own order; the store writes what is ready together.
  const began = performance.now();
  const taken = await Promise.all(orders.map((each) => takeOrder(store, each)));
  const ms = Math.ceil(performance.now() - began);
  for (const { id, state } of taken.slice(0, linesShown)) {
    const total = withThousands(formatMoney(totalOf(state.items))).padStart(9);
    say(`  order-${id}  ${(state.customer ?? "").padEnd(8)} ${total}  ${describePhase(state)}`);
  }
  const rest = taken.length - linesShown;
  if (rest > 0) say(paint("dim", `  … and ${formatCount(rest)} more`));
  say(
    `  ${formatCount(await store.head())} events in ${ms} ms, each on disk before its command was answered.`,
  );
}

const linesShown = 8;

interface TakenOrder {
  readonly id: string;
  readonly state: Order;
}

async function takeOrder(store: Hitherto, { id, placed, added, course }: DemoOrder): Promise<TakenOrder> {
  await accepted(store.execute(order, id, "place", placed));
  if (added.length > 0) await accepted(store.execute(order, id, "addItems", { items: added }));
  if (course !== "draft") await accepted(store.execute(order, id, "confirm", undefined));
  if (course === "delivered" || course === "shipped" || course === "cancelled") {
    await settle(store, id, course);
  }
  const { state } = await store.load(order, id);
  return { id, state };
}

async function settle(
  store: Hitherto,
  id: string,
  course: "delivered" | "shipped" | "cancelled",
): Promise<void> {
  const { state } = await store.load(order, id);
  const amount = formatMoney(totalOf(state.items));
  await accepted(store.execute(order, id, "pay", { amount }));
  if (course === "cancelled") {
    await accepted(store.execute(order, id, "cancel", { reason: "changed my mind" }));
    await accepted(store.execute(order, id, "refund", { amount, reason: "the order was cancelled" }));
    return;
  }
  await accepted(store.execute(order, id, "ship", undefined));
  if (course === "delivered") await accepted(store.execute(order, id, "deliver", undefined));
}

/** The orders that {@link makeOrders} lets go through every course, by what they come to. */
const known = {
  delivered: "1001",
  shipped: "1002",
  unpaid: "1003",
  cancelled: "1004",
  draft: "1005",
} as const;

async function breakRules(store: Hitherto, say: Say): Promise<void> {
  heading(say, "The rules say no, and nothing is stored");
  const attempt = async (what: string, result: Promise<ExecuteResult<Order>>): Promise<void> => {
    const { reason, message } = await refused(result);
    say(`  ${what.padEnd(28)} ${paint("red", reason.padEnd(22))} ${message}`);
  };
  const { unpaid, draft, delivered } = known;
  const item = { sku: "47566", quantity: 1, unitPrice: "4.95" };
  const minusOne = { country: "France", items: [{ ...item, quantity: -1 }] };
  await attempt("add to a confirmed order", store.execute(order, unpaid, "addItems", { items: [item] }));
  await attempt("ship what is not paid", store.execute(order, unpaid, "ship", undefined));
  await attempt("deliver what is not shipped", store.execute(order, draft, "deliver", undefined));
  await attempt(
    "cancel what is delivered",
    store.execute(order, delivered, "cancel", { reason: "too late" }),
  );
  const refund = { amount: "1.00", reason: "please" };
  await attempt("refund what was not paid", store.execute(order, unpaid, "refund", refund));
  await attempt("order minus one", store.execute(order, "1099", "place", minusOne));
}

async function lookBack(store: Hitherto, say: Say): Promise<void> {
  heading(say, `How did order-${known.cancelled} get here?`);
  for await (const { event, before, after } of store.history(order, known.cancelled)) {
    const change =
      before.phase === after.phase ? describeMoney(before, after) : `${before.phase} → ${after.phase}`;
    say(`  revision ${event.revision}  ${event.type.padEnd(16)} ${change}`);
  }
  const then = await store.load(order, known.cancelled, { atRevision: 2 });
  const now = await store.load(order, known.cancelled);
  say(`  At revision 2 it was ${describePhase(then.state)}; now it is ${describePhase(now.state)}.`);
  const broken = await store.bisect(order, known.cancelled, (state) => state.phase !== "cancelled");
  if (broken !== undefined) {
    say(`  The event that ended it: ${broken.event.type}, ${JSON.stringify(broken.event.data)}`);
  }
}

async function report(store: Hitherto, say: Say): Promise<void> {
  heading(say, "What the events add up to, in read models");
  await catchUp(store, { isQuiet: true });
  const { report: sold, daily } = await readSalesReport(store);
  say(viewReport(sold, daily));
  say();
  const { customer } = (await store.load(order, known.cancelled)).state;
  say(await ordersCommand(store, { customer }));
}

function tellNext(place: string, say: Say): void {
  // A URL may hold what means something to a shell.
  const shown = place.includes("?") ? `'${place}'` : place;
  heading(say, "The store is yours. Try next");
  say(`  npx hitherto read order-${known.cancelled} --store ${shown}`);
  say(`  npx hitherto read --type OrderRefunded --store ${shown}`);
  say(`  npx hitherto stats --store ${shown}`);
  say(`  npx hitherto projections list --store ${shown}`);
  say(`  npm run shop -- orders --status shipped --store ${shown}`);
  say(`  npm run shop -- top-products --store ${shown}`);
}

function heading(say: Say, text: string): void {
  say();
  say(paint("bold", text));
}

function describePhase({ phase, paid, refunded }: Order): string {
  const parts = [phase === "placed" ? "placed (a draft still)" : phase];
  if (phase === "confirmed") parts.push(paid === "0.00" ? "not paid" : `${paid} paid`);
  if (refunded !== "0.00") parts.push(`${refunded} refunded`);
  return parts.join(", ");
}

function describeMoney(before: Order, after: Order): string {
  if (before.paid !== after.paid) return `paid ${before.paid} → ${after.paid}`;
  if (before.refunded !== after.refunded) return `refunded ${before.refunded} → ${after.refunded}`;
  return `${before.items.length} → ${after.items.length} lines`;
}

/** The orders of the demonstration keep the rules; one that does not is a defect. */
async function accepted(result: Promise<ExecuteResult<Order>>): Promise<void> {
  const outcome = await result;
  if (!outcome.accepted) throw new Error(`A rule refused what it should allow: ${outcome.message}`);
}

async function refused(result: Promise<ExecuteResult<Order>>): Promise<Rejected> {
  const outcome = await result;
  if (outcome.accepted) throw new Error(`A rule allowed ${outcome.events[0]?.type}, which it should refuse.`);
  return outcome;
}
