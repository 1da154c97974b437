import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { EventStore } from "../../store/event-store.ts";
import {
  anEvent,
  appendOneByOne,
  dataOf,
  logOf,
  refuses,
  someEvents,
  streamDataOf,
  take,
  upTo,
  uuidOf,
  winnersOf,
} from "./helpers.ts";
import type { Lab, Topic } from "./kit.ts";
import { race } from "./racing.ts";

const events = [anEvent()];

/** Two handles on one log, as two processes have them. */
async function pair({ store, openAgain }: Lab): Promise<readonly [EventStore, EventStore]> {
  return [store, await openAgain(store)];
}

/** One log open more than once at a time. */
export const sharingTests: Topic = {
  "what one handle has appended the other reads at once": async (lab) => {
    const [one, other] = await pair(lab);
    for (const n of upTo(20)) {
      const result = await (n % 2 === 0 ? one : other).append({
        stream: "s",
        events: [anEvent({ data: n })],
      });
      const reader = n % 2 === 0 ? other : one;
      assert.equal(await reader.head(), result.position);
      assert.deepEqual(await streamDataOf(reader, "s"), upTo(n + 1));
    }
  },

  // Trap 1, between processes.
  "of two concurrent creations on two handles exactly one wins": async (lab) => {
    const handles = await pair(lab);
    for (const round of upTo(20)) {
      const create = { stream: `account-${round}`, expect: "none", events } as const;
      const winners = await winnersOf(
        "REVISION_CONFLICT",
        handles.map((handle) => handle.append(create)),
      );
      assert.equal(winners.length, 1);
    }
  },

  // Trap 3, between processes.
  "of eight racers on one condition over two handles exactly one wins": async (lab) => {
    const handles = await pair(lab);
    for (const _ of upTo(20)) {
      const condition = { failIfMatch: [{ types: ["ThingHappened"] }], after: await lab.store.head() };
      const appends = upTo(8).map((n) => (handles[n % 2] as EventStore).append({ events }, { condition }));
      assert.equal((await winnersOf("CONDITION_CONFLICT", appends)).length, 1);
    }
    assert.equal((await logOf(lab.store)).length, 20);
  },

  // Trap 4, between processes.
  "64 parallel creations of 64 streams over two handles all succeed": async (lab) => {
    const handles = await pair(lab);
    const appends = upTo(64).map((n) =>
      (handles[n % 2] as EventStore).append({ stream: `account-${n}`, expect: "none", events }),
    );
    assert.equal(new Set((await Promise.all(appends)).map((result) => result.position)).size, 64);
  },

  "a repetition on the other handle is recognised": async (lab) => {
    const [one, other] = await pair(lab);
    const append = { stream: "s", expect: "none", events: [anEvent({ id: uuidOf(1) })] } as const;
    const first = await one.append(append);
    assert.deepEqual(await other.append(append), { ...first, isDuplicate: true });
    const both = { stream: "t", expect: "none", events: [anEvent({ id: uuidOf(2) })] } as const;
    const results = await Promise.all([one.append(both), other.append(both)]);
    assert.equal(results.filter((result) => result.isDuplicate).length, 1);
  },

  "policies, deletions and tombstones hold on the other handle at once": async (lab) => {
    const [one, other] = await pair(lab);
    await appendOneByOne(one, "a", 3);
    assert.deepEqual(await streamDataOf(other, "a"), [0, 1, 2]);
    await one.setStreamPolicy("a", { maxCount: 1 });
    assert.deepEqual(await streamDataOf(other, "a"), [2]);
    await other.deleteStream("a");
    assert.deepEqual(await dataOf(one), []);
    assert.equal((await one.append({ stream: "a", expect: "none", events })).revision, 3);
    await other.tombstoneStream("a");
    await refuses("STREAM_TOMBSTONED", () => one.append({ stream: "a", events }));
  },

  "reclaiming on one handle disturbs neither readers nor writers of the other": async (lab) => {
    const [one, other] = await pair(lab);
    for (const n of upTo(20)) await one.append({ stream: n % 2 === 0 ? "a" : "b", events: someEvents(100) });
    await one.deleteStream("b");
    const [reclaimed, read] = await Promise.all([
      one.reclaim(),
      other.readStream("a").toArray(),
      other.append({ stream: "b", expect: "none", events }),
    ]);
    assert.equal(reclaimed.events, 1_000);
    assert.equal(read.length, 1_000);
    assert.equal((await logOf(other)).length, 1_001);
    assert.equal((await other.append({ stream: "b", expect: 1_000, events })).revision, 1_001);
  },

  "an append on one handle wakes a subscriber on the other": async (lab) => {
    const [one, other] = await pair(lab);
    const subscription = other.subscribe();
    const iterator = subscription[Symbol.asyncIterator]();
    const delays: number[] = [];
    for (const _ of upTo(10)) {
      const next = iterator.next();
      await setTimeout(10);
      const start = performance.now();
      await one.append({ stream: "s", events });
      await next;
      delays.push(performance.now() - start);
    }
    delays.sort((a, b) => a - b);
    assert.ok((delays[5] ?? 0) < 400, `median ${delays[5]} ms`);
    await subscription.close();
  },

  "a subscriber loses nothing that the other handle appends meanwhile": async (lab) => {
    const [one, other] = await pair(lab);
    await one.append({ stream: "s", events: someEvents(500) });
    const taking = take(other.subscribe({ stream: "s" }), 1_000);
    for (const n of upTo(500)) await one.append({ stream: "s", events: [anEvent({ data: 500 + n })] });
    assert.deepEqual(
      (await taking).map((event) => event.data),
      upTo(1_000),
    );
  },

  "the log explains what racing writers on two handles were told": async (lab) => {
    await race(await pair(lab), lab.random);
  },

  "closing one handle leaves the other open": async (lab) => {
    const [one, other] = await pair(lab);
    await one.append({ stream: "s", events });
    await one.close();
    assert.equal((await other.append({ stream: "s", expect: 0, events })).revision, 1);
  },
};
