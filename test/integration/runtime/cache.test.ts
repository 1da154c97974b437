import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { anAccount, engines, overriding } from "./engines.ts";
import type { Log } from "./engines.ts";

describe.each(engines)("the state cache on $name", ({ createLog }) => {
  let log: Log;
  beforeEach(async () => {
    log = await createLog();
  });
  afterEach(() => log[Symbol.asyncDispose]());

  test("saves folding what has been folded", async () => {
    const { account, folded } = anAccount();
    await using store = await log.open({ snapshots: false });
    await store.execute(account, "42", "depositOften", { times: 50 });
    folded.events = 0;
    await store.load(account, "42");
    expect(folded.events).toBe(0);
    await store.execute(account, "42", "deposit", { amount: 1 });
    // Once to try the decision out, once as it was stored.
    expect(folded.events).toBe(2);
  });

  test("is never behind another handle", async () => {
    const { account } = anAccount();
    await using first = await log.open();
    await using second = await log.open();
    for (let balance = 1; balance <= 10; balance++) {
      const [writer, reader] = balance % 2 === 0 ? [first, second] : [second, first];
      await writer.execute(account, "42", "deposit", { amount: 1 });
      expect(await reader.load(account, "42")).toMatchObject({ revision: balance - 1, state: { balance } });
    }
  });

  test.each([
    ["deletes the stream", (store: Awaited<ReturnType<Log["open"]>>) => store.deleteStream("account-42"), 0],
    [
      "truncates it",
      (store: Awaited<ReturnType<Log["open"]>>) => store.setStreamPolicy("account-42", { truncateBefore: 7 }),
      3,
    ],
    [
      "limits its length",
      (store: Awaited<ReturnType<Log["open"]>>) => store.setStreamPolicy("account-42", { maxCount: 4 }),
      4,
    ],
  ])("is not believed once another handle %s", async (_, hide, balance) => {
    const { account } = anAccount();
    await using first = await log.open();
    await using second = await log.open();
    await first.execute(account, "42", "depositOften", { times: 10 });
    await hide(second);
    expect((await first.load(account, "42")).state.balance).toBe(balance);
    await first.execute(account, "42", "deposit", { amount: 1 });
    const fresh = await first.load(account, "42", { fresh: true });
    expect(await first.load(account, "42")).toEqual(fresh);
  });

  test("is not believed once the stream was deleted and begun again", async () => {
    const { account } = anAccount();
    await using first = await log.open();
    await using second = await log.open();
    await first.execute(account, "42", "depositOften", { times: 10 });
    await second.deleteStream("account-42");
    await second.execute(account, "42", "depositOften", { times: 2 });
    expect(await first.load(account, "42")).toMatchObject({ revision: 11, state: { balance: 2 } });
  });

  test("keeps no more states than it may, those used last", async () => {
    const { account, folded } = anAccount();
    await using store = await log.open({ cacheSize: 2 });
    for (const id of ["a", "b", "c"]) await store.execute(account, id, "deposit", { amount: 1 });
    folded.events = 0;
    await store.load(account, "c");
    await store.load(account, "b");
    expect(folded.events).toBe(0);
    await store.load(account, "a");
    expect(folded.events).toBe(1);
  });

  test("keeps the states of two deciders of one name apart", async () => {
    const [one, two] = [anAccount(), anAccount()];
    await using store = await log.open();
    await store.execute(one.account, "42", "deposit", { amount: 1 });
    expect(two.folded.events).toBe(0);
    await store.load(two.account, "42");
    expect(two.folded.events).toBe(1);
  });

  test("cannot be falsified through a state that was handed out", async () => {
    const { account } = anAccount();
    await using store = await log.open();
    const result = await store.execute(account, "42", "deposit", { amount: 1 });
    const { state } = await store.load(account, "42");
    for (const given of [state, result.accepted ? result.state : state]) {
      expect(() => Object.assign(given, { balance: 1_000_000 })).toThrow(TypeError);
    }
    expect((await store.load(account, "42")).state.balance).toBe(1);
  });
});

test("a state is never folded of events from before and after a truncation between two pages", async () => {
  const { account } = anAccount();
  const bare = openMemoryStore();
  const truncate = vi.fn(() => bare.setStreamPolicy("account-42", { truncateBefore: 2_400 }));
  const readStream: EventStore["readStream"] = (...given) => ({
    ...bare.readStream(...given),
    async *pages() {
      for await (const page of bare.readStream(...given).pages()) {
        yield page;
        if (truncate.mock.calls.length === 0) await truncate();
      }
    },
  });
  await using store = createHitherto(overriding(bare, { readStream }));
  const events = Array.from({ length: 2_500 }, () => ({ type: "Deposited", data: { amount: 1 } }));
  await store.append({ stream: "account-42", events });
  expect(await store.load(account, "42")).toMatchObject({ revision: 2_499, state: { balance: 100 } });
  expect(truncate).toHaveBeenCalledOnce();
});
