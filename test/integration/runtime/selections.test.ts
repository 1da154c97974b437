/**
 * A property that chooses, and that is there with the value `undefined`, is refused by every function that takes one: as if
 * left out, it would choose everything. What only sets how something is done may be undefined.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decisionModel } from "../../../src/core/decision-model.ts";
import { projection, sqlProjection } from "../../../src/core/projection.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { exportEvents } from "../../../src/store/exchange/export-events.ts";
import { anAccount, engines } from "./engines.ts";
import type { Log } from "./engines.ts";
import { anOrder, buildModel, orders } from "./stored-model.ts";

/** Options as a caller without types hands them over. */
type Loose = never;

const { account } = anAccount();
const counter = decisionModel({ initial: () => 0, evolve: { Deposited: (n) => n + 1 } });

/** Calls with options, and the properties of them that choose. */
const calls: ReadonlyArray<
  readonly [name: string, parts: readonly string[], call: (store: Hitherto, options: Loose) => unknown]
> = [
  [
    "read",
    "types categories streamPrefix tags correlationId query from to since until".split(" "),
    (store, options) => store.read(options).toArray(),
  ],
  [
    "readStream",
    ["types", "from", "to"],
    (store, options) => store.readStream("account-1", options).toArray(),
  ],
  ["subscribe", ["stream", "after", "types", "query"], (store, options) => store.subscribe(options).close()],
  ["listStreams", ["prefix", "category"], (store, options) => listOf(store.listStreams(options))],
  ["append", ["condition"], (store, options) => store.append({ events: [deposited] }, options)],
  [
    "append's entry",
    ["stream", "expect", "firstRevision"],
    (store, options: object) => store.append({ ...options, events: [deposited] }),
  ],
  [
    "setStreamPolicy",
    ["maxCount", "maxAgeMs", "truncateBefore"],
    (store, policy) => store.setStreamPolicy("account-1", policy),
  ],
  ["deleteStream", ["expect"], (store, options) => store.deleteStream("account-1", options)],
  ["tombstoneStream", ["expect"], (store, options) => store.tombstoneStream("account-1", options)],
  ["execute", ["expect"], (store, options) => store.execute(account, "1", "audit", undefined, options)],
  ["decide", ["stream"], (store, options) => store.decide(counter, () => undefined, options)],
  ["load", ["atRevision", "at"], (store, options) => store.load(account, "1", options)],
  ["history", ["from", "to"], (store, range) => listOf(store.history(account, "1", range))],
  ["bisect", ["from", "to"], (store, range) => store.bisect(account, "1", () => true, range)],
  ["find", ["where", "keyPrefix"], (store, options) => store.readModel(orders).find(options)],
  ["findAll", ["where", "keyPrefix"], (store, options) => listOf(store.readModel(orders).findAll(options))],
  ["count", ["where", "keyPrefix"], (store, options) => store.readModel(orders).count(options)],
  ["live", ["where", "keyPrefix"], (store, options) => firstOf(store.readModel(orders).live(options))],
  ["where", ["status", "customer"], (store, where) => store.readModel(orders).find({ where })],
  [
    "a condition",
    "eq in gt gte lt lte prefix".split(" "),
    (store, status) => store.readModel(orders).find({ where: { status } }),
  ],
  [
    "a condition beside another",
    ["prefix", "in"],
    (store, status: object) => store.readModel(orders).find({ where: { status: { gt: "a", ...status } } }),
  ],
  ["parked.list", ["kind", "name", "key", "position"], (store, choice) => listOf(store.parked.list(choice))],
  ["parked.count", ["kind", "name"], (store, owner) => store.parked.count(owner)],
  ...(["replay", "discard"] as const).map(
    (how) =>
      [
        `parked.${how}`,
        ["kind", "name", "key", "position"],
        (store: Hitherto, choice: object) =>
          store.parked[how]({ kind: "consumer", name: "mails", ...choice } as Loose),
      ] as const,
  ),
  ["exportEvents", ["types", "to", "until"], (store, options) => listOf(exportEvents(store, options))],
];

const deposited = { type: "Deposited", data: { amount: 1 } };

async function listOf<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const list: Value[] = [];
  for await (const value of values) list.push(value);
  return list;
}

async function firstOf<Value>(values: AsyncIterable<Value>): Promise<Value | undefined> {
  const { value } = (await values[Symbol.asyncIterator]().next()) as { readonly value: Value | undefined };
  return value;
}

describe.each(engines)("on the $name store", ({ createLog }) => {
  let log: Log;
  let store: Hitherto;

  beforeEach(async () => {
    log = await createLog();
    store = await log.open();
    await store.execute(account, "1", "deposit", { amount: 1 });
    await buildModel(store.readSide, orders, { position: 1, documents: { "1": anOrder() } });
  });

  afterEach(() => log[Symbol.asyncDispose]());

  test.each(calls)("%s refuses what chooses when it is undefined", async (_name, parts, call) => {
    for (const part of parts) {
      const outcome = (async () => call(store, { [part]: undefined } as Loose))();
      await expect(outcome).rejects.toMatchObject({
        code: "ARGUMENT_INVALID",
        details: { argument: expect.stringContaining(part) as string },
      });
    }
    expect(await store.head()).toBe(1);
    expect((await store.readStream("account-1").toArray()).length).toBe(1);
  });

  test("what only sets how something is done may be undefined", async () => {
    const loose = { limit: undefined, backwards: undefined, signal: undefined };
    expect((await store.read(loose).toArray()).length).toBe(1);
    const { entries } = await store
      .readModel(orders)
      .find({ limit: undefined, after: undefined, sort: undefined, waitFor: undefined });
    expect(entries.length).toBe(1);
    const options = { idempotencyKey: undefined, metadata: undefined, retries: undefined, signal: undefined };
    expect(await store.execute(account, "1", "audit", undefined, options)).toMatchObject({ accepted: true });
  });

  test.each(["projections", "consumers"] as const)(
    "the name of %s is refused when undefined",
    async (kind) => {
      const admin = store[kind] as unknown as Record<
        string,
        (name: unknown, value?: unknown) => Promise<unknown>
      >;
      for (const [how, run] of Object.entries(admin)) {
        if (how === "list") continue;
        for (const name of [undefined, "", 7]) {
          await expect(run(name, 1)).rejects.toMatchObject({ details: { argument: "name" } });
        }
      }
    },
  );

  test("keys and ids that are undefined are refused", async () => {
    const none = undefined as Loose;
    const model = store.readModel(orders);
    for (const call of [
      () => model.get(none),
      () => model.getMany([none]),
      () => store.load(account, none),
      () => store.execute(account, none, "audit", undefined),
      () => store.snapshot(account, none),
      () => store.findEvent(none),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    }
  });
});

describe("definitions refuse what chooses when it is undefined", () => {
  test.each(["types", "categories", "tags", "streamPrefix", "query", "from", "events", "on", "map"])(
    "consumer: %s",
    (part) => {
      expect(() => consumer("c", { handle: () => undefined, [part]: undefined })).toThrow(
        expect.objectContaining({
          code: "DEFINITION_INVALID",
          message: expect.stringContaining(part) as string,
        }) as Error,
      );
    },
  );

  test("decision model, projections: tags and categories", () => {
    const evolve = { A: (n: number): number => n };
    const none = undefined as Loose;
    for (const define of [
      () => decisionModel({ tags: none, initial: () => 0, evolve }),
      () => decisionModel({ tags: [], initial: () => 0, evolve }),
      () => projection("p", { initial: () => 0, evolve, categories: none }),
      () => sqlProjection("p", { tables: { t: "a" }, on: { A: () => undefined }, categories: none }),
    ]) {
      expect(define).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }) as Error);
    }
  });
});
