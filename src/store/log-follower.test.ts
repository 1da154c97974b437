import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { matchesFilter } from "../core/query.ts";
import { randomFrom } from "../testing/conformance/random.ts";
import type {
  EventSequence,
  EventStore,
  ReadOptions,
  SubscribeOptions,
  Subscription,
} from "./event-store.ts";
import { openMemoryStore } from "./memory-store.ts";
import { openSubscription } from "./subscription.ts";
import type { SubscriptionSource } from "./subscription.ts";

const never = 3_600_000;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

type Call = "head" | "read" | "readStream" | "findStream";

/** What subscriptions need of a memory store, with `before` run before each answer. */
function sourceOf(
  store: EventStore,
  before: (call: Call, options?: ReadOptions) => Promise<void>,
  changes: Partial<SubscriptionSource> = {},
): SubscriptionSource {
  const late = (call: Call, options: ReadOptions | undefined, open: () => EventSequence): EventSequence => ({
    ...open(),
    async *pages() {
      await before(call, options);
      yield* open().pages();
    },
  });
  return {
    url: store.url,
    read: (options) => late("read", options, () => store.read(options)),
    readStream: (stream, options) => late("readStream", options, () => store.readStream(stream, options)),
    head: async () => {
      await before("head");
      return store.head();
    },
    findStream: async (stream) => {
      await before("findStream");
      return store.findStream(stream);
    },
    watch: (listener) => (store as EventStore & Pick<SubscriptionSource, "watch">).watch(listener),
    ...changes,
  };
}

/** Collects what a subscription delivers until it ends. */
function collect(subscription: Subscription): {
  readonly events: StoredEvent[];
  readonly done: Promise<void>;
} {
  const events: StoredEvent[] = [];
  const done = (async () => {
    for await (const event of subscription) events.push(event);
  })();
  return { events, done };
}

const positionsOf = (events: readonly StoredEvent[]): number[] => events.map(({ position }) => position);

test("an append costs the same few reads however many wait for something else", async () => {
  const store = openMemoryStore();
  const calls = new Map<Call, number>();
  const source = sourceOf(store, async (call) => void calls.set(call, (calls.get(call) ?? 0) + 1));
  const idle = upTo(500).map((n) => openSubscription(source, { stream: `room-${n}` }, never));
  const ends = idle.map((one) => collect(one).done);
  const wanted = openSubscription(source, { tags: ["wanted"] }, never);
  const events = wanted[Symbol.asyncIterator]();
  const first = events.next();
  await Promise.all([...idle, wanted].map(({ caughtUp }) => caughtUp));
  calls.clear();
  await store.append({ stream: "s", events: [{ type: "T", data: 0, tags: ["wanted"] }] });
  expect(await first).toMatchObject({ value: { data: 0 } });
  for (const n of upTo(10)) {
    const next = events.next();
    await store.append({ stream: "s", events: [{ type: "T", data: n, tags: ["wanted"] }] });
    expect(await next).toMatchObject({ value: { data: n } });
  }
  // For each append: the head and the new events once for all, the new events for the one; no look at a stream.
  expect(calls.get("head")).toBeLessThanOrEqual(3 * 11);
  expect(calls.get("read")).toBeLessThanOrEqual(3 * 11);
  expect(calls.get("findStream")).toBe(undefined);
  await Promise.all([...idle, wanted].map((one) => one.close()));
  await Promise.all(ends);
});

test("however many wait, the log is looked at once in a poll interval", async () => {
  const store = openMemoryStore();
  let looks = 0;
  let looked = (): void => undefined;
  const source = sourceOf(
    store,
    async (call) => {
      if (call === "head") looks++;
      looked();
    },
    { watch: () => () => undefined },
  );
  const all = upTo(100).map((n) => openSubscription(source, { stream: `room-${n}` }, 5));
  const collected = all.map(collect);
  await Promise.all(all.map(({ caughtUp }) => caughtUp));
  const [begun, began] = [looks, performance.now()];
  await new Promise<void>((resolve) => {
    looked = () => {
      if (looks >= begun + 10) resolve();
    };
  });
  // Ten polls for all, not one poll of ten.
  expect(performance.now() - began).toBeGreaterThan(5 * 5);
  await store.append({ stream: "room-7", events: [{ type: "T", data: 1 }] });
  while (collected[7]!.events.length === 0) await setImmediate();
  for (const one of all) await one.close();
});

const filters: readonly SubscribeOptions[] = [
  {},
  { stream: "a-1" },
  { stream: "b-2", types: ["Even"] },
  { stream: "never" },
  { types: ["Even"] },
  { categories: ["b"] },
  { streamPrefix: "a-" },
  { tags: ["third"] },
  { correlationId: "seventh" },
  { query: [{ types: ["Odd"], tags: ["third"] }, { tags: ["fifth"] }] },
];

/** Takes what a subscription delivers into a list, pausing now and then. */
async function takeInto(
  events: StoredEvent[],
  subscription: Subscription,
  pause: () => Promise<void>,
): Promise<void> {
  await pause();
  for await (const event of subscription) {
    events.push(event);
    await pause();
  }
}

/** What a subscription should have delivered in the end. */
async function expectedOf(
  store: EventStore,
  { stream, after, ...filter }: SubscribeOptions,
): Promise<StoredEvent[]> {
  const from = typeof after === "number" ? after + 1 : 0;
  const read = stream === undefined ? store.read({ from }) : store.readStream(stream, { from });
  return (await read.toArray()).filter((event) => matchesFilter(filter, event));
}

// The order of everything that is asynchronous is random. A wake-up that is lost makes it wait for ever.
test.each(upTo(40))("nothing is missed or repeated, whatever overtakes what (seed %i)", async (seed) => {
  const random = randomFrom(seed + 1);
  const store = openMemoryStore();
  const pause = async (most: number): Promise<void> => {
    for (const _ of upTo(random.integer(most + 1))) {
      await (random.once(2) ? setImmediate() : Promise.resolve());
    }
  };
  const source = sourceOf(store, () => pause(4));
  const first = random.integer(filters.length);
  const all = upTo([1, 2, 5, 25][seed % 4]!).map((n) => {
    const after = random.once(3) ? { after: 3 } : {};
    const options: SubscribeOptions = { ...filters[(first + n) % filters.length], ...after };
    const subscription = openSubscription(source, options, never);
    const events: StoredEvent[] = [];
    const done = takeInto(events, subscription, () => pause(random.once(4) ? 8 : 0));
    return { options, subscription, events, done };
  });
  for (const n of upTo(200)) {
    const tags = [...(n % 3 === 0 ? ["third"] : []), ...(n % 5 === 0 ? ["fifth"] : [])];
    const metadata = n % 7 === 0 ? { correlationId: "seventh" } : {};
    const event = { type: n % 2 === 0 ? "Even" : "Odd", data: n, tags, metadata };
    const stream = random.pick(["a-1", "a-2", "b-1", "b-2"]);
    await store.append({ stream, events: random.once(10) ? [event, event, event] : [event] });
    await pause(3);
    if (!random.once(3)) continue;
    // Later events would wake those who have been forgotten.
    for (const { options, events } of all) {
      const expected = positionsOf(await expectedOf(store, options));
      while (events.length < expected.length) await setImmediate();
      expect([options, positionsOf(events)]).toEqual([options, expected]);
    }
  }
  for (const { subscription, done } of all) {
    await subscription.close();
    await done;
  }
});

/** Subscriptions that wait, and what becomes of them. */
async function waitingOn(source: SubscriptionSource, streams: readonly string[]) {
  const all = streams.map((stream) => {
    const subscription = openSubscription(source, { stream }, never);
    const outcome = collect(subscription);
    outcome.done.catch(() => undefined);
    return { subscription, ...outcome };
  });
  await Promise.all(all.map(({ subscription }) => subscription.caughtUp));
  return all;
}

test("what passes by itself is told once for all who wait, and they go on", async () => {
  const store = openMemoryStore();
  let failures = 0;
  const reports: unknown[] = [];
  const source = sourceOf(
    store,
    async () => {
      if (failures-- > 0) throw new Error("away");
    },
    { outlasts: () => true, report: ({ operation, isOver }) => void reports.push([operation, isOver]) },
  );
  const all = await waitingOn(
    source,
    upTo(50).map((n) => `room-${n}`),
  );
  failures = 3;
  await store.append({ stream: "room-7", events: [{ type: "T", data: 1 }] });
  while (all[7]!.events.length === 0) await setImmediate();
  expect(reports).toEqual([
    ["subscription", false],
    ["subscription", true],
  ]);
  for (const { subscription } of all) await subscription.close();
});

test("damage that one meets is no matter of the others", async () => {
  const store = openMemoryStore();
  const damaged = new HithertoError("STORE_DAMAGED", { store: "memory:", problem: "a bit has flipped" });
  let damagedAt = 0;
  const source = sourceOf(store, async (call, options) => {
    if (call === "read" && (options?.from ?? 0) <= damagedAt) throw damaged;
  });
  const all = await waitingOn(
    source,
    upTo(50).map((n) => `room-${n}`),
  );
  damagedAt = 1;
  await store.append({ stream: "room-8", events: [{ type: "T", data: 0 }] });
  while (all[8]!.events.length === 0) await setImmediate();
  await store.append({ stream: "room-7", events: [{ type: "T", data: 1 }] });
  while (all[7]!.events.length === 0) await setImmediate();
  for (const { subscription, done } of all) {
    await subscription.close();
    await done;
  }
});

test("closing the store fails all who wait", async () => {
  const store = openMemoryStore();
  const all = await waitingOn(
    sourceOf(store, () => Promise.resolve()),
    upTo(50).map((n) => `room-${n}`),
  );
  await store.close();
  for (const { done } of all) await expect(done).rejects.toMatchObject({ code: "STORE_CLOSED" });
});

test("more events at once than are remembered wake those whom they concern", async () => {
  const store = openMemoryStore();
  const all = await waitingOn(
    sourceOf(store, () => setImmediate()),
    upTo(50).map((n) => `room-${n}`),
  );
  const events = upTo(4_000).map((n) => ({ type: "T", data: n }));
  await store.append([
    { stream: "other", events },
    { stream: "room-3", events: events.slice(0, 5) },
    { stream: "another", events },
  ]);
  while (all[3]!.events.length < 5) await setImmediate();
  await store.append({ stream: "room-3", events: events.slice(5, 6) });
  while (all[3]!.events.length < 6) await setImmediate();
  expect(all[3]!.events.map(({ data }) => data)).toEqual([0, 1, 2, 3, 4, 5]);
  for (const { subscription } of all) await subscription.close();
});
