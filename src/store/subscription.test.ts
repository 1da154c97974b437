import { once } from "node:events";
import { setImmediate, setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import type { EventSequence, EventStore, ReadOptions, Subscription } from "./event-store.ts";
import { openMemoryStore } from "./memory-store.ts";
import { openSubscription } from "./subscription.ts";
import type { SubscriptionSource } from "./subscription.ts";

const never = 3_600_000;

/** What a subscription needs of a store, with some of it behaving otherwise. */
function sourceOf(store: EventStore, changes: Partial<SubscriptionSource> = {}): SubscriptionSource {
  return {
    url: store.url,
    read: (options) => store.read(options),
    readStream: (stream, options) => store.readStream(stream, options),
    head: () => store.head(),
    findStream: (stream) => store.findStream(stream),
    watch: () => () => undefined,
    ...changes,
  };
}

async function append(store: EventStore, ...data: readonly unknown[]): Promise<void> {
  await store.append({ stream: "s", events: data.map((one) => ({ type: "T", data: one })) });
}

async function take(subscription: Subscription, count: number): Promise<unknown[]> {
  const data: unknown[] = [];
  for await (const event of subscription) {
    if (data.push(event.data) === count) break;
  }
  return data;
}

// Trap 14: a wake-up is missed and nothing looks by itself.
test("a subscription whose signals are all lost looks by itself", async () => {
  const store = openMemoryStore();
  const subscription = openSubscription(sourceOf(store), undefined, 5);
  const taking = take(subscription, 2);
  await append(store, 1);
  await subscription.caughtUp;
  await append(store, 2);
  expect(await taking).toEqual([1, 2]);
});

test("signals without cause deliver nothing twice", async () => {
  const store = openMemoryStore();
  const watch = (listener: () => void): (() => void) => {
    const timer = setInterval(listener, 1);
    return () => clearInterval(timer);
  };
  const taking = take(openSubscription(sourceOf(store, { watch }), undefined, never), 20);
  for (let n = 0; n < 20; n++) {
    await append(store, n);
    await setTimeout(n % 4);
  }
  expect(await taking).toEqual(Array.from({ length: 20 }, (_, n) => n));
});

test("a signal that comes between the look at the head and the wait is not lost", async () => {
  const store = openMemoryStore();
  let signal: () => void = () => undefined;
  let isFirst = true;
  const source = sourceOf(store, {
    watch: (listener) => {
      signal = listener;
      return () => undefined;
    },
    head: async () => {
      const head = await store.head();
      if (isFirst) {
        isFirst = false;
        await append(store, "just now");
        signal();
      }
      return head;
    },
  });
  expect(await take(openSubscription(source, undefined, never), 1)).toEqual(["just now"]);
});

test("what was scanned is not scanned again, though nothing of it matched", async () => {
  const store = openMemoryStore();
  const ranges: (number | undefined)[][] = [];
  const read = (options?: ReadOptions): EventSequence => {
    ranges.push([options?.from, options?.to]);
    return store.read(options);
  };
  const subscription = openSubscription(sourceOf(store, { read }), { types: ["Never"] }, 2);
  const waiting = take(subscription, 1);
  await append(store, 1, 2, 3);
  await subscription.caughtUp;
  await append(store, 4, 5);
  await setTimeout(20);
  await subscription.close();
  expect(await waiting).toEqual([]);
  expect(ranges).toEqual([
    [1, 3],
    [4, 5],
  ]);
});

test("nothing is read ahead beyond one page", async () => {
  const store = openMemoryStore();
  for (let n = 0; n < 5; n++) await append(store, ...Array.from({ length: 1_000 }, (_, index) => index));
  let pages = 0;
  const read = (options?: ReadOptions): EventSequence => {
    const sequence = store.read(options);
    return {
      ...sequence,
      async *pages() {
        for await (const page of sequence.pages()) {
          pages++;
          yield page;
        }
      },
    };
  };
  const iterator = openSubscription(sourceOf(store, { read }), undefined)[Symbol.asyncIterator]();
  for (let n = 0; n < 1_000; n++) await iterator.next();
  expect(pages).toBe(1);
  await iterator.next();
  expect(pages).toBe(2);
  await iterator.return?.();
});

test("the store is watched only while the subscription runs", async () => {
  const store = openMemoryStore();
  let watchers = 0;
  const watch = (): (() => void) => {
    watchers++;
    return () => void watchers--;
  };
  const begin = (signal?: AbortSignal): Subscription =>
    openSubscription(sourceOf(store, { watch }), { signal }, never);
  const ends: ((subscription: Subscription) => PromiseLike<unknown> | undefined)[] = [
    (subscription) => subscription.close(),
    (subscription) => subscription[Symbol.asyncDispose](),
    (subscription) => subscription.pages()[Symbol.asyncIterator]().return?.(),
  ];
  for (const end of ends) {
    const subscription = begin();
    expect(watchers).toBe(0);
    const waiting = subscription[Symbol.asyncIterator]().next();
    await subscription.caughtUp;
    expect(watchers).toBe(1);
    await end(subscription);
    expect(await waiting).toEqual({ value: undefined, done: true });
    expect(watchers).toBe(0);
  }
  expect(await take(begin(AbortSignal.abort()), 1)).toEqual([]);
  expect(watchers).toBe(0);
});

test("closing ends a pending read, and nothing of what it had read is delivered", async () => {
  const store = openMemoryStore();
  await append(store, 1, 2, 3);
  const read = ({ signal }: ReadOptions = {}): EventSequence => ({
    ...store.read(),
    async *pages() {
      yield await store.read({ limit: 1 }).toArray();
      await once(signal as AbortSignal, "abort");
      throw new HithertoError("ABORTED", { operation: "read" });
    },
  });
  const subscription = openSubscription(sourceOf(store, { read }), undefined);
  const pages = subscription.pages()[Symbol.asyncIterator]();
  expect((await pages.next()).done).toBe(false);
  const pending = pages.next();
  await subscription.close();
  expect(await pending).toEqual({ value: undefined, done: true });
});

test("no timer is left behind", async () => {
  // They count the timers of this test alone, and none of them ever ends by itself.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const store = openMemoryStore();
  const taking = take(store.subscribe(), 20);
  for (let n = 0; n < 20; n++) {
    while (vi.getTimerCount() === 0) await setImmediate();
    await append(store, n);
  }
  expect(await taking).toHaveLength(20);
  expect(vi.getTimerCount()).toBe(0);
});

test("an error of the store fails the iteration, and `caughtUp` is false", async () => {
  const error = new HithertoError("STORE_IO", { store: "memory:", problem: "the disk is gone" });
  const head = (): Promise<number> => Promise.reject(error);
  const subscription = openSubscription(sourceOf(openMemoryStore(), { head }), undefined);
  await expect(take(subscription, 1)).rejects.toBe(error);
  expect(await subscription.caughtUp).toBe(false);
  expect(await take(subscription, 1)).toEqual([]);
});

/** A store whose reads and looks at the head fail so often, and after some events of each read. */
function failing(
  store: EventStore,
  left: { heads: number; reads: number },
  error: Error,
): SubscriptionSource {
  return sourceOf(store, {
    head: () => (left.heads-- > 0 ? Promise.reject(error) : store.head()),
    read: (options) => {
      if (left.reads-- <= 0) return store.read(options);
      return { ...store.read(options), pages: () => onePage(store, options, error) };
    },
  });
}

async function* onePage(
  store: EventStore,
  options: ReadOptions | undefined,
  error: Error,
): AsyncGenerator<readonly StoredEvent[]> {
  yield await store.read({ ...options, limit: 2 }).toArray();
  throw error;
}

test("a subscription outlasts errors that pass, loses and repeats nothing, and says so", async () => {
  const store = openMemoryStore();
  await append(store, 1, 2, 3, 4, 5);
  const [error, reports] = [new Error("away"), [] as unknown[]];
  const source = failing(store, { heads: 2, reads: 2 }, error);
  const outlasts = (thrown: unknown): boolean => thrown === error;
  const report = (diagnostic: unknown): void => void reports.push(diagnostic);
  const subscription = openSubscription({ ...source, outlasts, report }, undefined, never);
  const taking = take(subscription, 5);
  expect(await taking).toEqual([1, 2, 3, 4, 5]);
  const diagnostic = { operation: "subscription", definition: store.url, stream: undefined, error };
  expect(reports).toEqual([{ ...diagnostic, isOver: false }]);
});

test("a subscription that goes on says so", async () => {
  const store = openMemoryStore();
  await append(store, 1);
  const reports: unknown[] = [];
  const source = failing(store, { heads: 1, reads: 0 }, new Error("away"));
  const report = ({ isOver }: { isOver?: boolean | undefined }): void => void reports.push(isOver);
  await using subscription = openSubscription({ ...source, outlasts: () => true, report }, undefined, 5);
  void take(subscription, 2);
  expect(await subscription.caughtUp).toBe(true);
  expect(reports).toEqual([false, true]);
});

test("a subscription ends by an error that does not pass by itself", async () => {
  const store = openMemoryStore();
  const source = failing(store, { heads: 1, reads: 0 }, new Error("for good"));
  await expect(take(openSubscription({ ...source, outlasts: () => false }, undefined), 1)).rejects.toThrow(
    "for good",
  );
});

test("a subscription that is held up ends at once when it is closed", async () => {
  const store = openMemoryStore();
  const source = failing(store, { heads: Infinity, reads: 0 }, new Error("away"));
  const subscription = openSubscription({ ...source, outlasts: () => true }, undefined);
  const taking = take(subscription, 1);
  // By then a pause of 1,280 ms has begun.
  await setTimeout(1_400);
  const began = performance.now();
  await subscription.close();
  expect(await taking).toEqual([]);
  expect(performance.now() - began).toBeLessThan(500);
});
