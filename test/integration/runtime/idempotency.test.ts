import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decisionModel } from "../../../src/core/index.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Accepted, ExecuteResult } from "../../../src/runtime/hitherto.ts";
import { anAccount, engines, interferedWith } from "./engines.ts";
import type { AccountState, Log } from "./engines.ts";

const { account } = anAccount();
const key = { idempotencyKey: "request-7" };

function requireAccepted(result: ExecuteResult<AccountState>): Accepted<AccountState> {
  if (!result.accepted) throw new Error(`rejected: ${result.reason}`);
  return result;
}

describe.each(engines)("an idempotency key on $name", ({ createLog }) => {
  let log: Log;
  beforeEach(async () => {
    log = await createLog();
  });
  afterEach(() => log[Symbol.asyncDispose]());

  test("returns the first result again, whatever has happened since", async () => {
    await using store = await log.open();
    await store.execute(account, "42", "deposit", { amount: 1 });
    const first = requireAccepted(await store.execute(account, "42", "depositOften", { times: 3 }, key));
    await store.execute(account, "42", "payOut", undefined);
    const again = await store.execute(account, "42", "depositOften", { times: 3 }, key);
    expect(again).toEqual({ ...first, isDuplicate: true });
    expect(again).toMatchObject({ revision: 3, state: { balance: 4, transactions: 4 } });
    expect((await store.load(account, "42")).revision).toBe(5);
  });

  test("does so in another handle, whatever it expects", async () => {
    await using first = await log.open();
    await using second = await log.open();
    const result = await first.execute(account, "42", "deposit", { amount: 1 }, key);
    const again = await second.execute(account, "42", "deposit", { amount: 1 }, { ...key, expect: 17 });
    expect(again).toEqual({ ...requireAccepted(result), isDuplicate: true });
  });

  test("takes effect once when many race for it in two handles", async () => {
    await using first = await log.open();
    await using second = await log.open();
    for (let round = 0; round < 10; round++) {
      const options = { idempotencyKey: `round-${round}` };
      const results = await Promise.all(
        [first, second, second, first, second].map(async (store) =>
          requireAccepted(await store.execute(account, "42", "deposit", { amount: 1 }, options)),
        ),
      );
      expect(results.filter((result) => !result.isDuplicate)).toHaveLength(1);
      expect(new Set(results.map((result) => result.revision))).toEqual(new Set([round]));
      expect(new Set(results.map((result) => result.position)).size).toBe(1);
      expect(new Set(results.map((result) => result.state.balance))).toEqual(new Set([round + 1]));
    }
    expect((await first.load(account, "42")).state.balance).toBe(10);
  });

  test.each([
    { when: "fewer events than the winner", loser: 0, winner: 5, stored: 2 },
    { when: "more events than the winner", loser: 5, winner: 0, stored: 1 },
  ])("returns the winner's result to a loser who decided on $when", async ({ loser, winner, stored }) => {
    await using store = await log.open();
    await store.execute(account, "42", "deposit", { amount: 5 });
    if (loser === 0) await store.execute(account, "42", "withdraw", { amount: 5 });
    let times = 0;
    const interfere = async (): Promise<void> => {
      times += 1;
      if (times > 1) return;
      if (winner > 0) await store.execute(account, "42", "deposit", { amount: winner });
      else await store.execute(account, "42", "withdraw", { amount: loser });
      await store.execute(account, "42", "payOut", undefined, key);
    };
    const late = createHitherto(interferedWith(store, interfere));
    const result = requireAccepted(await late.execute(account, "42", "payOut", undefined, key));
    expect(result).toMatchObject({ isDuplicate: true, state: { balance: 0 } });
    expect(result.events).toHaveLength(stored);
    const closed = await store.readStream("account-42", { types: ["Closed"] }).toArray();
    expect(closed).toHaveLength(1);
  });

  test("is refused for another command on the same stream: IDEMPOTENCY_KEY_REUSED", async () => {
    await using store = await log.open();
    await store.execute(account, "42", "deposit", { amount: 1 }, key);
    await expect(store.execute(account, "42", "withdraw", { amount: 1 }, key)).rejects.toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
      details: { key: "request-7", stream: "account-42", problem: expect.stringContaining('"deposit"') },
    });
  });

  test("is refused for another command that races with the first", async () => {
    await using store = await log.open();
    const interfere = () => store.execute(account, "42", "depositOften", { times: 1 }, key);
    const late = createHitherto(interferedWith(store, interfere));
    await expect(late.execute(account, "42", "deposit", { amount: 1 }, key)).rejects.toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect((await store.load(account, "42")).revision).toBe(0);
  });

  test("means nothing to another id", async () => {
    await using store = await log.open();
    const first = await store.execute(account, "1", "deposit", { amount: 1 }, key);
    const second = await store.execute(account, "2", "withdraw", { amount: 0 }, key);
    expect([first, second]).toMatchObject([{ isDuplicate: false }, { isDuplicate: false }]);
  });

  test("does not hold on to a rejection or to a decision of no events", async () => {
    await using store = await log.open();
    const withdraw = () => store.execute(account, "42", "withdraw", { amount: 1 }, key);
    await expect(withdraw()).resolves.toMatchObject({ accepted: false });
    await store.execute(account, "42", "audit", undefined, key);
    await store.execute(account, "42", "deposit", { amount: 1 });
    await expect(withdraw()).resolves.toMatchObject({ accepted: true, isDuplicate: false, revision: 1 });
    await expect(withdraw()).resolves.toMatchObject({ accepted: true, isDuplicate: true, revision: 1 });
  });

  test("still takes effect once when its events have been hidden", async () => {
    await using store = await log.open();
    await store.execute(account, "42", "deposit", { amount: 5 }, key);
    await store.execute(account, "42", "payOut", undefined, { idempotencyKey: "out" });
    await store.deleteStream("account-42");
    const again = await store.execute(account, "42", "deposit", { amount: 5 }, key);
    expect(again).toMatchObject({ accepted: true, isDuplicate: true, revision: 0, events: [] });
    // Decided anew on the empty account, this is one event where there were two.
    await store.execute(account, "42", "deposit", { amount: 3 });
    await store.execute(account, "42", "withdraw", { amount: 3 });
    await expect(store.execute(account, "42", "depositOften", { times: 2 }, key)).rejects.toMatchObject({
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect((await store.load(account, "42")).state).toEqual({ balance: 0, transactions: 2 });
  });

  test("makes a decision on a decision model exactly-once too", async () => {
    await using store = await log.open();
    await using other = await log.open();
    const seats = decisionModel({ initial: () => 0, evolve: { SeatTaken: (taken) => taken + 1 } });
    const take = { type: "SeatTaken", data: {} };
    const first = await store.decide(seats, () => [take, take], key);
    await store.decide(seats, () => take);
    const again = await other.decide(seats, () => [take, take], key);
    expect(again).toEqual({ ...first, isDuplicate: true });
    expect(again).toMatchObject({ state: 2 });
    expect((await store.loadModel(seats)).state).toBe(3);
    const named = other.decide(seats, () => take, { ...key, name: "other" });
    await expect(named).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
  });
});
