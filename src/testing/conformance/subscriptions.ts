import assert from "node:assert/strict";
import { setImmediate, setTimeout } from "node:timers/promises";
import type { StoredEvent } from "../../core/event.ts";
import type { EventStore, Subscription, SubscribeOptions } from "../../store/event-store.ts";
import { pollIntervalMsDefault } from "../../store/subscription.ts";
import { anEvent, appendOneByOne, logOf, refuses, someEvents, take, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** What a subscription delivers until it has caught up. */
async function history(store: EventStore, options: SubscribeOptions): Promise<unknown[]> {
  const subscription = store.subscribe(options);
  const data: unknown[] = [];
  void subscription.caughtUp.then(() => subscription.close());
  for await (const event of subscription) data.push(event.data);
  return data;
}

/** Writes events with random pauses; their data count up from 0 in each stream. */
async function write(store: EventStore, stream: string, count: number): Promise<void> {
  for (const n of upTo(count)) {
    await store.append({ stream, events: [anEvent({ data: n, type: n % 3 === 0 ? "Third" : "Other" })] });
    if (n % 50 === 0) await setImmediate();
  }
}

/** Counts how often a store is asked, by its subscriptions too, as far as they go by its own methods. */
function countReads(store: EventStore): { reads: number } {
  const counter = { reads: 0 };
  for (const name of ["read", "readStream", "head", "findStream"] as const) {
    const method = store[name].bind(store) as (...given: unknown[]) => unknown;
    const value = (...given: unknown[]): unknown => {
      counter.reads += 1;
      return method(...given);
    };
    Object.defineProperty(store, name, { value, configurable: true });
  }
  return counter;
}

const positionsOf = (events: readonly StoredEvent[]): number[] => events.map((event) => event.position);

/** Following the log, a query or a stream, from history to live. */
export const subscriptionTests: Topic = {
  "a subscription delivers what there is and then what is appended": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const subscription = store.subscribe();
    const taking = take(subscription, 5);
    await subscription.caughtUp;
    await appendOneByOne(store, "b", 2);
    assert.deepEqual(positionsOf(await taking), positionsOf(await logOf(store)));
  },

  "`after` leaves out what is at and before it": async ({ store }) => {
    await appendOneByOne(store, "a", 5);
    const log = await logOf(store);
    assert.deepEqual(await history(store, {}), [0, 1, 2, 3, 4]);
    assert.deepEqual(await history(store, { after: 0 }), [0, 1, 2, 3, 4]);
    assert.deepEqual(await history(store, { after: log[1]!.position }), [2, 3, 4]);
    assert.deepEqual(await history(store, { after: log[4]!.position }), []);
    assert.deepEqual(await history(store, { after: 1_000_000 }), []);
  },

  "one stream is followed by revisions": async ({ store }) => {
    await appendOneByOne(store, "a", 4);
    await appendOneByOne(store, "b", 2);
    assert.deepEqual(await history(store, { stream: "a" }), [0, 1, 2, 3]);
    assert.deepEqual(await history(store, { stream: "a", after: 0 }), [1, 2, 3]);
    const taking = take(store.subscribe({ stream: "a", after: 2 }), 2);
    await appendOneByOne(store, "b", 1);
    await appendOneByOne(store, "a", 1);
    assert.deepEqual(
      (await taking).map((event) => event.revision),
      [3, 4],
    );
  },

  "a stream that has yet to begin is waited for": async ({ store }) => {
    const taking = take(store.subscribe({ stream: "a" }), 1);
    await setImmediate();
    await appendOneByOne(store, "b", 1);
    await appendOneByOne(store, "a", 1);
    assert.equal((await taking)[0]?.stream, "a");
  },

  "`end` delivers only what is appended after the call": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const [log, stream] = [store.subscribe({ after: "end" }), store.subscribe({ stream: "a", after: "end" })];
    await store.append({ stream: "a", events: [anEvent({ data: "new" })] });
    for (const subscription of [log, stream]) assert.equal((await take(subscription, 1))[0]?.data, "new");
  },

  "filters hold for history and live events alike": async ({ store }) => {
    const filter = { types: ["Third"], categories: ["a"] };
    await write(store, "a-1", 10);
    await write(store, "b-1", 10);
    const taking = take(store.subscribe(filter), 8);
    await write(store, "a-2", 10);
    const delivered = await taking;
    assert.deepEqual(positionsOf(delivered), positionsOf(await logOf(store, filter)));
    const query = [{ types: ["Other"] }];
    assert.equal((await history(store, { query, stream: "b-1" })).length, 6);
  },

  // No loss and no duplicate where history ends and live begins.
  "a subscription among racing writers delivers each event once and in order": async ({ store }) => {
    await store.append({ stream: "w-0", events: someEvents(2_000) });
    const subscriptions = [
      store.subscribe(),
      store.subscribe({ after: 1_000 }),
      store.subscribe({ stream: "w-1" }),
    ];
    const taking = [5_000, 4_000, 1_000].map((count, index) =>
      take(subscriptions[index] as Subscription, count),
    );
    await Promise.all(upTo(3).map((writer) => write(store, `w-${writer}`, 1_000)));
    const [all, later, stream] = await Promise.all(taking);
    const log = await logOf(store);
    assert.deepEqual(positionsOf(all ?? []), positionsOf(log));
    assert.deepEqual(positionsOf(later ?? []), positionsOf(log.slice(1_000)));
    assert.deepEqual(
      (stream ?? []).map((event) => event.data),
      upTo(1_000),
    );
  },

  "many subscriptions begun while events come in all see all of them": async ({ store }) => {
    const writing = write(store, "a", 600);
    const taking: Array<Promise<StoredEvent[]>> = [];
    for (const _ of upTo(20)) {
      taking.push(take(store.subscribe(), 600));
      await setImmediate();
    }
    await writing;
    for (const events of await Promise.all(taking)) {
      assert.deepEqual(
        events.map((event) => event.data),
        upTo(600),
      );
    }
  },

  "pages hold what is ready, in order": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(100) });
    const subscription = store.subscribe();
    const data: unknown[] = [];
    let pages = 0;
    for await (const page of subscription.pages()) {
      assert.ok(page.length > 0);
      pages += 1;
      data.push(...page.map((event) => event.data));
      if (data.length === 100) void store.append({ stream: "a", events: [anEvent({ data: 100 })] });
      if (data.length > 100) break;
    }
    assert.deepEqual(data, upTo(101));
    assert.ok(pages < 50);
  },

  "`caughtUp` resolves when the events of the start have been taken, not before": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const subscription = store.subscribe();
    let isCaughtUp = false;
    void subscription.caughtUp.then(() => (isCaughtUp = true));
    const iterator = subscription[Symbol.asyncIterator]();
    for (const _ of upTo(2)) {
      await iterator.next();
      await setTimeout(5);
      assert.equal(isCaughtUp, false);
    }
    await iterator.next();
    const fourth = iterator.next();
    await subscription.caughtUp;
    await appendOneByOne(store, "a", 1);
    assert.equal((await fourth).done, false);
    await subscription.close();
  },

  "`caughtUp` resolves on an empty log, and where nothing matches": async ({ store }) => {
    assert.deepEqual(await history(store, {}), []);
    await appendOneByOne(store, "a", 3);
    assert.deepEqual(await history(store, { types: ["Never"] }), []);
  },

  "`caughtUp` is false when the store is closed before the subscription begins": async ({ store }) => {
    const subscriptions = [store.subscribe(), store.subscribe({ stream: "account-1" })];
    await store.close();
    for (const subscription of subscriptions) {
      const iterator = subscription[Symbol.asyncIterator]();
      await refuses("STORE_CLOSED", () => iterator.next());
      assert.equal(await subscription.caughtUp, false);
    }
  },

  "`caughtUp` is true, or false when the subscription ends before": async ({ store }) => {
    const subscription = store.subscribe();
    const following = take(subscription, 1);
    assert.equal(await subscription.caughtUp, true);
    await subscription.close();
    await following;
    const early = store.subscribe();
    await early.close();
    assert.equal(await early.caughtUp, false);
  },

  "a signal ends a subscription without an error": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const controller = new AbortController();
    const subscription = store.subscribe({ signal: controller.signal });
    const following = take(subscription, 4);
    await subscription.caughtUp;
    controller.abort();
    assert.equal((await following).length, 3);
    assert.equal((await take(store.subscribe({ signal: AbortSignal.abort() }), 1)).length, 0);
  },

  "a signal ends a subscription within a page": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(50) });
    const controller = new AbortController();
    const seen: unknown[] = [];
    for await (const event of store.subscribe({ signal: controller.signal })) {
      if (seen.push(event.data) === 10) controller.abort();
    }
    assert.deepEqual(seen, upTo(10));
  },

  "closing ends a waiting iteration": async ({ store }) => {
    const subscription = store.subscribe();
    const waiting = subscription[Symbol.asyncIterator]().next();
    await setTimeout(5);
    await subscription.close();
    assert.deepEqual(await waiting, { value: undefined, done: true });
    await subscription.close();
  },

  "closing ends a reading iteration": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(5_000) });
    for (const _ of upTo(10)) {
      const subscription = store.subscribe({ types: ["Never"] });
      const waiting = subscription[Symbol.asyncIterator]().next();
      await Promise.resolve();
      await subscription.close();
      assert.equal((await waiting).done, true);
    }
  },

  "leaving the loop ends the subscription": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const subscription = store.subscribe();
    assert.equal((await take(subscription, 1)).length, 1);
    assert.equal((await take(subscription, 1)).length, 0);
  },

  "a store that is closed fails the subscriptions on it at once": async ({ store }) => {
    await appendOneByOne(store, "a", 1);
    const subscription = store.subscribe();
    const iterator = subscription[Symbol.asyncIterator]();
    await iterator.next();
    const failing = refuses("STORE_CLOSED", () => iterator.next());
    await setTimeout(5);
    await store.close();
    // At once, not when the subscription next looks by itself.
    const tooLate = setTimeout(pollIntervalMsDefault / 2, "too late", { ref: false });
    assert.notEqual(await Promise.race([failing, tooLate]), "too late");
  },

  "hidden events are not delivered": async ({ store }) => {
    await appendOneByOne(store, "a", 5);
    await appendOneByOne(store, "b", 1);
    await store.setStreamPolicy("a", { maxCount: 1 });
    assert.deepEqual(await history(store, {}), [4, 0]);
    await store.deleteStream("a");
    assert.deepEqual(await history(store, {}), [0]);
    assert.deepEqual(await history(store, { stream: "a" }), []);
  },

  "a slow consumer is not run over": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(20) });
    const seen: unknown[] = [];
    for await (const event of store.subscribe()) {
      await store.append({ stream: "b", events: [anEvent({ data: "b" })] });
      if (event.stream === "a") seen.push(event.data);
      else break;
    }
    assert.deepEqual(seen, upTo(20));
  },

  "an append reaches a waiting subscriber promptly": async ({ store }) => {
    const subscription = store.subscribe();
    const iterator = subscription[Symbol.asyncIterator]();
    const delays: number[] = [];
    for (const _ of upTo(20)) {
      const next = iterator.next();
      await setTimeout(2);
      const start = performance.now();
      await store.append({ stream: "a", events: [anEvent()] });
      await next;
      delays.push(performance.now() - start);
    }
    delays.sort((one, other) => one - other);
    // Far above what is aimed at, far below the poll interval: a missing signal shows, a busy machine does not.
    assert.ok((delays[10] ?? 0) < 300, `median ${delays[10]} ms`);
    await subscription.close();
  },

  "an append costs a few reads, however many subscriptions wait for something else": async ({ store }) => {
    const counter = countReads(store);
    const idle = upTo(300).map((n) =>
      store.subscribe(n % 2 === 0 ? { stream: `room-${n}` } : { tags: [`room:${n}`] }),
    );
    const ends = idle.map((subscription) => take(subscription, 1));
    // Should the test fail, they fail with the store.
    void Promise.allSettled(ends);
    const wanted = store.subscribe({ types: ["Wanted"] });
    const iterator = wanted[Symbol.asyncIterator]();
    let next = iterator.next();
    await Promise.all([...idle, wanted].map((subscription) => subscription.caughtUp));
    const [before, began] = [counter.reads, performance.now()];
    for (const n of upTo(20)) {
      await store.append({ stream: "s", events: [anEvent(), anEvent({ type: "Wanted", data: n })] });
      const { value } = (await next) as IteratorResult<StoredEvent, undefined>;
      assert.equal(value?.data, n);
      next = iterator.next();
    }
    // One poll a second, should the machine be slow.
    const allowed = 20 * 12 + 4 * ((performance.now() - began) / pollIntervalMsDefault);
    const count = counter.reads - before;
    assert.ok(count <= allowed, `20 appends cost ${count} reads`);
    await store.append(
      [0, 1].map((n) => ({ stream: `room-${n}`, events: [anEvent({ tags: [`room:${n}`] })] })),
    );
    assert.deepEqual(
      (await Promise.all(ends.slice(0, 2))).map((events) => events.length),
      [1, 1],
    );
    await Promise.all([...idle, wanted].map((subscription) => subscription.close()));
    await next;
    await Promise.all(ends);
  },
};
