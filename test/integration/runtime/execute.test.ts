import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decider } from "../../../src/core/index.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import { anAccount, engines, interferedWith } from "./engines.ts";
import type { Log } from "./engines.ts";

const { account } = anAccount();

describe.each(engines)("execute on $name", ({ createLog }) => {
  let log: Log;
  beforeEach(async () => {
    log = await createLog();
  });
  afterEach(() => log[Symbol.asyncDispose]());

  test("appends what was decided and returns where it is, as it is stored", async () => {
    await using store = await log.open();
    await store.execute(account, "1", "deposit", { amount: 5 });
    const result = await store.execute(account, "42", "deposit", { amount: 100 });
    const stored = await store.readStream("account-42").toArray();
    expect(result).toEqual({
      accepted: true,
      revision: 0,
      position: stored[0]!.position,
      events: stored,
      state: { balance: 100, transactions: 1 },
      isDuplicate: false,
    });
    expect(stored).toMatchObject([{ type: "Deposited", data: { amount: 100 }, metadata: {}, revision: 0 }]);
  });

  test("returns a rejection as a value and stores nothing", async () => {
    await using store = await log.open();
    const result = await store.execute(account, "42", "withdraw", { amount: 1 });
    expect(result).toEqual({
      accepted: false,
      reason: "balance-too-low",
      message: "The balance does not cover the amount.",
      details: { balance: 0 },
    });
    expect(await store.head()).toBe(0);
  });

  test("accepts a decision of no events and says how far the stream is", async () => {
    await using store = await log.open();
    const before = await store.execute(account, "42", "audit", undefined);
    expect(before).toMatchObject({ accepted: true, revision: "none", position: 0, events: [] });
    await store.execute(account, "42", "deposit", { amount: 1 });
    const after = await store.execute(account, "42", "audit", undefined);
    expect(after).toMatchObject({ accepted: true, revision: 0, position: 1, events: [], isDuplicate: false });
  });

  test("decides again on the new state when another writer was faster", async () => {
    await using other = await log.open();
    await other.execute(account, "42", "deposit", { amount: 10 });
    let times = 0;
    const interfere = async (): Promise<void> => {
      times += 1;
      if (times === 1) await other.execute(account, "42", "withdraw", { amount: 8 });
    };
    const store = createHitherto(interferedWith(other, interfere));
    const result = await store.execute(account, "42", "withdraw", { amount: 5 });
    expect(result).toMatchObject({ accepted: false, details: { balance: 2 } });
    times = 0;
    const second = await store.execute(account, "42", "deposit", { amount: 5 });
    expect(second).toMatchObject({ accepted: true, state: { balance: 7 } });
  });

  test("gives up with RETRIES_EXHAUSTED after the limit, caused by the last conflict", async () => {
    await using other = await log.open();
    const interfere = () => other.execute(account, "42", "deposit", { amount: 1 });
    const store = createHitherto(interferedWith(other, interfere), { random: () => 0 });
    const failure = store.execute(account, "42", "deposit", { amount: 100 }, { retries: 2 });
    await expect(failure).rejects.toMatchObject({
      code: "RETRIES_EXHAUSTED",
      details: { attempts: 3 },
      cause: { code: "REVISION_CONFLICT", details: { stream: "account-42", expected: 1, actual: 2 } },
    });
    expect((await other.load(account, "42")).state.balance).toBe(3);
  });

  test("refuses at once what the caller's expectation excludes", async () => {
    await using store = await log.open();
    const on = (expected: number | "none" | "exists" | "any") =>
      store.execute(account, "42", "deposit", { amount: 1 }, { expect: expected });
    await expect(on(0)).rejects.toMatchObject({ code: "REVISION_CONFLICT", details: { actual: "none" } });
    await expect(on("exists")).rejects.toMatchObject({ code: "REVISION_CONFLICT" });
    await expect(on("none")).resolves.toMatchObject({ revision: 0 });
    await expect(on("none")).rejects.toMatchObject({ code: "REVISION_CONFLICT", details: { actual: 0 } });
    await expect(on("exists")).resolves.toMatchObject({ revision: 1 });
    await expect(on(0)).rejects.toMatchObject({ details: { expected: 0, actual: 1 } });
    await expect(on(1)).resolves.toMatchObject({ revision: 2 });
    await expect(on("any")).resolves.toMatchObject({ revision: 3 });
  });

  test("does not try again when the expected revision is overtaken", async () => {
    await using other = await log.open();
    let times = 0;
    const interfere = async (): Promise<void> => {
      times += 1;
      await other.execute(account, "42", "deposit", { amount: 1 });
    };
    const store = createHitherto(interferedWith(other, interfere));
    const failure = store.execute(account, "42", "deposit", { amount: 100 }, { expect: "none" });
    await expect(failure).rejects.toMatchObject({
      code: "REVISION_CONFLICT",
      details: { expected: "none", actual: 0 },
    });
    expect(times).toBe(1);
  });

  test("runs 100 commands at once on one stream without a single conflict", async () => {
    await using store = await log.open();
    const results = await Promise.all(
      Array.from({ length: 100 }, () =>
        store.execute(account, "42", "deposit", { amount: 1 }, { retries: 0 }),
      ),
    );
    const revisions = results.map((result) => (result.accepted ? result.revision : undefined));
    expect(revisions).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(await store.load(account, "42")).toMatchObject({ revision: 99, state: { balance: 100 } });
  });

  test("never lets two handles withdraw more than there is", async () => {
    await using first = await log.open();
    await using second = await log.open();
    await first.execute(account, "42", "deposit", { amount: 30 });
    const withdraw = (index: number) =>
      [first, second][index % 2]!.execute(account, "42", "withdraw", { amount: 1 }, { retries: 1_000 });
    const results = await Promise.all(Array.from({ length: 60 }, (_, index) => withdraw(index)));
    expect(results.filter((result) => result.accepted)).toHaveLength(30);
    for await (const { after } of second.history(account, "42")) {
      expect(after.balance).toBeGreaterThanOrEqual(0);
    }
    expect((await first.load(account, "42")).state).toEqual({ balance: 0, transactions: 31 });
  });

  test("carries metadata, correlation and causation to every event, and lets the decision add to it", async () => {
    await using store = await log.open();
    const noted = decider("noted", {
      initial: () => 0,
      evolve: { Noted: (count: number) => count + 1 },
      decide: {
        note: () => [
          { type: "Noted", data: {} },
          { type: "Noted", data: {}, metadata: { userId: "bob" } },
        ],
      },
    });
    const options = { commandId: "c-1", metadata: { userId: "ada", traceparent: "00-1-2-03" } };
    await store.execute(noted, "1", "note", undefined, options);
    const carried = { correlationId: "c-1", causationId: "c-1", userId: "ada", traceparent: "00-1-2-03" };
    const events = await store.readStream("noted-1").toArray();
    expect(events.map((event) => event.metadata)).toEqual([carried, { ...carried, userId: "bob" }]);
    const correlated = { commandId: "c-2", metadata: { correlationId: "request-7" } };
    const second = await store.execute(noted, "1", "note", undefined, correlated);
    expect(second).toMatchObject({
      events: [{ metadata: { correlationId: "request-7", causationId: "c-2" } }, {}],
    });
  });

  test("hands the time and the id to decide", async () => {
    await using store = await log.open({ clock: () => new Date("2026-11-21T08:40:00.000Z") });
    const stamp = decider("stamp", {
      initial: () => 0,
      evolve: { Stamped: (count: number, _data: { now: string; id: string; stream: string }) => count + 1 },
      decide: {
        stamp: (_state, _payload, { now, id, stream }) => ({ type: "Stamped", data: { now, id, stream } }),
      },
    });
    const result = await store.execute(stamp, "a-1", "stamp", undefined);
    expect(result).toMatchObject({
      events: [{ data: { now: "2026-11-21T08:40:00.000Z", id: "a-1", stream: "stamp-a-1" } }],
    });
  });

  test("stores nothing that evolve cannot take: EVOLVE_FAILED comes first", async () => {
    await using store = await log.open();
    const fragile = decider("fragile", {
      initial: () => ({ total: 0 }),
      evolve: {
        Added: (state, data: { amount: number }) => {
          if (data.amount < 0) throw new RangeError("negative");
          return { total: state.total + data.amount };
        },
      },
      decide: { add: (_state, amount: number) => ({ type: "Added", data: { amount } }) },
    });
    await store.execute(fragile, "1", "add", 1);
    await expect(store.execute(fragile, "1", "add", -1)).rejects.toMatchObject({
      code: "EVOLVE_FAILED",
      cause: new RangeError("negative"),
    });
    await expect(store.load(fragile, "1")).resolves.toMatchObject({ revision: 0, state: { total: 1 } });
  });

  test("names an evolve function that changes the state in place, before anything is stored", async () => {
    await using store = await log.open();
    const careless = decider("careless", {
      initial: () => ({ total: 0 }),
      evolve: {
        Added: (state, data: { amount: number }) => {
          state.total += data.amount;
          return state;
        },
      },
      decide: { add: (_state, amount: number) => ({ type: "Added", data: { amount } }) },
    });
    await expect(store.execute(careless, "1", "add", 1)).rejects.toMatchObject({ code: "EVOLVE_FAILED" });
    expect(await store.head()).toBe(0);
  });

  test("returns the right state even if that state cannot be frozen and is changed in place", async () => {
    await using store = await log.open();
    const tally = decider("tally", {
      initial: () => new Map<string, number>(),
      evolve: {
        Counted: (state, data: { name: string }) => state.set(data.name, (state.get(data.name) ?? 0) + 1),
      },
      decide: { count: (_state, name: string) => ({ type: "Counted", data: { name } }) },
    });
    for (let times = 1; times <= 3; times++) {
      const result = await store.execute(tally, "1", "count", "a");
      expect(result).toMatchObject({ accepted: true, state: new Map([["a", times]]) });
      expect((await store.load(tally, "1")).state).toEqual(new Map([["a", times]]));
    }
  });

  test("passes on what decide throws, and goes on with the next command", async () => {
    await using store = await log.open();
    const failing = decider("failing", {
      initial: () => 0,
      evolve: { Done: (count: number) => count + 1 },
      decide: {
        fail: () => {
          throw new RangeError("no");
        },
        go: () => ({ type: "Done", data: {} }),
      },
    });
    await expect(store.execute(failing, "1", "fail", undefined)).rejects.toThrow(new RangeError("no"));
    await expect(store.execute(failing, "1", "go", undefined)).resolves.toMatchObject({ revision: 0 });
  });

  test("does nothing for a signal that was aborted before, and ends a wait with ABORTED", async () => {
    await using store = await log.open();
    const deposit = (signal: AbortSignal) =>
      store.execute(account, "42", "deposit", { amount: 1 }, { signal });
    await expect(deposit(AbortSignal.abort("late"))).rejects.toMatchObject({
      code: "ABORTED",
      cause: "late",
    });
    const controller = new AbortController();
    const first = store.execute(account, "42", "deposit", { amount: 10 });
    const waiting = deposit(controller.signal);
    controller.abort("enough");
    await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
    await expect(first).resolves.toMatchObject({ accepted: true });
    expect((await store.load(account, "42")).state.balance).toBe(10);
  });

  test("refuses bad arguments before anything happens", async () => {
    await using store = await log.open();
    // What JavaScript callers may hand over.
    const execute = (...given: unknown[]) =>
      (store.execute as unknown as (...all: unknown[]) => Promise<unknown>).call(store, ...given);
    const deposit = (options: unknown) => execute(account, "42", "deposit", { amount: 1 }, options);
    const refused = [
      execute({ name: "account" }, "42", "deposit", {}),
      execute(undefined, "42", "deposit", {}),
      execute(account, "", "deposit", {}),
      execute(account, 42, "deposit", {}),
      deposit(null),
      deposit({ retries: -1 }),
      deposit({ retries: 1.5 }),
      deposit({ expect: -1 }),
      deposit({ expect: "some" }),
      deposit({ idempotencyKey: "" }),
      deposit({ idempotencyKey: "x".repeat(257) }),
      deposit({ idempotencyKey: "\ud800" }),
      deposit({ idempotencyKey: 7 }),
      deposit({ metadata: "ada" }),
      deposit({ commandId: 7 }),
      deposit({ snapshot: "later" }),
      deposit({ signal: {} }),
      execute(account, "42", undefined, {}),
      execute(account, "42", Symbol("deposit"), {}),
    ];
    for (const refusal of refused) await expect(refusal).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    await expect(execute(account, "42", "steal", {})).rejects.toMatchObject({ code: "COMMAND_UNKNOWN" });
    await expect(execute(account, "4\n2", "deposit", {})).rejects.toMatchObject({ code: "NAME_INVALID" });
    await expect(execute(account, "42", "deposit", { amount: 1n })).rejects.toMatchObject({
      code: "EVENT_NOT_JSON",
    });
    expect(await store.head()).toBe(0);
  });

  test("lets commands under way end before closing, and refuses later ones with STORE_CLOSED", async () => {
    const store = await log.open();
    const running = Promise.all(
      Array.from({ length: 5 }, () => store.execute(account, "42", "deposit", { amount: 1 })),
    );
    const closing = store.close();
    await expect(store.execute(account, "42", "deposit", { amount: 1 })).rejects.toMatchObject({
      code: "STORE_CLOSED",
    });
    await expect(store.load(account, "42")).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(running).resolves.toHaveLength(5);
    await closing;
    await store.close();
  });
});
