import assert from "node:assert/strict";
import type { ReadModelStep } from "../../../store/read-side.ts";
import { refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import { advancing, aModel, anActiveModel, documentOf, keysOf, positionOf, shape, write } from "./helpers.ts";

const name = "orders";

/** Generations: made, moved on, activated, emptied, dropped. */
export const modelTests: Topic = {
  "a generation is listed as it was made: building, at position 0": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide, { version: 3 });
    const info = { generation, name, version: 3, shape, state: "building", position: 0 };
    assert.deepEqual(await readSide.listModels(), [info]);
    assert.deepEqual(await readSide.listModels(name), [info]);
    assert.deepEqual(await readSide.listModels("order"), []);
  },

  "generations are listed oldest first, by name if wanted": async ({ store: { readSide } }) => {
    const made: number[] = [];
    for (const n of upTo(12)) made.push(await aModel(readSide, { name: n % 3 === 0 ? "b" : "a" }));
    const listed = async (of?: string): Promise<number[]> =>
      (await readSide.listModels(of)).map((model) => model.generation);
    assert.deepEqual(await listed(), made);
    assert.deepEqual(
      await listed("b"),
      made.filter((_, n) => n % 3 === 0),
    );
  },

  "numbers of generations rise and are never used again": async ({ store: { readSide } }) => {
    const first = await aModel(readSide);
    assert.ok(Number.isSafeInteger(first) && first > 0);
    const create = { step: "create", generation: first, name, version: 1, shape } as const;
    await refuses("MODEL_CONFLICT", () => readSide.commit({ models: [create] }));
    await readSide.commit({ models: [{ step: "drop", generation: first }] });
    await refuses("MODEL_CONFLICT", () => readSide.commit({ models: [create] }));
    assert.ok((await readSide.nextGeneration()) > first);
  },

  "what is building is read by its generation, and not by name": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide);
    await readSide.commit(advancing(generation, [0, 4], write("k", { total: 1 })));
    assert.deepEqual(await readSide.getDocument({ name }, "k"), { document: undefined, stamp: undefined });
    const { document, stamp } = await readSide.getDocument({ generation }, "k");
    assert.equal(document?.json, '{"total":1}');
    assert.deepEqual(stamp, { generation, version: 1, position: 4 });
  },

  "it moves on only from where it is": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide);
    await readSide.commit(advancing(generation, [0, 10]));
    for (const from of [0, 9, 11]) {
      const error = await refuses("MODEL_CONFLICT", () =>
        readSide.commit(advancing(generation, [from, 20], write("k", {}))),
      );
      assert.equal(error.details.generation, generation);
    }
    assert.equal(await positionOf(readSide, generation), 10);
    assert.equal((await readSide.getDocument({ generation }, "k")).document, undefined);
    await readSide.commit(advancing(generation, [10, 10], write("k", {})));
    assert.equal(await positionOf(readSide, generation), 10);
  },

  "of many who move it on exactly one wins": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide);
    for (const n of upTo(10)) {
      const racers = upTo(6).map((m) =>
        readSide.commit(advancing(generation, [n, n + 1], write(`${n}-${m}`, {})), {
          isDurable: m % 2 === 0,
        }),
      );
      const won = (await Promise.allSettled(racers)).filter((one) => one.status === "fulfilled");
      assert.equal(won.length, 1);
      const query = { where: {}, sort: [], limit: 100 };
      assert.equal((await readSide.countDocuments({ generation }, query)).count, n + 1);
    }
  },

  "activating lets reads by name go there and drops the one before": async ({ store: { readSide } }) => {
    const one = await anActiveModel(readSide, [write("k", { total: 1 })]);
    const other = await aModel(readSide, { version: 2 });
    await readSide.commit(advancing(other, [0, 5], write("k", { total: 2 })));
    assert.deepEqual(await documentOf(readSide, "k"), { total: 1 });
    await readSide.commit({ models: [{ step: "activate", generation: other }] });
    assert.deepEqual(await documentOf(readSide, "k"), { total: 2 });
    const { stamp } = await readSide.getDocument({ name }, "k");
    assert.deepEqual(stamp, { generation: other, version: 2, position: 5 });
    assert.deepEqual(
      (await readSide.listModels()).map((model) => [model.generation, model.state]),
      [[other, "active"]],
    );
    assert.deepEqual(await readSide.getDocument({ generation: one }, "k"), {
      document: undefined,
      stamp: undefined,
    });
  },

  "activating is refused while the active one is further on": async ({ store: { readSide } }) => {
    const one = await anActiveModel(readSide);
    await readSide.commit(advancing(one, [1, 10]));
    const other = await aModel(readSide);
    await readSide.commit(advancing(other, [0, 9]));
    const activate = { models: [{ step: "activate", generation: other }] } as const;
    await refuses("MODEL_CONFLICT", () => readSide.commit(activate));
    assert.equal((await readSide.getDocument({ name }, "k")).stamp?.generation, one);
    await readSide.commit(advancing(other, [9, 10]));
    await readSide.commit(activate);
    assert.equal((await readSide.getDocument({ name }, "k")).stamp?.generation, other);
  },

  "activating what is active already changes nothing": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("k", {})]);
    await readSide.commit({ models: [{ step: "activate", generation }] });
    assert.deepEqual(await keysOf(readSide), ["k"]);
    assert.deepEqual((await readSide.listModels()).length, 1);
  },

  "each name has its own active generation": async ({ store: { readSide } }) => {
    await anActiveModel(readSide, [write("k", { total: 1 })]);
    await anActiveModel(readSide, [write("k", { total: 2 })], { name: "orders_2" });
    await anActiveModel(readSide, [write("k", { total: 3 })], { name: "Orders" });
    assert.deepEqual(await documentOf(readSide, "k", "orders"), { total: 1 });
    assert.deepEqual(await documentOf(readSide, "k", "orders_2"), { total: 2 });
    assert.deepEqual(await documentOf(readSide, "k", "Orders"), { total: 3 });
  },

  "what is emptied begins again, and stays active": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("k", { status: "new" })]);
    await readSide.commit({ models: [{ step: "clear", generation }] });
    const { documents, stamp } = await readSide.findDocuments({ name }, { where: {}, sort: [], limit: 9 });
    assert.deepEqual(documents, []);
    assert.deepEqual(stamp, { generation, version: 1, position: 0 });
    await readSide.commit(advancing(generation, [0, 3], write("other", { status: "new" })));
    assert.deepEqual(await keysOf(readSide, { where: { status: { eq: "new" } } }), ["other"]);
  },

  "what is dropped is gone, and dropping it again does nothing": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("k", {})]);
    const drop = { models: [{ step: "drop", generation }] } as const;
    await readSide.commit(drop);
    await readSide.commit(drop);
    assert.deepEqual(await readSide.listModels(), []);
    for (const ref of [{ name }, { generation }]) {
      assert.deepEqual(await readSide.getDocument(ref, "k"), { document: undefined, stamp: undefined });
      assert.deepEqual(await readSide.countDocuments(ref, { where: {}, sort: [], limit: 1 }), {
        count: 0,
        stamp: undefined,
      });
    }
  },

  "nothing else can be done with a generation that is no more": async ({ store: { readSide } }) => {
    const dropped = await aModel(readSide);
    await readSide.commit({ models: [{ step: "drop", generation: dropped }] });
    for (const generation of [dropped, dropped + 100]) {
      const steps: readonly ReadModelStep[] = [
        { step: "advance", generation, from: 0, to: 1 },
        { step: "activate", generation },
        { step: "clear", generation },
      ];
      for (const step of steps) await refuses("MODEL_CONFLICT", () => readSide.commit({ models: [step] }));
    }
  },

  "several steps of one commit follow on each other": async ({ store: { readSide } }) => {
    const before = await anActiveModel(readSide, [write("old", {})]);
    const generation = await readSide.nextGeneration();
    await readSide.commit({
      models: [
        { step: "create", generation, name, version: 2, shape },
        { step: "advance", generation, from: 0, to: 2, documents: [write("a", {}), write("gone", {})] },
        { step: "clear", generation },
        { step: "advance", generation, from: 0, to: 2, documents: [write("b", { total: 1 })] },
        { step: "advance", generation, from: 2, to: 3, documents: [write("b", { total: 2 })] },
        { step: "activate", generation },
      ],
    });
    assert.deepEqual(await keysOf(readSide), ["b"]);
    assert.deepEqual(await documentOf(readSide, "b"), { total: 2 });
    assert.deepEqual(
      (await readSide.listModels()).map((model) => model.generation),
      [generation],
    );
    assert.equal(await positionOf(readSide, before), undefined);
  },

  "steps that can not be are refused with nothing done": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide);
    const bad: readonly unknown[] = [
      { step: "advance", generation, from: 0, to: -1 },
      { step: "advance", generation, from: 0, to: 0.5 },
      { step: "advance", generation, from: 5, to: 3 },
      { step: "advance", generation: "1", from: 0, to: 1 },
      { step: "advance", generation, from: 0, to: 1, documents: [{ ...write("k", {}), key: 7 }] },
      { step: "advance", generation, from: 0, to: 1, documents: [{ ...write("k", {}), key: "\ud800" }] },
      { step: "advance", generation, from: 0, to: 1, documents: [{ ...write("k", {}), json: {} }] },
      { step: "advance", generation, from: 0, to: 1, documents: [{ ...write("k", {}), json: "" }] },
      ...[[], [1], [1n, 1, 1], [{}, 1, 1], [Number.NaN, 1, 1], ["\ud800", 1, 1], "abc"].map((indexed) => {
        return { step: "advance", generation, from: 9, to: 9, documents: [{ ...write("k", {}), indexed }] };
      }),
      { step: "retreat", generation },
      null,
    ];
    for (const step of bad) {
      const models = [{ step: "advance", generation, from: 0, to: 9 } as const, step as ReadModelStep];
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ models }));
    }
    assert.equal(await positionOf(readSide, generation), 0);
  },

  "what a read model can not be made of is refused with nothing done": async ({ store: { readSide } }) => {
    const generation = await readSide.nextGeneration();
    const create = { step: "create", generation, name, version: 1, shape };
    const shapes: readonly unknown[] = [
      undefined,
      (): undefined => undefined,
      { kind: "graph" },
      { kind: "documents", indexes: "status" },
      { kind: "documents", indexes: ["status"] },
      { kind: "documents", indexes: [[]] },
      { kind: "documents", indexes: [["status", 1n]] },
      { kind: "sql", tables: { days: 1n }, indexes: {} },
      { kind: "sql", tables: { 'd"; DROP TABLE records': "day" }, indexes: {} },
      { kind: "sql", tables: { days: "day" }, indexes: { days: "(day)" } },
    ];
    const bad: readonly unknown[] = [
      ...shapes.map((one) => ({ ...create, shape: one })),
      ...["", "a b", "1a", "a-b", 'a"b', "x".repeat(65), 7].map((one) => ({ ...create, name: one })),
      { ...create, generation: 0 },
      { ...create, version: 0 },
    ];
    for (const step of bad) {
      const put = [{ space: "s", key: "k", value: 1 }];
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ models: [step as ReadModelStep], put }));
    }
    assert.deepEqual(await readSide.listModels(), []);
    assert.equal(await readSide.countRecords("s"), 0);
  },

  "a step belongs to the store from the moment of the call, and what else it holds is left aside": async ({
    store: { readSide },
  }) => {
    const generation = await aModel(readSide);
    const document = { ...write("k", { status: "new" }), extra: 1n };
    const indexed = [...document.indexed];
    const step = {
      step: "advance",
      generation,
      from: 0,
      to: 1,
      documents: [{ ...document, indexed }],
    } as const;
    let committing: Promise<unknown> = Promise.resolve();
    await readSide.transaction(() => {
      committing = readSide.commit({ models: [{ ...step, extra: 1n } as ReadModelStep] });
      indexed[0] = "paid";
      return Promise.resolve();
    });
    await committing;
    const { document: stored } = await readSide.getDocument({ generation }, "k");
    assert.deepEqual(stored?.indexed, ["new", null, null]);
  },
};
