import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "../../core/errors.ts";
import type { EventStore } from "../../store/event-store.ts";
import { anEvent, appendOneByOne, failureOf, listOf } from "./helpers.ts";
import type { Lab, Topic } from "./kit.ts";

const events = [anEvent()];
const key = { name: "n", stateVersion: 1 };
const record = { space: "s", key: "k" };

/** One call of each kind. */
const calls: Readonly<Record<string, (store: EventStore) => unknown>> = {
  append: (store) => store.append({ stream: "a", events }),
  head: (store) => store.head(),
  read: (store) => store.read().toArray(),
  readStream: (store) => store.readStream("a").toArray(),
  findStream: (store) => store.findStream("a"),
  findEvent: (store) => store.findEvent("00000000-0000-4000-8000-000000000000"),
  listStreams: (store) => listOf(store.listStreams()),
  setStreamPolicy: (store) => store.setStreamPolicy("a", { maxCount: 1 }),
  deleteStream: (store) => store.deleteStream("a"),
  tombstoneStream: (store) => store.tombstoneStream("a"),
  reclaim: (store) => store.reclaim(),
  stats: (store) => store.stats(),
  "snapshots.find": (store) => store.snapshots.find("a", key),
  "snapshots.list": (store) => store.snapshots.list("a"),
  "snapshots.clear": (store) => store.snapshots.clear("a"),
  "readSide.findRecord": (store) => store.readSide.findRecord(record),
  "readSide.listModels": (store) => store.readSide.listModels(),
  "readSide.commit": (store) => store.readSide.commit({ put: [{ ...record, value: 1 }] }),
  "readSide.commit, not durable": (store) =>
    store.readSide.commit({ put: [{ ...record, value: 1 }] }, { isDurable: false }),
  "readSide.transaction": (store) =>
    store.readSide.transaction((transaction) => transaction.append({ stream: "a", events })),
};

/** A store whose data were taken away after it had been used for everything that keeps something open. */
async function bereft({ store, takeAway }: Lab): Promise<EventStore> {
  await appendOneByOne(store, "a", 3);
  await store.readSide.transaction((transaction) => transaction.append({ stream: "a", events }));
  await takeAway(store);
  return store;
}

function isStoreError(error: unknown): boolean {
  return isHithertoError(error) && error.code.startsWith("STORE_");
}

/** For stores whose data can be removed while they are open. */
export const takenAwayTests: Topic = {
  "nothing is acknowledged any more, and nothing is read": async (lab) => {
    const store = await bereft(lab);
    // Whoever reads without writing is told within moments, whoever writes at once.
    await refusesAll(store, { append: calls["append"]! });
    await refusesAll(store, calls);
    assert.notEqual((await store.verify().catch(() => undefined))?.isSound, true);
  },

  "readers are told soon, though nobody writes": async (lab) => {
    const store = await bereft(lab);
    const giveUpAt = performance.now() + patienceMs;
    while (!isStoreError(await failureOf(() => store.head()))) {
      assert.ok(performance.now() < giveUpAt, "the head is still told");
      await setTimeout(10);
    }
  },

  "a subscription that waits fails": async ({ store, takeAway }) => {
    await appendOneByOne(store, "a", 3);
    const subscription = store.subscribe();
    const end = failureOf(() => listOf(subscription));
    assert.equal(await subscription.caughtUp, true);
    await takeAway(store);
    assert.ok(isStoreError(await end), String(await end));
  },

  // Where a transaction keeps its data from being taken away, it has to end first.
  "a transaction under way is refused": async ({ store, takeAway }) => {
    await appendOneByOne(store, "a", 3);
    const failure = await failureOf(() =>
      store.readSide.transaction(
        async (transaction) => {
          await transaction.append({ stream: "a", events });
          await takeAway(store);
        },
        { timeoutMs: 2_000 },
      ),
    );
    assert.ok(isStoreError(failure) || isHithertoError(failure, "TRANSACTION_TIMEOUT"), String(failure));
  },
};

const patienceMs = 20_000;

async function refusesAll(store: EventStore, some: typeof calls): Promise<void> {
  for (const [name, call] of Object.entries(some)) {
    const failure = await failureOf(() => call(store));
    assert.ok(isStoreError(failure), `${name}: ${String(failure)}`);
  }
}
