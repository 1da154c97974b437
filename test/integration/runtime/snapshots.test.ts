import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { decider } from "../../../src/core/index.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import type { Diagnostic } from "../../../src/store/diagnostic.ts";
import { anAccount, engines } from "./engines.ts";
import type { Log } from "./engines.ts";

const stream = "account-42";
/** Long enough for a snapshot that is not to come. */
const quietMs = 50;

async function revisionsOf(store: Hitherto): Promise<readonly number[]> {
  const snapshots = await store.snapshots.list(stream);
  return snapshots.map((snapshot) => snapshot.revision);
}

/** Waits until the background has done what it was going to do. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs++) {
    if (await condition()) return;
    await sleep(1);
  }
  throw new Error("it never came to it");
}

describe.each(engines)("snapshots on $name", ({ createLog }) => {
  let log: Log;
  let reported: Diagnostic[];
  const onError = (diagnostic: Diagnostic): number => reported.push(diagnostic);
  beforeEach(async () => {
    log = await createLog();
    reported = [];
  });
  afterEach(() => log[Symbol.asyncDispose]());

  const has = (store: Hitherto, ...revisions: number[]): Promise<void> =>
    until(async () => (await revisionsOf(store)).join() === revisions.join());

  test("are taken when the number of events reaches a multiple of `every`, and only then", async () => {
    const { account } = anAccount();
    await using store = await log.open({ snapshots: { every: 5 } });
    for (let times = 0; times < 4; times++) await store.execute(account, "42", "deposit", { amount: 1 });
    await sleep(quietMs);
    expect(await revisionsOf(store)).toEqual([]);
    await store.execute(account, "42", "deposit", { amount: 1 });
    await has(store, 4);
    await store.execute(account, "42", "depositOften", { times: 7 });
    await has(store, 11, 4);
    await store.execute(account, "42", "depositOften", { times: 2 });
    await sleep(quietMs);
    expect(await revisionsOf(store)).toEqual([11, 4]);
  });

  test("are taken every 100 events by default, and the last three are kept", async () => {
    const { account } = anAccount();
    await using store = await log.open();
    for (let times = 1; times <= 5; times++) {
      await store.execute(account, "42", "depositOften", { times: 100 });
      await until(async () => (await revisionsOf(store))[0] === times * 100 - 1);
    }
    expect(await revisionsOf(store)).toEqual([499, 399, 299]);
  });

  test("keep as many as they are told to", async () => {
    const { account } = anAccount();
    await using store = await log.open({ snapshots: { every: 1, keep: 1 } });
    for (let times = 0; times < 3; times++) {
      await store.execute(account, "42", "deposit", { amount: 1 });
      await has(store, times);
    }
  });

  test("are where loading begins, so that only the events after them are folded", async () => {
    const { account, folded } = anAccount();
    await using first = await log.open({ snapshots: { every: 10 } });
    await first.execute(account, "42", "depositOften", { times: 10 });
    await has(first, 9);
    await first.execute(account, "42", "depositOften", { times: 3 });
    await using second = await log.open({ snapshots: { every: 10 } });
    folded.events = 0;
    expect(await second.load(account, "42")).toEqual({
      state: { balance: 13, transactions: 13 },
      revision: 12,
      position: 13,
      exists: true,
    });
    expect(folded.events).toBe(3);
    expect(await second.load(account, "42", { atRevision: 9 })).toMatchObject({ revision: 9, position: 10 });
    expect(folded.events).toBe(3);
    await second.load(account, "42", { fresh: true });
    expect(folded.events).toBe(16);
  });

  test("are never taken from behind the revision that is asked for", async () => {
    const { account } = anAccount();
    await using store = await log.open({ cacheSize: 0, snapshots: { every: 5 } });
    await store.execute(account, "42", "depositOften", { times: 5 });
    await has(store, 4);
    expect(await store.load(account, "42", { atRevision: 3 })).toMatchObject({
      revision: 3,
      state: { balance: 4 },
    });
  });

  test("are taken on demand, and say of which revision", async () => {
    const { account } = anAccount();
    await using store = await log.open();
    await expect(store.snapshot(account, "42")).resolves.toBe("none");
    await store.execute(account, "42", "deposit", { amount: 1 });
    await expect(store.snapshot(account, "42")).resolves.toBe(0);
    expect(await revisionsOf(store)).toEqual([0]);
    await store.execute(account, "42", "deposit", { amount: 1 }, { snapshot: "now" });
    await has(store, 1, 0);
  });

  test("are neither taken nor used when they are switched off, save on demand", async () => {
    const { account, folded } = anAccount();
    await using store = await log.open({ snapshots: false, cacheSize: 0 });
    await store.execute(account, "42", "depositOften", { times: 200 });
    await store.snapshot(account, "42");
    folded.events = 0;
    await store.load(account, "42");
    expect(folded.events).toBe(200);
    expect(await revisionsOf(store)).toEqual([199]);
  });

  test("are taken of a long stream that was written without commands, at the first load", async () => {
    const { account } = anAccount();
    await using store = await log.open();
    const events = Array.from({ length: 150 }, () => ({ type: "Deposited", data: { amount: 1 } }));
    await store.append({ stream, events });
    await store.load(account, "42");
    await has(store, 149);
  });

  test("are taken again when they are too old and there are newer events", async () => {
    const { account } = anAccount();
    let now = Date.parse("2026-11-21T00:00:00.000Z");
    const options = { snapshots: { every: 2, maxAgeMs: 1_000 }, clock: () => new Date(now) };
    await using store = await log.open(options);
    await store.execute(account, "42", "depositOften", { times: 2 });
    await has(store, 1);
    now += 5_000;
    await using second = await log.open(options);
    await second.load(account, "42");
    await sleep(quietMs);
    expect(await revisionsOf(second)).toEqual([1]);
    await second.append({ stream, events: [{ type: "Deposited", data: { amount: 1 } }] });
    await second.load(account, "42");
    await has(second, 2, 1);
    now += 500;
    await second.append({ stream, events: [{ type: "Deposited", data: { amount: 1 } }] });
    await has(second, 2, 1);
  });

  test("of another state version are ignored, and made anew", async () => {
    const old = anAccount();
    await using first = await log.open({ snapshots: { every: 5 } });
    await first.execute(old.account, "42", "depositOften", { times: 5 });
    await has(first, 4);
    const { account, folded } = anAccount({ stateVersion: 2 });
    await using second = await log.open({ snapshots: { every: 5 } });
    expect((await second.load(account, "42")).state.balance).toBe(5);
    expect(folded.events).toBe(5);
    await until(
      async () => (await second.snapshots.find(stream, { name: "account", stateVersion: 2 })) !== undefined,
    );
    await using third = await log.open();
    await third.load(account, "42");
    expect(folded.events).toBe(5);
  });

  test("that are damaged are reported and passed over for an older one", async () => {
    const { account, folded } = anAccount();
    await using store = await log.open({ snapshots: { every: 5 }, cacheSize: 0, onError });
    await store.execute(account, "42", "depositOften", { times: 5 });
    await has(store, 4);
    await store.execute(account, "42", "depositOften", { times: 5 });
    await has(store, 9, 4);
    const [newest] = await store.snapshots.list(stream);
    const bytes = Uint8Array.from(newest!.state);
    bytes[10]! ^= 1;
    await store.snapshots.save({ ...newest!, state: bytes });
    folded.events = 0;
    expect(await store.load(account, "42")).toMatchObject({ revision: 9, state: { balance: 10 } });
    expect(folded.events).toBe(5);
    expect(reported).toMatchObject([
      { operation: "snapshot.load", stream, definition: "account", error: { code: "SNAPSHOT_DAMAGED" } },
    ]);
  });

  test("are not believed when events that they hold have been truncated or deleted", async () => {
    const { account } = anAccount();
    await using store = await log.open({ cacheSize: 0 });
    await store.execute(account, "42", "depositOften", { times: 10 });
    await store.snapshot(account, "42");
    const [kept] = await store.snapshots.list(stream);
    await store.setStreamPolicy(stream, { truncateBefore: 4 });
    expect(await store.load(account, "42")).toMatchObject({ revision: 9, state: { balance: 6 } });
    await store.deleteStream(stream);
    await store.snapshots.save(kept!);
    expect(await store.load(account, "42")).toEqual({
      state: { balance: 0, transactions: 0 },
      revision: "none",
      position: 0,
      exists: false,
    });
    await store.execute(account, "42", "deposit", { amount: 3 });
    expect(await store.load(account, "42")).toMatchObject({ revision: 10, state: { balance: 3 } });
  });

  test("are not believed when they are ahead of their stream", async () => {
    const { account } = anAccount();
    await using full = await log.open();
    await full.execute(account, "42", "depositOften", { times: 3 });
    await full.snapshot(account, "42");
    await using elsewhere = await createLog();
    await using restored = await elsewhere.open();
    await restored.execute(account, "42", "deposit", { amount: 1 });
    const [ahead] = await full.snapshots.list(stream);
    await expect(restored.snapshots.save(ahead!)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    await using fresh = await elsewhere.open();
    const find = vi.spyOn(fresh.snapshots, "find").mockResolvedValue(ahead);
    expect(await fresh.load(account, "42")).toMatchObject({ revision: 0, state: { balance: 1 } });
    expect(find).toHaveBeenCalled();
  });

  describe("of a state that is not JSON", () => {
    const visitsOf = (codec: boolean) =>
      decider("account", {
        initial: () => new Map<string, Date>(),
        evolve: {
          Visited: (state, data: { name: string }, event) =>
            new Map([...state, [data.name, new Date(event.recordedAt)]]),
        },
        decide: { visit: (_state, name: string) => ({ type: "Visited", data: { name } }) },
        ...(codec && {
          snapshot: {
            encode: (state: Map<string, Date>) => [...state].map(([name, at]) => [name, at.toISOString()]),
            decode: (json: ReadonlyArray<[string, string]>) =>
              new Map(json.map(([name, at]) => [name, new Date(at)])),
          },
        }),
      });

    test("are refused on demand, and reported once in the background: SNAPSHOT_NOT_FAITHFUL", async () => {
      const visits = visitsOf(false);
      await using store = await log.open({ snapshots: { every: 1 }, onError });
      for (const name of ["ada", "bob", "eve"]) {
        await store.execute(visits, "42", "visit", name);
        await until(async () => reported.length > 0);
      }
      expect(reported).toMatchObject([
        { operation: "snapshot.save", error: { code: "SNAPSHOT_NOT_FAITHFUL" } },
      ]);
      await expect(store.snapshot(visits, "42")).rejects.toMatchObject({ code: "SNAPSHOT_NOT_FAITHFUL" });
      expect(await revisionsOf(store)).toEqual([]);
      expect((await store.load(visits, "42")).state.size).toBe(3);
    });

    test("are taken through the decider's codec, whatever the caller does to the state", async () => {
      const visits = visitsOf(true);
      await using store = await log.open({ snapshots: { every: 1 }, onError });
      const result = await store.execute(visits, "42", "visit", "ada");
      if (result.accepted) result.state.clear();
      await has(store, 0);
      await using other = await log.open();
      const { state } = await other.load(visits, "42");
      expect([...state.keys()]).toEqual(["ada"]);
      expect(state.get("ada")).toBeInstanceOf(Date);
      expect(reported).toEqual([]);
    });
  });

  test("that fail in the background are reported and disturb nobody", async () => {
    const { account } = anAccount();
    await using inner = await log.open();
    const failing = createHitherto(
      {
        ...inner,
        url: inner.url,
        [Symbol.asyncDispose]: () => inner.close(),
        snapshots: {
          ...inner.snapshots,
          find: async () => undefined,
          save: () => Promise.reject(new Error("full")),
        },
      },
      { snapshots: { every: 1 }, onError: (diagnostic) => onError(diagnostic) && fail() },
    );
    await expect(failing.execute(account, "42", "deposit", { amount: 1 })).resolves.toMatchObject({
      accepted: true,
    });
    await until(async () => reported.length === 1);
    expect(reported).toMatchObject([{ operation: "snapshot.save", error: new Error("full") }]);
  });

  test("under way are finished before the store closes", async () => {
    const { account } = anAccount();
    await using inner = await log.open();
    const steps: string[] = [];
    const save = async (): Promise<void> => {
      await sleep(20);
      steps.push("saved");
    };
    const close = async (): Promise<void> => void steps.push("closed");
    const slow = { ...inner, url: inner.url, [Symbol.asyncDispose]: close, close };
    const snapshots = { ...inner.snapshots, find: async () => undefined, save };
    const store = createHitherto({ ...slow, snapshots }, { snapshots: { every: 1 } });
    await store.execute(account, "42", "deposit", { amount: 1 });
    await store.close();
    expect(steps).toEqual(["saved", "closed"]);
  });

  test("asked for are finished before the store closes", async () => {
    const { account } = anAccount();
    await using store = await log.open();
    await store.execute(account, "42", "deposit", { amount: 1 });
    const asked = store.snapshot(account, "42");
    await store.close();
    expect(await asked).toBe(0);
  });
});

function fail(): never {
  throw new Error("the hook is broken");
}
