/**
 * Reads that begin where nothing is yet, while a batch is appended there. A batch is one append, so a read finds all of
 * it or nothing: whatever it finds begins with the batch's first event, or backwards with its last one. A store that
 * takes the end of one statement for the end of another passes over events here.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { StoredEvent } from "../../core/event.ts";
import type { EventFilter } from "../../core/query.ts";
import type { EventSequence, EventStore, ReadOptions } from "../../store/event-store.ts";
import { passes } from "./filter-rule.ts";
import { anEvent, someEvents, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** Where a batch goes, and how it is read from there on. */
interface Tail {
  readonly stream: string;
  readonly read: (options: ReadOptions) => EventSequence;
  /** First revision or position that is not there yet. */
  readonly from: number;
}

/** Limits of a read, and how often each is tried; the last one stands for none. */
const tries: readonly (readonly [limit: number | undefined, times: number])[] = [
  [1, 16],
  [2, 8],
  [10, 6],
  [100, 4],
  [1_000, 2],
  [undefined, 6],
];

/** The end of a stream that has events, or of one that has none. */
async function tailOfStream(store: EventStore, stream: string): Promise<Tail> {
  const info = await store.findStream(stream);
  return { stream, read: (options) => store.readStream(stream, options), from: (info?.revision ?? -1) + 1 };
}

async function tailOfLog(store: EventStore): Promise<Tail> {
  return { stream: "s", read: (options) => store.read(options), from: (await store.head()) + 1 };
}

/** Fresh streams and one that grows, by turns. */
const nameOf = (n: number): string => (n % 2 === 0 ? "s" : `fresh-${n}`);

/** Tries every limit at a tail. */
async function tryLimits(
  store: EventStore,
  tailOf: (n: number) => Promise<Tail>,
  options: { readonly filter?: EventFilter; readonly backwards?: boolean } = {},
): Promise<void> {
  let n = 0;
  for (const [limit, times] of tries) {
    for (const _ of upTo(times)) await tryOnce(store, await tailOf(n++), { ...options, limit });
  }
}

async function tryOnce(
  store: EventStore,
  { stream, read, from }: Tail,
  { filter = {}, limit, backwards = false }: Omit<ReadOptions, keyof EventFilter> & { filter?: EventFilter },
): Promise<void> {
  // More than fit the read, so that one which begins too late still finds some.
  const count = (limit ?? 3) + 2;
  const events = upTo(count).map((n) =>
    anEvent({ type: n % 5 < 4 ? "A" : "B", tags: n % 5 < 4 ? ["a"] : [], data: n }),
  );
  const found = await readUntilFound(
    () => read({ ...filter, limit, backwards, from }),
    () => store.append({ stream, events }),
  );
  const batch = (await read({ from }).toArray()).filter((event) => passes(filter, event));
  const expected = (backwards ? batch.toReversed() : batch).slice(0, limit);
  assert.deepEqual(placesOf(found), placesOf(expected), `limit ${limit}`);
}

/** What is found by the first read that finds anything; the first one begins just before the append. */
async function readUntilFound(
  read: () => EventSequence,
  append: () => Promise<unknown>,
): Promise<StoredEvent[]> {
  let isOver = false;
  let isLast = false;
  let reading = read().toArray();
  const appending = append().finally(() => {
    isOver = true;
  });
  let found = await reading;
  while (found.length === 0 && !isLast) {
    await setImmediate();
    isLast = isOver;
    reading = read().toArray();
    found = await reading;
  }
  await appending;
  return found;
}

function placesOf(events: readonly StoredEvent[]): string[] {
  return events.map(({ stream, revision, position }) => `${position}: ${stream} ${revision}`);
}

/** An event so large that a store which sizes its pages by their bytes reads few at a time from then on. */
async function readLargeEvent(store: EventStore): Promise<void> {
  await store.append({ stream: "large", events: [anEvent({ data: "x".repeat(1_500_000) })] });
  await store.readStream("large").toArray();
}

/** Reading where events are about to be. */
export const emptyTailTests: Topic = {
  "a stream is read from its first new event": async ({ store }) => {
    await tryLimits(store, (n) => tailOfStream(store, nameOf(n)));
  },

  "a stream is read backwards from its last event": async ({ store }) => {
    await tryLimits(store, (n) => tailOfStream(store, nameOf(n)), { backwards: true });
  },

  "the log is read from its first new event": async ({ store }) => {
    await tryLimits(store, () => tailOfLog(store));
  },

  "the log is read backwards from its last event": async ({ store }) => {
    await tryLimits(store, () => tailOfLog(store), { backwards: true });
  },

  "reads after a large event pass over nothing either": async ({ store }) => {
    for (const n of upTo(16)) {
      await readLargeEvent(store);
      const tail = n % 4 < 2 ? await tailOfStream(store, nameOf(n)) : await tailOfLog(store);
      await tryOnce(store, tail, { backwards: n % 2 === 1 });
    }
  },

  "a stream that was deleted is read from its first new event": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(3) });
    for (const n of upTo(24)) {
      await store.deleteStream("s");
      const tail = await tailOfStream(store, "s");
      // From before what is hidden.
      const from = Math.max(0, tail.from - 3);
      await tryOnce(store, { ...tail, from }, { limit: 2, backwards: n % 2 === 1 });
    }
  },

  "filters pass over nothing either, with an index and without": async ({ store }) => {
    const filters: readonly EventFilter[] = [
      { types: ["A"] },
      { tags: ["a"] },
      { categories: ["s", "fresh"] },
      { query: [{ types: ["B"] }, { tags: ["a"] }] },
      { streamPrefix: "s" },
    ];
    for (const [number, filter] of filters.entries()) {
      for (const limit of [1, 10, 100, undefined]) {
        const tail = limit === 10 ? await tailOfStream(store, "s") : await tailOfLog(store);
        await tryOnce(store, tail, { filter, limit, backwards: number % 2 === 1 });
      }
    }
  },
};
