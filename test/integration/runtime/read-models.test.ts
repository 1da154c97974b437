import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { projection, sqlProjection } from "../../../src/core/projection.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import type { LiveChange, ReadModel } from "../../../src/runtime/projections/read-model.ts";
import { engines } from "./engines.ts";
import type { Log } from "./engines.ts";
import { activate, advance, anOrder, beginModel, buildModel, orders } from "./stored-model.ts";
import type { Order } from "./stored-model.ts";

type OrderField = "status" | "customer" | "total";

describe.each(engines)("read models on the $name store", ({ createLog }) => {
  let log: Log;
  let store: Hitherto;
  let model: ReadModel<Order, OrderField>;

  beforeEach(async () => {
    log = await createLog();
    store = await log.open();
    model = store.readModel(orders);
  });

  afterEach(() => log[Symbol.asyncDispose]());

  const some = {
    "1": anOrder({ customer: "ada", total: 30 }),
    "2": anOrder({ customer: "bob", total: 20, status: "paid" }),
    "3": anOrder({ customer: "ada", total: 10 }),
    "4": anOrder({ customer: "cy", total: 20 }),
  };
  const keysOf = (found: { readonly entries: ReadonlyArray<{ readonly key: string }> }): readonly string[] =>
    found.entries.map(({ key }) => key);

  describe("get", () => {
    test("answers with the document, the position and the version", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      expect(await model.get("2")).toEqual({ document: some["2"], position: 7, version: 1 });
      expect(await model.get("nobody's")).toEqual({ document: undefined, position: 7, version: 1 });
    });

    test("gives each caller a document of its own", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const first = (await model.get("1")).document as { total: number };
      first.total = 0;
      expect((await model.get("1")).document).toEqual(some["1"]);
    });

    test("of several answers in the order of the keys", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const { documents, position } = await model.getMany(["3", "none", "1", "3"]);
      expect(documents).toEqual([some["3"], undefined, some["1"], some["3"]]);
      expect(position).toBe(7);
    });

    test("is refused before the first build has caught up, and says how far that is", async () => {
      await expect(model.get("1")).rejects.toMatchObject({
        code: "READ_MODEL_NOT_READY",
        details: { readModel: "orders" },
      });
      await beginModel(store.readSide, orders, { position: 3, documents: some });
      await expect(model.get("1")).rejects.toMatchObject({
        code: "READ_MODEL_NOT_READY",
        details: { readModel: "orders", position: 3 },
      });
    });

    test.each([
      ["no string", 7],
      ["nothing", undefined],
      ["empty", ""],
      ["too long", "x".repeat(1_025)],
      ["half of a surrogate pair", "\ud800"],
      ["an object", { toString: () => "1" }],
    ])("refuses a key that is %s", async (_, key) => {
      await buildModel(store.readSide, orders, { documents: some });
      await expect(model.get(key as string)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
      await expect(model.getMany([key as string])).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    });

    test("refuses keys that are no array, or too many", async () => {
      await expect(model.getMany("1" as never)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
      const tooMany = Array.from({ length: 10_001 }, () => "1");
      await expect(model.getMany(tooMany)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
      await expect(model.getMany(Array.from({ length: 2 }))).rejects.toMatchObject({
        code: "ARGUMENT_INVALID",
      });
    });
  });

  describe("find", () => {
    beforeEach(async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
    });

    test("takes 10,000 values of `in` conditions together, and refuses more", async () => {
      const fields = Array.from({ length: 11 }, (_, index) => `field${index}`);
      const wide = projection("wide", {
        initial: (): Record<string, number> => ({}),
        evolve: { Widened: (document) => document },
        indexes: fields,
      });
      await buildModel(store.readSide, wide, { documents: { a: { field0: 1 } } });
      const values = Array.from({ length: 1_000 }, (_, index) => index);
      const where = (count: number): object =>
        Object.fromEntries(fields.slice(0, count).map((field) => [field, { in: values }]));
      const found = await store.readModel(wide).find({ where: where(10) });
      expect(found.entries).toEqual([]);
      for (const read of ["find", "count"] as const) {
        await expect(store.readModel(wide)[read]({ where: where(11) })).rejects.toMatchObject({
          code: "ARGUMENT_INVALID",
          details: { argument: "where" },
        });
      }
    });

    test("finds all by key, with when they changed", async () => {
      const { entries, next, position, version } = await model.find();
      expect(entries).toEqual(
        Object.entries(some).map(([key, document]) => ({ key, document, changedAt: 7 })),
      );
      expect({ next, position, version }).toEqual({ next: undefined, position: 7, version: 1 });
    });

    test("filters by values, ranges, lists, prefixes and keys", async () => {
      expect(keysOf(await model.find({ where: { status: "placed" } }))).toEqual(["1", "3", "4"]);
      expect(keysOf(await model.find({ where: { total: { gte: 20, lt: 30 } } }))).toEqual(["2", "4"]);
      expect(keysOf(await model.find({ where: { customer: { in: ["bob", "cy"] } } }))).toEqual(["2", "4"]);
      expect(keysOf(await model.find({ where: { customer: { prefix: "a" }, total: 10 } }))).toEqual(["3"]);
      expect(keysOf(await model.find({ where: { customer: { in: [] } } }))).toEqual([]);
      expect(keysOf(await model.find({ keyPrefix: "4" }))).toEqual(["4"]);
    });

    test("sorts by fields in either direction, ties by key in that of the last field", async () => {
      expect(keysOf(await model.find({ sort: "total" }))).toEqual(["3", "2", "4", "1"]);
      expect(keysOf(await model.find({ sort: "-total" }))).toEqual(["1", "4", "2", "3"]);
      expect(keysOf(await model.find({ sort: ["status", "-total"] }))).toEqual(["2", "1", "4", "3"]);
    });

    test.each([1, 2, 3, 4, 5])("pages through everything once, %i at a time", async (limit) => {
      const keys: string[] = [];
      let after: string | undefined;
      do {
        const page = await model.find({ sort: "-total", limit, after });
        keys.push(...keysOf(page));
        after = page.next;
      } while (after !== undefined);
      expect(keys).toEqual(["1", "4", "2", "3"]);
    });

    test("counts what matches, whatever the limit", async () => {
      expect(await model.count({ where: { status: "placed" } })).toEqual({
        count: 3,
        position: 7,
        version: 1,
      });
    });

    test("walks all pages", async () => {
      const keys: string[] = [];
      for await (const { key } of model.findAll({ sort: "-total", limit: 2 })) keys.push(key);
      expect(keys).toEqual(["1", "4", "2", "3"]);
    });

    test("goes on with a walk over a rebuild of another version", async () => {
      const keys: string[] = [];
      for await (const { key } of model.findAll({ limit: 2 })) {
        keys.push(key);
        if (keys.length > 1) continue;
        await buildModel(store.readSide, orders, { version: 2, position: 8, documents: some });
      }
      expect(keys).toEqual(["1", "2", "3", "4"]);
    });

    test.each([
      ["find", (where: object) => model.find({ where })],
      ["count", (where: object) => model.count({ where })],
    ])("%s refuses a field without an index, and names those that have one", async (_, ask) => {
      await expect(ask({ shipped: true })).rejects.toMatchObject({
        code: "INDEX_MISSING",
        details: { readModel: "orders", field: "shipped", known: ["status", "customer", "total"] },
      });
      await expect(ask(JSON.parse('{"__proto__": 1}') as object)).rejects.toMatchObject({
        code: "INDEX_MISSING",
      });
    });

    test("refuses to sort by a field without an index", async () => {
      await expect(model.find({ sort: "-shipped" as never })).rejects.toMatchObject({
        code: "INDEX_MISSING",
      });
    });

    test.each([
      ["a limit of 0", { limit: 0 }],
      ["a limit that is too high", { limit: 10_001 }],
      ["a limit that is no number", { limit: "10" }],
      ["a condition that says nothing", { where: { total: {} } }],
      ["a condition of an unknown part", { where: { total: { $ne: 1 } } }],
      ["a condition that is an array", { where: { total: [1, 2] } }],
      ["a value that is a function", { where: { total: () => 1 } }],
      ["a value that is a bigint", { where: { total: 1n } }],
      ["a value that is not a number", { where: { total: Number.NaN } }],
      ["a value without end", { where: { total: { gt: Number.POSITIVE_INFINITY } } }],
      ["a bound that is null", { where: { total: { gt: null } } }],
      ["a prefix that is no string", { where: { customer: { prefix: 1 } } }],
      ["a list that is none", { where: { customer: { in: "ada" } } }],
      ["a list that is too long", { where: { total: { in: Array.from({ length: 1_001 }, () => 1) } } }],
      ["a string longer than an index holds", { where: { customer: "x".repeat(257) } }],
      ["half of a surrogate pair", { where: { customer: { prefix: "\ud83d" } } }],
      ["filters that are none", { where: "status = 'placed'" }],
      ["a key prefix that is none", { keyPrefix: 1 }],
      ["a sort that names a field twice", { sort: ["total", "-total"] }],
      ["a sort that is none", { sort: { total: 1 } }],
      ["options that are none", "all"],
      ["a signal that is none", { signal: {} }],
    ])("refuses %s", async (_, options) => {
      await expect(model.find(options as never)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    });
  });

  describe("a cursor", () => {
    const first = { sort: "total", limit: 2 } as const;
    let cursor: string;

    beforeEach(async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      cursor = (await model.find(first)).next ?? "";
    });

    test("is taken with another limit, and with the filters named in another order", async () => {
      const where = { status: "placed", total: { gt: 0 } } as const;
      const { next } = await model.find({ where, limit: 1 });
      const reordered = { total: { gt: 0 }, status: "placed" } as const;
      expect(keysOf(await model.find({ where: reordered, limit: 5, after: next }))).toEqual(["3", "4"]);
    });

    test.each([
      ["another sort", { sort: "-total" }],
      ["another filter", { sort: "total", where: { status: "paid" } }],
      ["another key prefix", { sort: "total", keyPrefix: "1" }],
    ] as const)("is refused by a query with %s", async (_, query) => {
      await expect(model.find({ ...query, after: cursor })).rejects.toMatchObject({
        code: "CURSOR_INVALID",
        details: { readModel: "orders", problem: "it is of another query" },
      });
    });

    test("is refused when the read model has been built by another version", async () => {
      await buildModel(store.readSide, orders, { version: 2, position: 8, documents: some });
      await expect(model.find({ ...first, after: cursor })).rejects.toMatchObject({ code: "CURSOR_INVALID" });
    });

    test("survives a rebuild by the same version", async () => {
      await buildModel(store.readSide, orders, { position: 8, documents: some });
      expect(keysOf(await model.find({ ...first, after: cursor }))).toEqual(["4", "1"]);
    });

    const forged = (content: unknown): string => Buffer.from(JSON.stringify(content)).toString("base64url");
    test.each([
      ["no string", 7],
      ["empty", ""],
      ["no cursor", "next"],
      ["no JSON", Buffer.from("{").toString("base64url")],
      ["an object", forged({ key: "1" })],
      ["an empty list", forged([])],
      ["of a key that is none", forged([1, "fingerprint", 7])],
      ["of values that are none", forged([1, "fingerprint", "1", { toString: "x" }])],
      ["endless", "A".repeat(1_000_000)],
    ])("is refused when it is %s", async (_, after) => {
      await expect(model.find({ ...first, after: after as string })).rejects.toMatchObject({
        code: "CURSOR_INVALID",
      });
    });

    test("with the values of another number of fields is refused", async () => {
      const [version, fingerprint] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as unknown[];
      const after = forged([version, fingerprint, "1", 1, 2, 3]);
      await expect(model.find({ ...first, after })).rejects.toMatchObject({ code: "CURSOR_INVALID" });
    });
  });

  describe("a wait", () => {
    test("ends when the read model includes the position", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 7, documents: some });
      const waiting = model.get("5", { waitFor: 9 });
      await advance(store.readSide, orders, { generation, from: 7, to: 8 });
      await advance(store.readSide, orders, { generation, from: 8, to: 9, documents: { "5": anOrder() } });
      expect(await waiting).toEqual({ document: anOrder(), position: 9, version: 1 });
    });

    test("does not wait for what is there", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      expect(await model.waitFor(7, { timeoutMs: 0 })).toEqual({ position: 7, version: 1 });
    });

    test("includes the first build", async () => {
      const waiting = [model.waitFor(0), model.find({ waitFor: 3 }), model.count({ waitFor: 3 })] as const;
      const generation = await beginModel(store.readSide, orders, { position: 3, documents: some });
      await activate(store.readSide, generation);
      const [reached, found, counted] = await Promise.all(waiting);
      expect([reached.position, found.entries.length, counted.count]).toEqual([3, 4, 4]);
    });

    test("is seen through by a handle that runs nothing", async () => {
      const reader = await log.open();
      const generation = await buildModel(store.readSide, orders, { position: 1 });
      const waiting = reader.readModel(orders).get("1", { waitFor: 2 });
      await advance(store.readSide, orders, { generation, from: 1, to: 2, documents: some });
      expect((await waiting).document).toEqual(some["1"]);
    });

    test("that takes too long fails, and says what was reached", async () => {
      await buildModel(store.readSide, orders, { position: 7 });
      await expect(model.get("1", { waitFor: 1_000, timeoutMs: 20 })).rejects.toMatchObject({
        code: "WAIT_TIMEOUT",
        details: { work: 'The read model "orders"', position: 1_000, reached: 7, waitedMs: 20 },
      });
    });

    test("for a read model that nobody builds fails when it takes too long", async () => {
      await expect(model.find({ waitFor: 1, timeoutMs: 20 })).rejects.toMatchObject({
        code: "WAIT_TIMEOUT",
        details: { reached: 0 },
      });
      await beginModel(store.readSide, orders, { position: 4 });
      await expect(model.waitFor(9, { timeoutMs: 0 })).rejects.toMatchObject({
        code: "WAIT_TIMEOUT",
        details: { reached: 4 },
      });
    });

    test("ends with its signal", async () => {
      await buildModel(store.readSide, orders, { position: 7 });
      const controller = new AbortController();
      const waiting = model.get("1", { waitFor: 8, signal: controller.signal });
      controller.abort(new Error("gone"));
      await expect(waiting).rejects.toMatchObject({ code: "ABORTED", cause: new Error("gone") });
      await expect(model.get("1", { signal: controller.signal })).rejects.toMatchObject({ code: "ABORTED" });
    });

    test("ends when the store is closed", async () => {
      await buildModel(store.readSide, orders, { position: 7 });
      const waiting = model.waitFor(8).catch((error: unknown) => error);
      await sleep(5);
      await store.close();
      expect(await waiting).toMatchObject({ code: "STORE_CLOSED" });
    });

    test("of thousands ends for each at its position, and for all in the end", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 0 });
      const waits = Array.from({ length: 3_000 }, (_, index) => model.waitFor(1 + (index % 30)));
      for (let position = 0; position < 30; position++) {
        await advance(store.readSide, orders, { generation, from: position, to: position + 1 });
      }
      const reached = await Promise.all(waits);
      expect(reached.every(({ position }, index) => position >= 1 + (index % 30))).toBe(true);
    });

    test("waits again when the read model is emptied in between", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 7, documents: some });
      await store.readSide.commit({ models: [{ step: "clear", generation }] });
      const waiting = model.get("1", { waitFor: 7 });
      await sleep(5);
      await advance(store.readSide, orders, { generation, from: 0, to: 7, documents: some });
      expect((await waiting).document).toEqual(some["1"]);
    });

    test.each([
      ["a negative position", { waitFor: -1 }],
      ["a position that is no integer", { waitFor: 1.5 }],
      ["a position that is a string", { waitFor: "7" }],
      ["a timeout that no timer can wait", { waitFor: 1, timeoutMs: 2 ** 31 }],
      ["an endless timeout", { waitFor: 1, timeoutMs: Number.POSITIVE_INFINITY }],
    ])("refuses %s", async (_, options) => {
      await expect(model.get("1", options as never)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    });
  });

  describe("a live query", () => {
    /** The next changes, in short: `+1` added, `~1` changed, `-1` removed. */
    async function take(changes: AsyncIterator<LiveChange<Order>>, count: number): Promise<string[]> {
      const signs = { added: "+", changed: "~", removed: "-" } as const;
      const taken: string[] = [];
      while (taken.length < count) {
        const { done, value } = await changes.next();
        if (done === true) break;
        taken.push(`${signs[value.kind]}${value.key}`);
      }
      return taken;
    }

    test("begins with what matches, in its order, and goes on with what changes", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live({ where: { status: "placed" }, sort: "-total" })[Symbol.asyncIterator]();
      expect(await take(changes, 3)).toEqual(["+1", "+4", "+3"]);
      const waiting = take(changes, 4);
      const documents = { "1": anOrder({ status: "paid" }), "3": null, "4": anOrder({ total: 99 }) };
      await advance(store.readSide, orders, {
        generation,
        from: 7,
        to: 8,
        documents: { ...documents, "5": anOrder({ total: 1 }) },
      });
      expect(await waiting).toEqual(["-1", "-3", "~4", "+5"]);
      await changes.return?.();
    });

    test("says of each change which state it is from", async () => {
      const generation = await buildModel(store.readSide, orders, {
        position: 7,
        documents: { "1": some["1"] },
      });
      const changes = model.live()[Symbol.asyncIterator]();
      const added = { kind: "added", key: "1", document: some["1"], position: 7, version: 1 };
      expect((await changes.next()).value).toEqual(added);
      await advance(store.readSide, orders, { generation, from: 7, to: 9, documents: { "1": null } });
      const removed = { kind: "removed", key: "1", document: undefined, position: 9, version: 1 };
      expect((await changes.next()).value).toEqual(removed);
      await changes.return?.();
    });

    test("says nothing of documents that events left as they were", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live({ keyPrefix: "1" })[Symbol.asyncIterator]();
      await take(changes, 1);
      const next = take(changes, 1);
      await advance(store.readSide, orders, { generation, from: 7, to: 8, documents: { "1": some["1"] } });
      await sleep(20);
      await advance(store.readSide, orders, { generation, from: 8, to: 9, documents: { "10": anOrder() } });
      expect(await next).toEqual(["+10"]);
      await changes.return?.();
    });

    test("follows only as many as asked for, and tells who takes a free place", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live({ limit: 2 })[Symbol.asyncIterator]();
      expect(await take(changes, 2)).toEqual(["+1", "+2"]);
      const next = take(changes, 2);
      await advance(store.readSide, orders, { generation, from: 7, to: 8, documents: { "1": null } });
      expect(await next).toEqual(["-1", "+3"]);
      await changes.return?.();
    });

    test("tells the difference that a rebuild makes, and nothing else", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live()[Symbol.asyncIterator]();
      await take(changes, 4);
      const next = changes.next();
      const mended = { ...some, "3": anOrder({ total: 11 }) };
      await buildModel(store.readSide, orders, { version: 2, position: 7, documents: mended });
      const changed = { kind: "changed", key: "3", document: mended["3"], position: 7, version: 2 };
      expect((await next).value).toEqual(changed);
      await changes.return?.();
    });

    test("merges what happens while its consumer is busy", async () => {
      const generation = await buildModel(store.readSide, orders, { position: 0, documents: some });
      const totals: number[] = [];
      for await (const { document } of model.live({ keyPrefix: "1" })) {
        totals.push(document?.total ?? -1);
        if (totals.length > 1) break;
        for (let position = 0; position < 50; position++) {
          const documents = { "1": anOrder({ total: position }) };
          await advance(store.readSide, orders, { generation, from: position, to: position + 1, documents });
        }
      }
      expect(totals).toEqual([30, 49]);
    });

    test("is told what another handle changes", async () => {
      const reader = await log.open();
      const generation = await buildModel(store.readSide, orders, { position: 1, documents: some });
      const changes = reader.readModel(orders).live({ keyPrefix: "2" })[Symbol.asyncIterator]();
      await take(changes, 1);
      const next = take(changes, 1);
      await advance(store.readSide, orders, { generation, from: 1, to: 2, documents: { "2": null } });
      expect(await next).toEqual(["-2"]);
      await changes.return?.();
    });

    test("is refused before the first build has caught up", async () => {
      const first = model.live()[Symbol.asyncIterator]().next();
      await expect(first).rejects.toMatchObject({ code: "READ_MODEL_NOT_READY" });
    });

    test("ends with its signal, also while it waits and between two changes", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const controller = new AbortController();
      const seen: string[] = [];
      setTimeout(() => controller.abort(), 30);
      for await (const { key } of model.live({ signal: controller.signal })) seen.push(key);
      expect(seen).toHaveLength(4);
      const other = new AbortController();
      for await (const { key } of model.live({ signal: other.signal })) {
        seen.push(key);
        other.abort();
      }
      expect(seen).toHaveLength(5);
    });

    test("ends by leaving it, also while it waits", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live()[Symbol.asyncIterator]();
      await take(changes, 4);
      const next = changes.next();
      await sleep(5);
      expect(await changes.return?.()).toEqual({ done: true, value: undefined });
      expect(await next).toEqual({ done: true, value: undefined });
    });

    test("fails when the store is closed under it", async () => {
      await buildModel(store.readSide, orders, { position: 7, documents: some });
      const changes = model.live()[Symbol.asyncIterator]();
      await take(changes, 4);
      const next = changes.next().catch((error: unknown) => error);
      await sleep(5);
      await store.close();
      expect(await next).toMatchObject({ code: "STORE_CLOSED" });
    });

    test.each([
      ["more documents than it can follow", { limit: 10_001 }],
      ["a filter that says nothing", { where: { total: {} } }],
    ])("refuses %s", (_, options) => {
      expect(() => model.live(options as never)).toThrow(
        expect.objectContaining({ code: "ARGUMENT_INVALID" }),
      );
    });
  });

  test("refuses what is no projection of documents, and a mode that is none", () => {
    const tables = sqlProjection("daily", {
      tables: { days: "day TEXT" },
      on: { OrderPlaced: async () => undefined },
    });
    const refused = expect.objectContaining({ code: "ARGUMENT_INVALID" }) as unknown;
    for (const wrong of [undefined, null, {}, "orders", tables]) {
      expect(() => store.readModel(wrong as never)).toThrow(refused);
    }
    expect(() => store.readModel(orders, { mode: "inline" } as never)).toThrow(refused);
  });

  test("refuses to read once the store is closed", async () => {
    await store.close();
    await expect(model.get("1")).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(model.find({ waitFor: 1 })).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });
});
