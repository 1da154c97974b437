import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { ReadSideTransaction } from "../../../store/read-side.ts";
import { anEvent, dataOf, failureOf, refuses, streamDataOf, take, upTo, uuidOf } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import {
  advancing,
  anActiveModel,
  documentOf,
  keysOf,
  positionOf,
  put,
  until,
  valueOf,
  write,
} from "./helpers.ts";

const ref = { space: "s", key: "k" };
const name = "orders";

/** Adds one to a number in a record, without a compare-and-set. */
export async function increment(transaction: ReadSideTransaction): Promise<void> {
  const value = Number((await transaction.findRecord(ref))?.value ?? 0);
  await setTimeout(0);
  await transaction.commit({ put: [{ ...ref, value: value + 1 }] });
}

/** Interactive transactions. */
export const transactionTests: Topic = {
  "what a body returns is returned, and what it did is done": async ({ store }) => {
    const { readSide } = store;
    const generation = await anActiveModel(readSide);
    const result = await readSide.transaction(async (transaction) => {
      const appended = await transaction.append({ stream: "s-1", expect: "none", events: [anEvent()] });
      await transaction.commit({
        ...advancing(generation, [1, 2], write("k", { total: 2 }, appended.position)),
        put: [{ ...ref, value: 1 }],
      });
      return appended;
    });
    assert.deepEqual(result.streams, [{ stream: "s-1", firstRevision: 0, revision: 0 }]);
    assert.equal(await store.head(), result.position);
    assert.equal(await valueOf(readSide, "k"), 1);
    assert.deepEqual(await documentOf(readSide, "k"), { total: 2 });
    assert.equal(await readSide.transaction(() => Promise.resolve("nothing done")), "nothing done");
  },

  "it sees its own writes, and nobody else does before it ends": async ({ store }) => {
    const { readSide } = store;
    const generation = await anActiveModel(readSide, [write("k", { total: 1 })]);
    await store.append({ stream: "s", events: [anEvent({ data: "before" })] });
    await readSide.transaction(async (transaction) => {
      const head = await transaction.head();
      await transaction.append({ stream: "s", events: [anEvent({ data: "within" })] });
      await transaction.commit({
        ...advancing(generation, [1, 2], write("k", { total: 2 }, 2), write("new", {}, 2)),
        put: [{ ...ref, value: "within" }],
      });
      assert.ok((await transaction.head()) > head);
      const events = await transaction.read();
      assert.deepEqual(
        events.map((event) => event.data),
        ["before", "within"],
      );
      assert.equal((await transaction.findRecord(ref))?.value, "within");
      assert.equal((await transaction.findModels(name))[0]?.position, 2);
      const [k, none, fresh] = await transaction.findDocuments(generation, ["k", "none", "new"]);
      assert.deepEqual([k?.json, none, fresh?.json], ['{"total":2}', undefined, "{}"]);

      assert.equal(await store.head(), head);
      assert.deepEqual(await dataOf(store), ["before"]);
      assert.deepEqual(await streamDataOf(store, "s"), ["before"]);
      assert.equal((await store.findStream("s"))?.revision, 0);
      assert.equal(await readSide.findRecord(ref), undefined);
      assert.deepEqual(await readSide.listRecords("s"), []);
      assert.deepEqual(await documentOf(readSide, "k"), { total: 1 });
      assert.deepEqual(await keysOf(readSide), ["k"]);
      assert.equal(await positionOf(readSide, generation), 1);
    });
    assert.deepEqual(await dataOf(store), ["before", "within"]);
    assert.deepEqual(await keysOf(readSide), ["k", "new"]);
  },

  "a body that throws has done nothing, and its error passes through": async ({ store }) => {
    const { readSide } = store;
    const generation = await anActiveModel(readSide, [write("k", { total: 1 })]);
    const { version } = await put(readSide, "k", "before");
    await store.append({ stream: "s", events: [anEvent({ data: "before" })] });
    const cause = new Error("the body says no");
    const undone = readSide.transaction(async (transaction) => {
      await transaction.append({ stream: "s", events: [anEvent({ data: "undone", id: uuidOf(1) })] });
      await transaction.append({ stream: "other", events: [anEvent()] });
      await transaction.commit({
        models: [
          { step: "advance", generation, from: 1, to: 2, documents: [write("k", { total: 2 })] },
          { step: "clear", generation },
        ],
        remove: [ref],
      });
      throw cause;
    });
    assert.equal(await failureOf(() => undone), cause);
    assert.deepEqual(await dataOf(store), ["before"]);
    assert.equal(await store.findStream("other"), undefined);
    assert.equal(await store.findEvent(uuidOf(1)), undefined);
    assert.deepEqual(await readSide.findRecord(ref), { ...ref, version, value: "before" });
    assert.deepEqual(await documentOf(readSide, "k"), { total: 1 });
    assert.equal(await positionOf(readSide, generation), 1);
    const again = { stream: "s", expect: 0, events: [anEvent({ data: "again", id: uuidOf(1) })] };
    assert.equal((await store.append(again)).isDuplicate, false);
    assert.deepEqual(await streamDataOf(store, "s"), ["before", "again"]);
    assert.equal((await store.verify()).isSound, true);
  },

  "a read model that is made and dropped in an undone transaction is as before": async ({ store }) => {
    const { readSide } = store;
    const before = await anActiveModel(readSide, [write("k", { total: 1 })]);
    const undone = readSide.transaction(async (transaction) => {
      const generation = (await readSide.nextGeneration()) + 5;
      const [{ shape } = assert.fail()] = await transaction.findModels();
      await transaction.commit({
        models: [
          { step: "create", generation, name, version: 2, shape },
          { step: "advance", generation, from: 0, to: 9, documents: [write("new", {})] },
          { step: "activate", generation },
        ],
      });
      assert.deepEqual(await transaction.findDocuments(before, ["k"]), [undefined]);
      assert.deepEqual(await keysOf(readSide), ["k"]);
      throw new Error("undone");
    });
    await assert.rejects(undone, { message: "undone" });
    assert.deepEqual(await keysOf(readSide), ["k"]);
    assert.deepEqual(
      (await readSide.listModels()).map((model) => [model.generation, model.state]),
      [[before, "active"]],
    );
  },

  "a generation that is made otherwise after it was undone is read as it is now": async ({
    store: { readSide },
  }) => {
    for (const indexes of [[["a", "b"]], [["b", "a"]], [["b"], ["c"]], [["a"]]]) {
      const shape = { kind: "documents", indexes } as const;
      const document = write("k", { a: 1, b: 2, c: 3 }, 1, shape);
      const undone = readSide.transaction(async (transaction) => {
        const generation = await readSide.nextGeneration();
        await transaction.commit({
          models: [
            { step: "create", generation, name, version: 1, shape },
            { step: "advance", generation, from: 0, to: 1, documents: [document] },
          ],
        });
        const [found] = await transaction.findDocuments(generation, ["k"]);
        assert.deepEqual(found, document);
        throw new Error("undone");
      });
      await assert.rejects(undone, { message: "undone" });
    }
  },

  "a refused append has changed nothing and leaves the transaction usable": async ({ store }) => {
    const { readSide } = store;
    await store.append({ stream: "s", events: [anEvent({ data: "before", id: uuidOf(1) })] });
    await readSide.transaction(async (transaction) => {
      const events = [anEvent({ data: "refused" })];
      await refuses("REVISION_CONFLICT", () =>
        transaction.append([
          { stream: "t", events },
          { stream: "s", expect: "none", events },
        ]),
      );
      const condition = { failIfMatch: [] };
      await refuses("CONDITION_CONFLICT", () => transaction.append({ stream: "s", events }, { condition }));
      await refuses("EVENT_NOT_JSON", () => transaction.append({ events: [anEvent({ data: Number.NaN })] }));
      await refuses("APPEND_EMPTY", () => transaction.append({ stream: "s", events: [] }));
      await refuses("EVENT_ID_CONFLICT", () =>
        transaction.append({ stream: "t", events: [anEvent({ id: uuidOf(1) })] }),
      );
      await transaction.append({ stream: "s", expect: 0, events: [anEvent({ data: "after" })] });
    });
    assert.deepEqual(await dataOf(store), ["before", "after"]);
  },

  "a refused commit has changed nothing and leaves the transaction usable": async ({ store }) => {
    const { readSide } = store;
    const generation = await anActiveModel(readSide);
    await readSide.transaction(async (transaction) => {
      const { version } = await transaction.commit({ put: [{ ...ref, value: 1 }] });
      await refuses("RECORD_CONFLICT", () =>
        transaction.commit({ expect: [{ ...ref, version: 0 }], put: [{ ...ref, value: 2 }] }),
      );
      await refuses("MODEL_CONFLICT", () =>
        transaction.commit({
          models: [
            { step: "advance", generation, from: 1, to: 5, documents: [write("k", {})] },
            { step: "advance", generation, from: 1, to: 6 },
          ],
          remove: [ref],
        }),
      );
      await refuses("ARGUMENT_INVALID", () => transaction.commit({ put: [{ ...ref, value: 1n }] }));
      await transaction.commit({ expect: [{ ...ref, version }], put: [{ ...ref, value: 3 }] });
    });
    assert.equal(await valueOf(readSide, "k"), 3);
    assert.deepEqual(await keysOf(readSide), []);
    assert.equal(await positionOf(readSide, generation), 1);
  },

  "its appends know each other: revisions, conditions and ids": async ({ store }) => {
    await store.readSide.transaction(async (transaction) => {
      const first = {
        stream: "s",
        expect: "none",
        events: [anEvent({ id: uuidOf(1), tags: ["x"] })],
      } as const;
      const one = await transaction.append(first);
      const other = await transaction.append({ stream: "s", expect: 0, events: [anEvent()] });
      assert.equal(other.revision, 1);
      assert.ok(other.position > one.position);
      assert.deepEqual(await transaction.append(first), { ...one, isDuplicate: true });
      const condition = { failIfMatch: [{ tags: ["x"] }] };
      await refuses("CONDITION_CONFLICT", () => transaction.append({ events: [anEvent()] }, { condition }));
      assert.equal((await transaction.read({ from: other.position })).length, 1);
      assert.equal((await transaction.read({ backwards: true, limit: 1 }))[0]?.revision, 1);
    });
  },

  "transactions run one after the other: no change is lost": async ({ store: { readSide } }) => {
    await Promise.all(upTo(20).map(() => readSide.transaction(increment)));
    assert.equal(await valueOf(readSide, "k"), 20);
  },

  "appends and commits from outside wait, and are neither lost nor let in between": async ({ store }) => {
    const { readSide } = store;
    const outside: Promise<unknown>[] = [];
    const transacting = upTo(10).map((n) =>
      readSide.transaction(async (transaction) => {
        const head = await transaction.head();
        outside.push(
          store.append({ stream: "outside", events: [anEvent({ data: n })] }),
          readSide.commit({ put: [{ space: "outside", key: `${n}`, value: n }] }),
        );
        await transaction.append({ stream: "inside", events: [anEvent({ data: n })] });
        await setTimeout(2);
        await transaction.append({ stream: "inside", events: [anEvent({ data: n })] });
        const written = await transaction.read({ from: head + 1 });
        assert.deepEqual(
          written.map((event) => [event.stream, event.data]),
          [
            ["inside", n],
            ["inside", n],
          ],
        );
      }),
    );
    await Promise.all(transacting);
    await Promise.all(outside);
    assert.deepEqual(await streamDataOf(store, "outside"), upTo(10));
    assert.equal((await streamDataOf(store, "inside")).length, 20);
    assert.equal(await readSide.countRecords("outside"), 10);
  },

  "a subscription delivers what a transaction appended once it has ended, and nothing undone": async ({
    store,
  }) => {
    const { readSide } = store;
    const subscription = store.subscribe();
    const delivered = take(subscription, 2);
    const undone = readSide.transaction(async (transaction) => {
      await transaction.append({ events: [anEvent({ data: "undone" })] });
      await setTimeout(20);
      throw new Error("undone");
    });
    await assert.rejects(undone);
    await readSide.transaction(async (transaction) => {
      await transaction.append({ events: [anEvent({ data: "done" })] });
      await setTimeout(20);
    });
    await store.append({ events: [anEvent({ data: "after" })] });
    assert.deepEqual(
      (await delivered).map((event) => event.data),
      ["done", "after"],
    );
  },

  "a body that takes too long is undone, and is told so": async ({ store }) => {
    const { readSide } = store;
    let late: unknown;
    const { promise: lateIsKnown, resolve } = Promise.withResolvers<void>();
    const error = await refuses("TRANSACTION_TIMEOUT", () =>
      readSide.transaction(
        async (transaction) => {
          await transaction.append({ events: [anEvent()] });
          await transaction.commit({ put: [{ ...ref, value: 1 }] });
          await setTimeout(700);
          late = await failureOf(() => transaction.append({ events: [anEvent()] }));
          resolve();
        },
        // What comes before has to fit into it on a busy machine.
        { timeoutMs: 500 },
      ),
    );
    assert.equal(error.details.timeoutMs, 500);
    const next = store.append({ events: [anEvent({ data: "next" })] });
    await lateIsKnown;
    await refuses("TRANSACTION_TIMEOUT", () => {
      throw late;
    });
    await next;
    assert.deepEqual(await dataOf(store), ["next"]);
    assert.equal(await valueOf(readSide, "k"), undefined);
    await readSide.transaction(increment);
    assert.equal(await valueOf(readSide, "k"), 1);
  },

  "a body that never ends gives up its turn": async ({ store: { readSide } }) => {
    await refuses("TRANSACTION_TIMEOUT", () =>
      readSide.transaction(() => Promise.withResolvers<never>().promise, { timeoutMs: 30 }),
    );
    await readSide.transaction(increment);
    assert.equal(await valueOf(readSide, "k"), 1);
  },

  "a transaction that is over takes no more calls": async ({ store }) => {
    const { readSide } = store;
    const kept: ReadSideTransaction[] = [];
    const bodies = [() => Promise.resolve(), () => Promise.reject(new Error("undone"))];
    for (const body of bodies) {
      await failureOf(() =>
        readSide.transaction((transaction) => {
          kept.push(transaction);
          return body();
        }),
      );
    }
    for (const transaction of kept) {
      await refuses("ARGUMENT_INVALID", () => transaction.append({ events: [anEvent()] }));
      await refuses("ARGUMENT_INVALID", () => transaction.commit({ put: [{ ...ref, value: 1 }] }));
      await refuses("ARGUMENT_INVALID", () => transaction.read());
      await refuses("ARGUMENT_INVALID", () => transaction.head());
      await refuses("ARGUMENT_INVALID", () => transaction.findRecord(ref));
    }
    assert.equal(await store.head(), 0);
    assert.equal(await valueOf(readSide, "k"), undefined);
  },

  "a body that throws before it waits is undone as well": async ({ store: { readSide } }) => {
    const cause = new Error("at once");
    const failure = await failureOf(() =>
      readSide.transaction(() => {
        throw cause;
      }),
    );
    assert.equal(failure, cause);
    await readSide.transaction(increment, { isDurable: false });
    assert.equal(await valueOf(readSide, "k"), 1);
  },

  "a transaction wakes those who watch": async ({ store: { readSide } }) => {
    const waiting = until(readSide, async () => (await valueOf(readSide, "k")) === 1);
    await setTimeout(5);
    await readSide.transaction(increment);
    await waiting;
  },

  "a body and options of the wrong type are refused": async ({ store: { readSide } }) => {
    const body = (): Promise<void> => Promise.resolve();
    await refuses("ARGUMENT_INVALID", () => readSide.transaction("body" as never));
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, "10"]) {
      await refuses("ARGUMENT_INVALID", () => readSide.transaction(body, { timeoutMs: timeoutMs as number }));
    }
    await refuses("ARGUMENT_INVALID", () => readSide.transaction(body, { isDurable: 1 as never }));
  },
};
