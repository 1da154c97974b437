import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { anEvent, dataOf, refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import { anActiveModel, aModel, everything, put, shape, until, valueOf, write } from "./helpers.ts";
import { increment } from "./transactions.ts";

const ref = { space: "s", key: "k" };

/** Signals, on one handle. */
export const watchTests: Topic = {
  "commits and appends wake those who watch, until they no longer do": async ({ store }) => {
    const { readSide } = store;
    let signals = 0;
    const unwatch = readSide.watch(() => signals++);
    const waiting = until(readSide, async () => (await valueOf(readSide, "k")) === 1);
    await put(readSide, "k");
    await waiting;
    const appended = until(readSide, async () => (await store.head()) > 0);
    await store.append({ events: [anEvent()] });
    await appended;
    assert.ok(signals > 0);
    unwatch();
    unwatch();
    const before = signals;
    await put(readSide, "k", 2);
    await setTimeout(20);
    assert.equal(signals, before);
  },

  "closing wakes those who watch": async ({ store }) => {
    const woken = new Promise<void>((resolve) => {
      store.readSide.watch(resolve);
    });
    await store.close();
    await woken;
  },
};

/** What is left when a store is closed. */
export const closingTests: Topic = {
  "everything fails once the store is closed": async ({ store }) => {
    const { readSide } = store;
    await store.close();
    const ref1 = { generation: 1 };
    const calls: ReadonlyArray<() => unknown> = [
      () => readSide.findRecord(ref),
      () => readSide.listRecords("s"),
      () => readSide.countRecords("s"),
      () => readSide.listModels(),
      () => readSide.nextGeneration(),
      () => readSide.getDocument(ref1, "k"),
      () => readSide.getDocuments(ref1, ["k"]),
      () => readSide.findDocuments(ref1, everything()),
      () => readSide.countDocuments(ref1, everything()),
      () => readSide.query("SELECT 1"),
      () => readSide.commit({ put: [{ ...ref, value: 1 }] }),
      () => readSide.commit({ put: "bad input" as never }),
      () => readSide.transaction(() => Promise.resolve()),
      () => readSide.transaction("bad input" as never),
      () => readSide.watch(() => undefined),
    ];
    for (const call of calls) await refuses("STORE_CLOSED", call);
  },

  "closing waits for commits and transactions that were called before": async ({ store }) => {
    const { readSide } = store;
    const calls = [
      readSide.commit({ put: [{ ...ref, value: 1 }] }),
      readSide.transaction(increment),
      readSide.commit({ put: [{ ...ref, value: 7 }] }),
      readSide.transaction(increment),
    ];
    await store.close();
    assert.equal((await Promise.allSettled(calls)).filter((one) => one.status === "fulfilled").length, 4);
  },
};

/** For stores whose data can be opened again. */
export const readSideReopeningTests: Topic = {
  "records and read models are there again, in every detail": async ({ store, openAgain }) => {
    const { readSide } = store;
    await anActiveModel(readSide, [write("k", { status: "new", total: 1 })], { version: 4 });
    await aModel(readSide);
    await put(readSide, "k", { deep: [1, null, "ä"] });
    await readSide.transaction(async (transaction) => {
      await transaction.append({ events: [anEvent({ data: "within" })] });
      await transaction.commit({ put: [{ ...ref, key: "within", value: 1 }] });
    });
    const look = async (from: typeof store): Promise<unknown[]> => [
      await from.readSide.listModels(),
      await from.readSide.listRecords("s"),
      await from.readSide.findDocuments({ name: "orders" }, everything()),
      await from.readSide.nextGeneration(),
      await dataOf(from),
    ];
    const before = await look(store);
    await store.close();
    assert.deepEqual(await look(await openAgain(store)), before);
  },

  "versions and generations go on where they were": async ({ store, openAgain }) => {
    const generation = await aModel(store.readSide);
    await store.readSide.commit({ models: [{ step: "drop", generation }] });
    const { version } = await put(store.readSide, "k");
    await store.readSide.commit({ remove: [ref] });
    await store.close();
    const { readSide } = await openAgain(store);
    assert.ok((await put(readSide, "k")).version > version);
    assert.ok((await readSide.nextGeneration()) > generation);
    await refuses("MODEL_CONFLICT", () =>
      readSide.commit({ models: [{ step: "create", generation, name: "a", version: 1, shape }] }),
    );
  },

  "what was called before closing is there again": async ({ store, openAgain }) => {
    const commits = upTo(20).map((n) =>
      store.readSide.commit({ put: [{ ...ref, value: n }] }, { isDurable: n % 2 === 0 }),
    );
    const transaction = store.readSide.transaction(
      (within) => within.append({ events: [anEvent({ data: "within" })] }),
      { isDurable: false },
    );
    await store.close();
    await Promise.all([...commits, transaction]);
    const again = await openAgain(store);
    const { readSide } = again;
    assert.equal(await valueOf(readSide, "k"), 19);
    assert.deepEqual(await dataOf(again), ["within"]);
  },
};
