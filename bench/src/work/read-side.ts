/**
 * The read side: consumers and projections that work off a whole log, reads by key, and what an append costs that also
 * brings a read model up to date.
 *
 * The log is written before the clock starts. Each sample of a consumer or projection is one run over all of it, from the
 * start of a new one to its place being stored behind the last event, so it includes what starting and stopping costs.
 */
import type { ContenderName, EmbeddedName } from "../contenders/contender.ts";
import { openEmmettInline } from "../contenders/emmett-reader.ts";
import { openHithertoInline, openHithertoReader } from "../contenders/hitherto-reader.ts";
import { readers } from "../contenders/open-contender.ts";
import type { AnyEvent, OpenReader, ReaderContender } from "../contenders/reader.ts";
import { makeBatches } from "../events.ts";
import { seededRandom } from "../random.ts";
import { eventsPerOrder, makeOrders } from "../shop.ts";
import type { Work, WorkOptions } from "./work.ts";
import { locate, repeat } from "./work.ts";

const eventCount = 500_000;
const eventsPerAppend = 100;
const streamCount = 1_000;
const orderCount = 20_000;
/** Peers that would take minutes for all of it get a part; what counts is the rate. */
const peerShares: Readonly<Partial<Record<ContenderName, number>>> = {
  "emmett-sqlite": 0.1,
  "act-sqlite": 0.1,
  "emmett-postgresql": 0.04,
  "act-pg": 0.04,
};
const appendsAtOnce = 64;

/** Prepares a consumer of accounts' events whose handler does nothing. */
export async function prepareConsume(name: ContenderName, options: WorkOptions): Promise<Work> {
  const contender = await readers[name](locate(options, "consume.db"));
  const count = Math.ceil((eventCount * shareOf(name, options)) / eventsPerAppend) * eventsPerAppend;
  const batches = makeBatches(count / eventsPerAppend, eventsPerAppend, 8);
  await fill(
    contender,
    batches.map((events, index) => ({ stream: `account-${index % streamCount}`, events })),
  );
  const consume = required(contender.consume);
  return workOf(contender, async () => requireCount(await consume(count), count));
}

/** Prepares making the documents of orders from the shop's events. */
export async function prepareProject(name: ContenderName, options: WorkOptions): Promise<Work> {
  const { contender, orders } = await openShop(name, options);
  const project = required(contender.project);
  return workOf(contender, async () => {
    requireCount(await project(orders * eventsPerOrder), orders);
    return orders * eventsPerOrder;
  });
}

/** Prepares making all read models of `examples/shop`: orders, products, and the tables of sales. */
export async function prepareRebuildShop(options: WorkOptions): Promise<Work> {
  const { contender, orders } = await openShop("hitherto", options);
  const rebuild = required(contender.rebuild);
  return workOf(contender, async () => {
    if ((await rebuild()) <= orders) throw new RangeError("a read model is missing");
    return orders * eventsPerOrder;
  });
}

/** Prepares reading documents by key, each time another one. */
export async function prepareGet(name: ContenderName, options: WorkOptions): Promise<Work> {
  const { contender, orders } = await openShop(name, options);
  await required(contender.project)(orders * eventsPerOrder);
  const find = required(contender.find);
  const random = seededRandom(9);
  return workOf(contender, async () => {
    const order = await find(String(Math.floor(random() * orders)));
    if (order === undefined) throw new RangeError("an order is missing");
    return 1;
  });
}

/** Who appends, with which read model in the same transaction. */
export type InlineName = EmbeddedName | "append-alone";

const inlineOpeners: Readonly<Partial<Record<InlineName, OpenReader>>> = {
  hitherto: openHithertoInline,
  "append-alone": openHithertoReader,
  "emmett-sqlite": openEmmettInline,
};

/** Prepares appending one event at a time to orders, with the orders' documents in the same transaction. */
export async function prepareInline(name: InlineName, options: WorkOptions): Promise<Work> {
  const contender = await required(inlineOpeners[name])(locate(options, "inline.db"));
  const orders = makeOrders(orderCount);
  let next = 0;
  return workOf(contender, async () => {
    const order = orders[Math.floor(next / eventsPerOrder) % orders.length];
    const event = order?.events[next++ % eventsPerOrder];
    if (order === undefined || event === undefined) throw new RangeError("an event is missing");
    await contender.append(order.stream, [event]);
    return 1;
  });
}

async function openShop(
  name: ContenderName,
  options: WorkOptions,
): Promise<{ readonly contender: ReaderContender; readonly orders: number }> {
  const contender = await readers[name](locate(options, "shop.db"));
  const orders = Math.max(2, Math.round(orderCount * shareOf(name, options)));
  await fill(contender, makeOrders(orders));
  return { contender, orders };
}

async function fill(
  contender: ReaderContender,
  appends: ReadonlyArray<{ readonly stream: string; readonly events: readonly AnyEvent[] }>,
): Promise<void> {
  const atOnce = contender.isConcurrent ? appendsAtOnce : 1;
  for (let from = 0; from < appends.length; from += atOnce) {
    const some = appends.slice(from, from + atOnce);
    await Promise.all(some.map(({ stream, events }) => contender.append(stream, events)));
  }
}

function workOf(contender: ReaderContender, operate: () => Promise<number>): Work {
  return {
    slice: (ms) => repeat(ms, operate),
    configuration: contender.configuration,
    close: () => contender.close(),
  };
}

function shareOf(name: ContenderName, { scale }: WorkOptions): number {
  return Math.max(scale, 0.01) * (peerShares[name] ?? 1);
}

function required<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new TypeError("this contender does not do that");
  return part;
}

function requireCount(count: number, expected: number): number {
  if (count !== expected) throw new RangeError(`there are ${count} where ${expected} were expected`);
  return count;
}
