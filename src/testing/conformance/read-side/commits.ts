import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { anEvent, failureOf, refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import {
  advancing,
  aModel,
  anActiveModel,
  documentOf,
  positionOf,
  put,
  valueOf,
  winnersAmong,
  write,
} from "./helpers.ts";

const ref = { space: "s", key: "k" };

/** All or none, in the order of the calls. */
export const commitTests: Topic = {
  "nothing is written when one of several expectations does not hold": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide);
    const { version } = await put(readSide, "k", "before");
    const next = await readSide.nextGeneration();
    await refuses("RECORD_CONFLICT", () =>
      readSide.commit({
        ...advancing(generation, [0, 9], write("d", { status: "new" })),
        expect: [
          { ...ref, version },
          { space: "s", key: "other", version: 7 },
        ],
        put: [{ ...ref, value: "after" }],
        removeAll: [{ space: "s", prefix: "" }],
      }),
    );
    assert.equal(await valueOf(readSide, "k"), "before");
    assert.equal(await positionOf(readSide, generation), 0);
    assert.equal((await readSide.getDocument({ generation }, "d")).document, undefined);
    assert.equal(await readSide.nextGeneration(), next);
  },

  "nothing is written when a step is refused, of the steps before it neither": async ({
    store: { readSide },
  }) => {
    const [one, other] = [await aModel(readSide), await aModel(readSide, { name: "others" })];
    const next = await readSide.nextGeneration();
    const { shape } = (await readSide.listModels())[0] ?? assert.fail();
    await refuses("MODEL_CONFLICT", () =>
      readSide.commit({
        models: [
          { step: "create", generation: next, name: "new", version: 1, shape },
          { step: "advance", generation: one, from: 0, to: 5, documents: [write("d", {})] },
          { step: "activate", generation: one },
          { step: "drop", generation: other },
          { step: "advance", generation: other, from: 0, to: 5 },
        ],
        put: [{ ...ref, value: 1 }],
      }),
    );
    assert.deepEqual(
      (await readSide.listModels()).map((model) => [model.generation, model.state, model.position]),
      [
        [one, "building", 0],
        [other, "building", 0],
      ],
    );
    assert.equal((await readSide.getDocument({ generation: one }, "d")).document, undefined);
    assert.equal(await valueOf(readSide, "k"), undefined);
  },

  "what is expected is expected of the state before the commit": async ({ store: { readSide } }) => {
    const { version } = await put(readSide, "k", 1);
    await readSide.commit({
      expect: [{ ...ref, version }],
      put: [{ ...ref, value: 2 }],
      remove: [{ space: "s", key: "other" }],
    });
    assert.equal(await valueOf(readSide, "k"), 2);
  },

  "commits called in a row take effect in that order, durable or not": async ({ store: { readSide } }) => {
    const committing = upTo(50).map((n) =>
      readSide.commit({ put: [{ ...ref, value: n }] }, { isDurable: n % 3 !== 0 }),
    );
    const versions = (await Promise.all(committing)).map((one) => one.version);
    assert.deepEqual(
      versions,
      versions.toSorted((one, other) => one - other),
    );
    assert.equal(new Set(versions).size, 50);
    assert.equal(await valueOf(readSide, "k"), 49);
  },

  "appends and commits called in a row take effect in that order": async ({ store }) => {
    const { readSide } = store;
    const seen: (readonly [number, number])[] = [];
    const look = (): Promise<unknown> =>
      readSide.transaction(async (transaction) => {
        const record = await transaction.findRecord(ref);
        const events = await transaction.read();
        seen.push([events.length, Number(record?.value ?? 0)]);
      });
    const calls: Promise<unknown>[] = [];
    for (const n of upTo(30)) {
      calls.push(
        store.append({ events: [anEvent()] }),
        readSide.commit({ put: [{ ...ref, value: n + 1 }] }, { isDurable: n % 2 === 0 }),
      );
      if (n % 3 === 0) calls.push(look());
      if (n % 7 === 0) await setImmediate();
    }
    await Promise.all(calls);
    await look();
    assert.deepEqual(seen.at(-1), [30, 30]);
    for (const [events, value] of seen) assert.ok([0, 1].includes(events - value), `${events}, ${value}`);
  },

  "transactions take their turn among the calls before and after them": async ({ store }) => {
    const { readSide } = store;
    const seen: unknown[] = [];
    const look = (): Promise<unknown> =>
      readSide.transaction(async (transaction) => {
        const value = (await transaction.findRecord(ref))?.value;
        seen.push([(await transaction.read()).length, value]);
      });
    const calls = upTo(8).flatMap((n) => [
      store.append({ events: [anEvent()] }),
      look(),
      readSide.commit({ put: [{ ...ref, value: n }] }, { isDurable: n % 2 === 0 }),
      look(),
    ]);
    await Promise.all(calls);
    const expected = upTo(8).flatMap((n) => [
      [n + 1, n === 0 ? undefined : n - 1],
      [n + 1, n],
    ]);
    assert.deepEqual(seen, expected);
  },

  "what was acknowledged is read at once, durable or not": async ({ store: { readSide } }) => {
    for (const n of upTo(10)) {
      await readSide.commit({ put: [{ ...ref, value: n }] }, { isDurable: n % 2 === 0 });
      assert.equal(await valueOf(readSide, "k"), n);
    }
  },

  "a refused commit leaves those around it alone": async ({ store: { readSide } }) => {
    const commits = upTo(30).map((n) =>
      readSide.commit({
        expect: n % 3 === 0 ? [{ space: "s", key: "nobody", version: 1 }] : [],
        put: [{ space: "s", key: `k${n}`, value: n }],
      }),
    );
    assert.equal(await winnersAmong("RECORD_CONFLICT", commits), 20);
    assert.equal(await readSide.countRecords("s"), 20);
  },

  "of many who change one version exactly one wins": async ({ store: { readSide } }) => {
    let { version } = await put(readSide, "k");
    for (const _ of upTo(10)) {
      const expect = [{ ...ref, version }];
      const racers = upTo(8).map((n) => readSide.commit({ expect, put: [{ ...ref, value: n }] }));
      assert.equal(await winnersAmong("RECORD_CONFLICT", racers), 1);
      version = (await readSide.findRecord(ref))?.version ?? 0;
    }
  },

  "a large commit is one commit": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide);
    const documents = upTo(2_000).map((n) => write(`d${n}`, { status: "new", total: n }, 2));
    await readSide.commit({
      ...advancing(generation, [1, 2], ...documents),
      put: upTo(2_000).map((n) => ({ space: "s", key: `k${n}`, value: n })),
    });
    assert.equal(await readSide.countRecords("s"), 2_000);
    assert.deepEqual(await documentOf(readSide, "d1999"), { status: "new", total: 1_999 });
  },

  "a read sees all of a commit or nothing of it": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide);
    const done = new AbortController();
    const writing = async (): Promise<void> => {
      for (const n of upTo(60)) {
        const documents = ["a", "b", "c"].map((key) => write(key, { total: n + 2 }, n + 2));
        await readSide.commit(advancing(generation, [n + 1, n + 2], ...documents), { isDurable: false });
      }
      done.abort();
    };
    const reading = async (): Promise<void> => {
      while (!done.signal.aborted) {
        const { documents, stamp } = await readSide.getDocuments({ name: "orders" }, ["a", "b", "c"]);
        const position = stamp?.position ?? assert.fail("the read model is gone");
        for (const document of documents) assert.equal(document?.position ?? 1, position);
        await setImmediate();
      }
    };
    await Promise.all([writing(), reading()]);
  },

  "options of the wrong type are refused": async ({ store: { readSide } }) => {
    for (const isDurable of ["yes", 1, null]) {
      await refuses("ARGUMENT_INVALID", () => readSide.commit({}, { isDurable: isDurable as never }));
    }
    for (const part of ["expect", "models", "put", "remove", "removeAll"]) {
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ [part]: "all" }));
    }
    assert.equal(await failureOf(() => readSide.commit({})), undefined);
  },
};
