import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decider, deepEqual, eventType, fold } from "../../../src/core/index.ts";
import type { Change, StoredEvent } from "../../../src/core/index.ts";
import type { HistoryEntry } from "../../../src/runtime/hitherto.ts";
import { anAccount, engines } from "./engines.ts";
import type { AccountState, Log } from "./engines.ts";

const { account } = anAccount();

/** Amounts of deposits, and the milliseconds between each and the one before. */
const deposits = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(10)), { maxLength: 40 });

function walk(state: unknown, keys: readonly string[]): Record<string, unknown> {
  return keys.reduce((at, key) => (at as Record<string, unknown>)[key] as object, state as object) as Record<
    string,
    unknown
  >;
}

/** Makes the changes in a copy of the value, as RFC 6902 would. */
function apply(before: unknown, changes: readonly Change[]): unknown {
  const copy: { root: unknown } = { root: structuredClone(before) };
  for (const { path, ...change } of changes) {
    const keys = ["root", ...path.split("/").slice(1)].map((key) =>
      key.replaceAll("~1", "/").replaceAll("~0", "~"),
    );
    const parent = walk(copy, keys.slice(0, -1));
    if ("after" in change) parent[keys.at(-1)!] = change.after;
    else delete parent[keys.at(-1)!];
  }
  return copy.root;
}

async function collect<State>(
  entries: AsyncIterable<HistoryEntry<State>>,
): Promise<Array<HistoryEntry<State>>> {
  const collected: Array<HistoryEntry<State>> = [];
  for await (const entry of entries) collected.push(entry);
  return collected;
}

describe.each(engines)("time travel on $name", ({ createLog, name }) => {
  let log: Log;
  let runs = 0;
  beforeEach(async () => {
    log = await createLog();
  });
  afterEach(() => log[Symbol.asyncDispose]());

  /** A new stream of deposits at their moments, in one append each, and the events as stored. */
  async function record(
    store: Awaited<ReturnType<Log["open"]>>,
    amounts: ReadonlyArray<readonly [number, number]>,
  ): Promise<{ id: string; events: readonly StoredEvent[] }> {
    runs += 1;
    const id = `run-${runs}`;
    let now = Date.parse("2026-11-21T00:00:00.000Z");
    for (const [amount, passed] of amounts) {
      now += passed;
      const recordedAt = new Date(now).toISOString();
      await store.append({
        stream: `account-${id}`,
        events: [{ type: "Deposited", data: { amount }, recordedAt }],
      });
    }
    return { id, events: await store.readStream(`account-${id}`).toArray() };
  }

  const numRuns = name === "memory" ? 60 : 8;

  test("loads at every revision what folding its events gives, from wherever it begins", async () => {
    await using store = await log.open({ snapshots: { every: 3 }, cacheSize: 2 });
    await fc.assert(
      fc.asyncProperty(deposits, async (amounts) => {
        const { id, events } = await record(store, amounts);
        await store.load(account, id);
        await store.snapshot(account, id);
        for (const atRevision of events.keys()) {
          const loaded = await store.load(account, id, { atRevision });
          expect(loaded).toEqual({
            state: fold(account, events.slice(0, atRevision + 1)),
            revision: atRevision,
            position: events[atRevision]!.position,
            exists: true,
          });
        }
        const latest = await store.load(account, id, { atRevision: 1_000 });
        expect(latest.state).toEqual(fold(account, events));
      }),
      { numRuns },
    );
  });

  test("loads at every moment what the events recorded by then give", async () => {
    await using store = await log.open({ snapshots: { every: 3 } });
    await fc.assert(
      fc.asyncProperty(deposits, async (amounts) => {
        const { id, events } = await record(store, amounts);
        for (const { recordedAt } of events) {
          const by = events.filter((event) => event.recordedAt <= recordedAt);
          expect(await store.load(account, id, { at: recordedAt })).toMatchObject({
            state: fold(account, by),
            revision: by.at(-1)!.revision,
          });
        }
        const before = await store.load(account, id, { at: new Date("2026-11-20T00:00:00.000Z") });
        expect(before).toEqual({ state: account.initial(), revision: "none", position: 0, exists: false });
      }),
      { numRuns },
    );
  });

  test("tells a history in which each state is the next one's beginning and the changes lead from one to the other", async () => {
    await using store = await log.open({ snapshots: { every: 3 } });
    await fc.assert(
      fc.asyncProperty(deposits, fc.nat(40), async (amounts, from) => {
        const { id, events } = await record(store, amounts);
        const entries = await collect(store.history(account, id));
        expect(entries.map((entry) => entry.event)).toEqual(events);
        let before: AccountState = account.initial();
        for (const entry of entries) {
          expect(entry.before).toEqual(before);
          expect(deepEqual(apply(entry.before, entry.changes), entry.after)).toBe(true);
          before = entry.after;
        }
        expect(before).toEqual(fold(account, events));
        expect(await collect(store.history(account, id, { from, to: from + 5 }))).toEqual(
          entries.slice(from, from + 6),
        );
      }),
      { numRuns },
    );
  });

  test("finds the first event after which a predicate fails, even if it heals later", async () => {
    await using store = await log.open({ snapshots: { every: 3 } });
    await fc.assert(
      fc.asyncProperty(deposits, async (amounts) => {
        const { id } = await record(store, amounts);
        const entries = await collect(store.history(account, id));
        const naive = entries.find((entry) => entry.after.balance < 0);
        let asked = 0;
        const found = await store.bisect(account, id, async (state) => {
          asked += 1;
          return state.balance >= 0;
        });
        expect(found).toEqual(naive);
        expect(asked).toBe(naive === undefined ? entries.length : naive.event.revision + 1);
      }),
      { numRuns },
    );
  });

  test("walks ten thousand events without a snapshot in between", async () => {
    await using store = await log.open();
    const events = Array.from({ length: 5_000 }, () => ({ type: "Deposited", data: { amount: 1 } }));
    for (let times = 0; times < 2; times++) await store.append({ stream: "account-long", events });
    let count = 0;
    for await (const { after } of store.history(account, "long")) {
      count += 1;
      expect(after.balance).toBe(count);
    }
    expect(count).toBe(10_000);
    const broken = await store.bisect(account, "long", (state) => state.balance < 7_777);
    expect(broken?.event.revision).toBe(7_776);
  });

  test("shows events lifted to the schema version of the code, save those that are ignored", async () => {
    await using store = await log.open();
    const priced = decider("priced", {
      initial: () => ({ currency: "none" }),
      events: {
        Priced: eventType<{ currency: string }>({
          version: 2,
          upcast: { 1: () => ({ currency: "EUR" }) },
        }),
      },
      evolve: { Priced: (_state, data) => ({ currency: data.currency }) },
      decide: {},
      ignore: ["Noted"],
    });
    await store.append({
      stream: "priced-1",
      events: [
        { type: "Priced", data: {} },
        { type: "Noted", data: {}, schemaVersion: 7 },
      ],
    });
    const entries = await collect(store.history(priced, "1"));
    expect(entries).toMatchObject([
      {
        event: { schemaVersion: 2, data: { currency: "EUR" } },
        changes: [{ path: "/currency", after: "EUR" }],
      },
      { event: { schemaVersion: 7 }, changes: [] },
    ]);
    expect(await store.readStream("priced-1", { limit: 1 }).toArray()).toMatchObject([
      { schemaVersion: 1, data: {} },
    ]);
  });

  test("has nothing to tell of an id that never was", async () => {
    await using store = await log.open();
    expect(await collect(store.history(account, "nobody"))).toEqual([]);
    expect(await store.bisect(account, "nobody", () => false)).toBeUndefined();
    expect(await store.load(account, "nobody", { atRevision: 3 })).toMatchObject({
      revision: "none",
      exists: false,
    });
  });

  test("ends with ABORTED when its signal fires", async () => {
    await using store = await log.open();
    await store.execute(account, "42", "depositOften", { times: 3 });
    const controller = new AbortController();
    const walkOn = async (): Promise<void> => {
      for await (const entry of store.history(account, "42", { signal: controller.signal })) {
        if (entry.event.revision >= 0) controller.abort();
      }
    };
    const loading = store.load(account, "42", { signal: AbortSignal.abort() });
    await expect(loading).rejects.toMatchObject({ code: "ABORTED" });
    await expect(walkOn()).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("refuses bad arguments", async () => {
    await using store = await log.open();
    const load = (options: unknown) => store.load(account, "42", options as object);
    for (const [argument, options] of [
      ["options", null],
      ["atRevision", { atRevision: -1 }],
      ["atRevision", { atRevision: 0.5 }],
      ["at", { at: "soon" }],
      ["at", { at: "2026-01-01", atRevision: 1 }],
    ] as const) {
      await expect(load(options)).rejects.toMatchObject({ code: "ARGUMENT_INVALID", details: { argument } });
    }
    expect(() => store.history(account, "42", { from: -1 })).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID" }),
    );
    await expect(store.bisect(account, "42", "no" as never)).rejects.toMatchObject({
      code: "ARGUMENT_INVALID",
    });
  });
});
