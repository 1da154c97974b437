import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { engines, overriding } from "./engines.ts";
import type { Log } from "./engines.ts";
import { orders } from "./stored-model.ts";

describe.each(engines)("read models on the $name store", ({ createLog }) => {
  let log: Log;
  let store: Hitherto;

  beforeEach(async () => {
    log = await createLog();
    store = await log.open();
  });

  afterEach(() => log[Symbol.asyncDispose]());

  const keysOf = (found: { readonly entries: ReadonlyArray<{ readonly key: string }> }): readonly string[] =>
    found.entries.map(({ key }) => key);

  describe("folded on demand", () => {
    const inCategory = { ...orders, categories: ["order", "basket"] };
    const placed = (customer: string, total: number) => ({ type: "OrderPlaced", data: { customer, total } });

    beforeEach(async () => {
      await store.append([
        { stream: "order-1", events: [placed("ada", 30), { type: "OrderPaid", data: {} }] },
        { stream: "order-2", events: [placed("bob", 20)] },
        { stream: "basket-2", events: [placed("cy", 5)] },
        { stream: "order-3", events: [placed("ada", 10), { type: "OrderWithdrawn", data: {} }] },
      ]);
    });

    test.each([
      ["by its types", orders],
      ["by its categories", inCategory],
    ])("answers as a stored one would, %s", async (_, definition) => {
      const live = store.readModel(definition, { mode: "live" });
      const [first, second] = [
        { customer: "ada", total: 30, status: "paid" },
        { customer: "cy", total: 5, status: "placed" },
      ];
      expect(await live.get("1")).toEqual({ document: first, position: 6, version: 1 });
      expect((await live.get("3")).document).toBeUndefined();
      expect((await live.getMany(["2", "3", "1"])).documents).toEqual([second, undefined, first]);
      expect(await live.find({ sort: "total", limit: 1 })).toMatchObject({
        entries: [{ key: "2", document: second, changedAt: 4 }],
        position: 6,
      });
      expect(await live.count({ where: { status: "paid" } })).toEqual({ count: 1, position: 6, version: 1 });
    });

    test("pages as a stored one does", async () => {
      const live = store.readModel(orders, { mode: "live" });
      const { next } = await live.find({ sort: "-total", limit: 1 });
      expect(keysOf(await live.find({ sort: "-total", after: next }))).toEqual(["2"]);
    });

    test("is always up to the end of the log", async () => {
      const live = store.readModel(orders, { mode: "live" });
      const { position } = await store.append({ stream: "order-9", events: [placed("dee", 1)] });
      expect((await live.get("9", { waitFor: position, timeoutMs: 0 })).position).toBe(position);
      await expect(live.waitFor(position + 1, { timeoutMs: 20 })).rejects.toMatchObject({
        code: "WAIT_TIMEOUT",
      });
      const waiting = live.waitFor(position + 1);
      await store.append({ stream: "other-1", events: [{ type: "Other", data: {} }] });
      expect((await waiting).position).toBe(position + 1);
    });

    test("follows the log live", async () => {
      const live = store.readModel(orders, { mode: "live" }).live({ where: { customer: "dee" } });
      const changes = live[Symbol.asyncIterator]();
      const next = changes.next();
      await store.append({ stream: "order-9", events: [placed("dee", 1)] });
      expect((await next).value).toMatchObject({ kind: "added", key: "9", position: 7 });
      await changes.return?.();
    });

    test("reads one document from its own streams alone", async () => {
      await store.append({ stream: "order-9", events: [{ type: "Strange", data: {} }] });
      const live = store.readModel(inCategory, { mode: "live" });
      expect((await live.get("1")).document).toMatchObject({ total: 30 });
      await expect(live.get("9")).rejects.toMatchObject({ code: "EVENT_TYPE_UNKNOWN" });
      await expect(live.find()).rejects.toMatchObject({ code: "EVENT_TYPE_UNKNOWN" });
    });

    test("says which event its projection can not take", async () => {
      const failing = {
        ...orders,
        evolve: {
          OrderPaid: () => {
            throw new Error("no");
          },
        },
      };
      await expect(store.readModel(failing, { mode: "live" }).find()).rejects.toMatchObject({
        code: "PROJECTION_FAILED",
        details: { position: 2 },
      });
    });
  });
});

test("however many wait for live read models, one of them looks at the log", async () => {
  const bare = openMemoryStore();
  const head = vi.fn(() => bare.head());
  await using store = createHitherto(overriding(bare, { head }));
  const waiting = Array.from({ length: 50 }, () => store.readModel(orders, { mode: "live" }).waitFor(2));
  // The first looks are over.
  await setImmediate();
  head.mockClear();
  const event = { type: "OrderPaid", data: {} };
  await store.append({ stream: "order-1", events: [event] });
  await setImmediate();
  expect(head.mock.calls.length).toBeLessThan(10);
  await store.append({ stream: "order-1", events: [event] });
  for (const { position } of await Promise.all(waiting)) expect(position).toBe(2);
});
