import assert from "node:assert/strict";
import type { EventStore } from "../../store/event-store.ts";
import {
  anEvent,
  appendOneByOne,
  dataOf,
  listOf,
  logOf,
  refuses,
  someEvents,
  upTo,
  uuidOf,
} from "./helpers.ts";
import type { Lab, Topic } from "./kit.ts";

const events = [anEvent({ data: "new" })];

async function reopened({ store, openAgain }: Lab): Promise<EventStore> {
  await store.close();
  return openAgain(store);
}

/** For stores whose data outlive them. */
export const reopeningTests: Topic = {
  "everything is there again after closing and opening": async (lab) => {
    const { store } = lab;
    const state = Uint8Array.of(1, 2, 3);
    const takenAt = "2026-01-01T00:00:00.000Z";
    for (const n of upTo(10)) {
      await store.append({
        stream: `s-${n % 3}`,
        events: someEvents(20, { tags: [`t-${n}`], metadata: { userId: "ada" } }),
      });
    }
    await store.setStreamPolicy("s-0", { maxCount: 30, maxAgeMs: 3_600_000, truncateBefore: 1 });
    await store.deleteStream("s-1");
    await store.tombstoneStream("s-2");
    await store.snapshots.save({ stream: "s-0", name: "n", stateVersion: 1, revision: 5, takenAt, state });
    const before = [
      await logOf(store),
      await listOf(store.listStreams()),
      await store.head(),
      await store.snapshots.list("s-0"),
    ];
    const again = await reopened(lab);
    const after = [
      await logOf(again),
      await listOf(again.listStreams()),
      await again.head(),
      await again.snapshots.list("s-0"),
    ];
    assert.deepEqual(after, before);
    assert.equal(again.url, store.url);
    await refuses("STREAM_TOMBSTONED", () => again.append({ stream: "s-2", events }));
    assert.equal((await again.verify()).isSound, true);
  },

  "numbering goes on": async (lab) => {
    const first = await lab.store.append({ stream: "s", events: someEvents(3) });
    const result = await (await reopened(lab)).append({ stream: "s", expect: 2, events });
    assert.ok(result.firstPosition > first.position);
    assert.equal(result.revision, 3);
  },

  "a repetition is recognised": async (lab) => {
    const append = {
      stream: "s",
      expect: "none",
      events: [anEvent({ id: uuidOf(1) }), anEvent({ id: uuidOf(2) })],
    } as const;
    const first = await lab.store.append(append);
    assert.deepEqual(await (await reopened(lab)).append(append), { ...first, isDuplicate: true });
  },

  // Trap 12: positions used again after the tail was deleted.
  "positions of a deleted and reclaimed tail are not used again": async (lab) => {
    await appendOneByOne(lab.store, "a", 2);
    await lab.store.append({ stream: "b", events: someEvents(5) });
    const head = await lab.store.head();
    await lab.store.deleteStream("b");
    await lab.store.reclaim();
    const again = await reopened(lab);
    assert.equal(await again.head(), head);
    const result = await again.append({ stream: "b", expect: "none", events });
    assert.ok(result.firstPosition > head);
    assert.equal(result.revision, 5);
    assert.deepEqual(await dataOf(again), [0, 1, "new"]);
  },

  "numbering goes on when nothing at all is left": async (lab) => {
    await lab.store.append({ stream: "a", events: someEvents(5) });
    await lab.store.deleteStream("a");
    await lab.store.reclaim();
    const again = await reopened(lab);
    assert.equal((await again.findStream("a"))?.revision, 4);
    const result = await again.append({ stream: "a", expect: "none", events });
    assert.deepEqual([result.firstPosition, result.revision], [6, 5]);
  },

  "a subscription goes on from a position": async (lab) => {
    await appendOneByOne(lab.store, "s", 10);
    const [, , third] = await logOf(lab.store);
    const again = await reopened(lab);
    const subscription = again.subscribe({ after: third!.position });
    const data: unknown[] = [];
    for await (const event of subscription) {
      if (data.push(event.data) === 7) break;
    }
    assert.deepEqual(data, [3, 4, 5, 6, 7, 8, 9]);
  },

  "it says that acknowledged appends survive": async ({ store }) => {
    assert.notEqual((await store.stats()).durability, "none");
  },
};

/** For stores whose data end with them. */
export const volatileTests: Topic = {
  "it says that nothing survives it": async ({ store }) => {
    assert.equal((await store.stats()).durability, "none");
  },

  "two stores share nothing, though their URL is the same": async ({ store, openOther }) => {
    const other = await openOther();
    await store.append({ stream: "s", events });
    assert.equal(await other.head(), 0);
    assert.equal((await other.append({ stream: "s", expect: "none", events })).revision, 0);
  },
};
