import { open } from "hitherto";
import type { JoinedHitherto } from "hitherto";
import type pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { account, balances, isTaken, nothing, openBank, untilBlockedBy } from "../../support/joined-bank.ts";
import type { Bank } from "../../support/joined-bank.ts";
import { listenTo } from "../../support/postgres-listening.ts";
import { runSql } from "../../support/postgres.ts";

let bank: Bank;
let client: pg.Client;
beforeEach(async () => {
  bank = await openBank();
  client = await bank.connect();
});
afterEach(() => bank[Symbol.asyncDispose]());

async function begin(on = client): Promise<JoinedHitherto> {
  await on.query("BEGIN");
  return bank.store.join(on);
}

/** A command, a row of the application's and a message in its outbox, in one transaction that has not ended. */
async function depositAndTell(): Promise<JoinedHitherto> {
  const joined = await begin();
  await client.query(`INSERT INTO ${bank.customers} VALUES ('ada')`);
  const result = await joined.execute(account, "a", "deposit", { amount: 100 });
  const message = JSON.stringify({ position: result.accepted && result.position });
  await client.query(`INSERT INTO ${bank.outbox} (message) VALUES ($1)`, [message]);
  return joined;
}

describe("a command in the application's transaction", () => {
  test("is committed with its read models, the application's rows and its outbox", async () => {
    await depositAndTell();
    expect(await bank.committed()).toEqual(nothing);
    await client.query("COMMIT");
    expect(await bank.committed()).toEqual({ events: 1, customers: 1, outbox: 1, balance: 100, moved: 1 });
  });

  test("is undone with all of it", async () => {
    await depositAndTell();
    await client.query("ROLLBACK");
    expect(await bank.committed()).toEqual(nothing);
    expect(await bank.store.execute(account, "a", "deposit", { amount: 5 })).toMatchObject({
      state: { balance: 5 },
      revision: 0,
      position: 1,
    });
    expect(await bank.committed()).toMatchObject({ events: 1, balance: 5, moved: 1 });
  });

  test("leaves nothing when the connection is killed in the middle", async () => {
    const joined = await depositAndTell();
    const [row] = (await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
    await runSql("SELECT pg_terminate_backend($1)", [row!.pid]);
    const after = joined.execute(account, "a", "deposit", { amount: 1 });
    await expect(after).rejects.toMatchObject({ code: "STORE_IO" });
    await expect.poll(() => bank.committed()).toEqual(nothing);
    await bank.store.execute(account, "a", "deposit", { amount: 5 });
    expect(await bank.committed()).toMatchObject({ events: 1, balance: 5 });
  });

  test("sees what the transaction has done, in the log and in read models", async () => {
    await bank.store.execute(account, "a", "deposit", { amount: 1 });
    const joined = await begin();
    await joined.execute(account, "a", "deposit", { amount: 2 });
    await joined.append({
      stream: "account-a",
      expect: 1,
      events: [{ type: "Deposited", data: { amount: 4 } }],
    });
    expect(await joined.load(account, "a")).toMatchObject({
      state: { balance: 7 },
      revision: 2,
      position: 3,
    });
    const model = joined.readModel(balances);
    expect(await model.get("a")).toMatchObject({ document: { balance: 7 }, position: 3 });
    expect((await model.find({ where: { balance: { gte: 7 } } })).entries).toMatchObject([{ key: "a" }]);
    expect(await model.count()).toMatchObject({ count: 1 });
    expect(await joined.readModel(balances, { mode: "live" }).get("a")).toMatchObject({
      document: { balance: 7 },
    });
    const asked = await joined.query("SELECT SUM(amount) AS sum FROM {moved}", [], { model: "movements" });
    expect(asked).toMatchObject({ rows: [{ sum: 7 }], position: 3 });
    expect((await joined.read().toArray()).map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(await joined.readStream("account-a", { from: 2 }).toArray()).toMatchObject([{ revision: 2 }]);
    expect(await joined.findStream("account-a")).toMatchObject({ revision: 2 });
    expect(await joined.head()).toBe(3);
    expect(await bank.committed()).toMatchObject({ events: 1, balance: 1, moved: 1 });
  });

  test("leaves the client usable when the decider refuses it", async () => {
    const joined = await begin();
    const refused = await joined.execute(account, "a", "withdraw", { amount: 1 });
    expect(refused).toMatchObject({ accepted: false, reason: "balance-too-low" });
    await client.query(`INSERT INTO ${bank.customers} VALUES ('ada')`);
    await joined.execute(account, "a", "deposit", { amount: 1 });
    await client.query("COMMIT");
    expect(await bank.committed()).toMatchObject({ events: 1, customers: 1, balance: 1 });
  });

  test.each([
    ["a function of a projection throws", 13],
    ["a statement of a projection fails", 666],
  ])("is undone alone when %s", async (_, amount) => {
    const joined = await depositAndTell();
    const failing = joined.execute(account, "a", "deposit", { amount });
    await expect(failing).rejects.toMatchObject({ code: "PROJECTION_FAILED" });
    expect(await joined.load(account, "a")).toMatchObject({ state: { balance: 100 }, revision: 0 });
    await joined.execute(account, "a", "deposit", { amount: 1 });
    await client.query("COMMIT");
    expect(await bank.committed()).toEqual({ events: 2, customers: 1, outbox: 1, balance: 101, moved: 2 });
  });

  test("wakes those who follow, also when a later call was refused", async () => {
    await using heard = await listenTo(bank.schema);
    const followed = bank.store.subscribe()[Symbol.asyncIterator]();
    const first = followed.next();
    const joined = await begin();
    await expect(joined.execute(account, "a", "deposit", { amount: 13 })).rejects.toThrow("13");
    await joined.execute(account, "a", "deposit", { amount: 1 });
    expect(heard.fromOthers()).toBe(0);
    await client.query("COMMIT");
    await expect.poll(heard.fromOthers).toBe(1);
    expect((await first).value).toMatchObject({ stream: "account-a" });
    await followed.return?.();
  });
});

describe("what was undone", () => {
  test("is not in the state that the handle decides on", async () => {
    await bank.store.execute(account, "a", "deposit", { amount: 10 });
    const joined = await begin();
    await joined.execute(account, "a", "deposit", { amount: 90 });
    await client.query("ROLLBACK");
    await bank.store.append({ stream: "account-a", events: [{ type: "Withdrawn", data: { amount: 5 } }] });
    // The cached state would be at revision 1 as well.
    expect(await bank.store.execute(account, "a", "withdraw", { amount: 50 })).toMatchObject({
      accepted: false,
    });
    expect(await bank.store.load(account, "a")).toMatchObject({ state: { balance: 5 } });
  });

  test("is not in the state that the transaction decides on after its savepoint", async () => {
    const joined = await begin();
    await joined.execute(account, "a", "deposit", { amount: 10 });
    await client.query("SAVEPOINT mine");
    await joined.execute(account, "a", "deposit", { amount: 90 });
    await client.query("ROLLBACK TO SAVEPOINT mine");
    await joined.append({ stream: "account-a", events: [{ type: "Withdrawn", data: { amount: 5 } }] });
    expect(await joined.execute(account, "a", "withdraw", { amount: 50 })).toMatchObject({ accepted: false });
    await client.query("COMMIT");
    expect(await bank.committed()).toMatchObject({ events: 2, balance: 5, moved: 2 });
  });

  test("is in no snapshot", async () => {
    await using often = await open(bank.url, { snapshots: { every: 1 } });
    await client.query("BEGIN");
    const joined = await often.join(client);
    await joined.execute(account, "a", "deposit", { amount: 1 }, { snapshot: "now" } as never);
    await joined.load(account, "a");
    await client.query("ROLLBACK");
    await often.close();
    expect(await bank.store.snapshots.list("account-a")).toEqual([]);
  });

  test("is in no read model, whoever else appends in between", async () => {
    await using elsewhere = await open(bank.url);
    const inJoined = async (amount: number, end: string): Promise<void> => {
      const joined = await begin();
      await joined.execute(account, "a", "deposit", { amount });
      await client.query(end);
    };
    const ways = [
      (amount: number) => inJoined(amount, "ROLLBACK"),
      (amount: number) => bank.store.execute(account, "a", "deposit", { amount }),
      (amount: number) => inJoined(amount, "COMMIT"),
      // Not inline: caught up in the background by the handle that has them inline.
      (amount: number) => elsewhere.execute(account, "a", "deposit", { amount }),
    ];
    for (let round = 0; round < 32; round++) {
      // Every way after every other.
      await ways[(round * 3 + (round >> 3)) % 4]!(round + 20);
    }
    const waitFor = await bank.store.head();
    const { state } = await bank.store.load(account, "a", { fresh: true });
    expect(await bank.store.load(account, "a")).toMatchObject({ state });
    expect((await bank.store.readModel(balances).get("a", { waitFor })).document).toEqual(state);
    const sums = "SELECT SUM(amount) AS sum FROM {moved}";
    const { rows } = await bank.store.query(sums, [], { model: "movements", waitFor });
    expect(rows).toEqual([{ sum: state.balance }]);
  });

  test("gives its idempotency key back", async () => {
    const once = { idempotencyKey: "k" };
    const undone = await begin();
    await undone.execute(account, "a", "deposit", { amount: 1 }, once);
    expect(await undone.execute(account, "a", "deposit", { amount: 1 }, once)).toMatchObject({
      isDuplicate: true,
    });
    await client.query("ROLLBACK");
    const joined = await begin();
    expect(await joined.execute(account, "a", "deposit", { amount: 1 }, once)).toMatchObject({
      isDuplicate: false,
    });
    await client.query("COMMIT");
    const again = await bank.store.execute(account, "a", "deposit", { amount: 1 }, once);
    expect(again).toMatchObject({ isDuplicate: true, state: { balance: 1 } });
  });
});

describe("transactions that race", () => {
  test("for one account never overdraw it", async () => {
    await bank.store.execute(account, "a", "deposit", { amount: 100 });
    const other = await bank.connect();
    const withdraw = async (on: pg.Client): Promise<boolean> => {
      const joined = await begin(on);
      const { accepted } = await joined.execute(account, "a", "withdraw", { amount: 60 });
      await on.query("COMMIT");
      return accepted;
    };
    for (let round = 1; round <= 10; round++) {
      const outcomes = await Promise.all([withdraw(client), withdraw(other)]);
      expect(outcomes.toSorted()).toEqual([false, true]);
      expect(await bank.committed()).toMatchObject({ balance: 40 });
      await bank.store.execute(account, "a", "deposit", { amount: 60 });
    }
  });

  test.each([
    ["with inline projections", async () => ({ store: bank.store, close: () => Promise.resolve() })],
    [
      "without",
      async () => {
        const store = await open(bank.url);
        return { store, close: () => store.close() };
      },
    ],
  ])("decide once more after a conflict, and then nobody else is faster: %s", async (_, openHandle) => {
    const { store, close } = await openHandle();
    const other = await bank.connect();
    const first = await begin(other);
    await first.execute(account, "a", "deposit", { amount: 1 });
    await client.query("BEGIN");
    const second = await store.join(client);
    // Decided on no events, and held up by the first.
    const deciding = second.execute(account, "a", "deposit", { amount: 2 }, { retries: 1 });
    await untilBlockedBy(other);
    const event = { type: "Deposited", data: { amount: 4 } };
    const outside = bank.store.append({ stream: "account-a", events: [event] });
    await untilBlockedBy(other, 2);
    await other.query("COMMIT");
    expect(await deciding).toMatchObject({ state: { balance: 3 }, revision: 1 });
    await client.query("COMMIT");
    expect((await outside).position).toBe(3);
    expect(await bank.committed()).toMatchObject({ events: 3, balance: 7, moved: 3 });
    await close();
  });

  test("keep a decision model's condition", async () => {
    const other = await bank.connect();
    const take = async (on: pg.Client): Promise<boolean> => {
      const joined = await begin(on);
      const taking = await joined.decide(isTaken, (taken) =>
        taken ? [] : { type: "NameTaken", data: {}, tags: ["name:ada"] },
      );
      await on.query("COMMIT");
      return taking.accepted && taking.events.length === 1;
    };
    expect((await Promise.all([take(client), take(other)])).toSorted()).toEqual([false, true]);
    expect((await bank.store.loadModel(isTaken)).state).toBe(true);
  });

  test("and wait for each other are told apart by the server, and the other one is committed", async () => {
    await runSql(`INSERT INTO ${bank.customers} VALUES ('ada')`);
    const touch = (on: pg.Client): Promise<unknown> => on.query(`UPDATE ${bank.customers} SET id = id`);
    const other = await bank.connect();
    const [joined, theirs] = [await begin(), await begin(other)];
    await joined.execute(account, "a", "deposit", { amount: 1 });
    await touch(other);
    const endingWith = async (on: pg.Client, work: Promise<unknown>): Promise<unknown> => {
      try {
        await work;
        await on.query("COMMIT");
        return "committed";
      } catch (error) {
        await on.query("ROLLBACK");
        return (error as { readonly code?: unknown }).code;
      }
    };
    const endings = await Promise.all([
      endingWith(client, touch(client)),
      endingWith(other, theirs.execute(account, "a", "deposit", { amount: 2 })),
    ]);
    // The application's own statement, or that of the store, is the one that is ended.
    expect([
      ["40P01", "committed"],
      ["committed", "STORE_BUSY"],
    ]).toContainEqual(endings);
    expect(await bank.committed()).toMatchObject({ events: 1, balance: endings[0] === "committed" ? 1 : 2 });
  });

  test("leave the client usable when the right to append can not be had", async () => {
    await using impatient = await open(bank.url, { busyTimeoutMs: 50 });
    const other = await bank.connect();
    await (await begin(other)).execute(account, "a", "deposit", { amount: 1 });
    await client.query("BEGIN");
    await client.query(`INSERT INTO ${bank.customers} VALUES ('ada')`);
    const joined = await impatient.join(client);
    const waiting = joined.execute(account, "b", "deposit", { amount: 1 });
    await expect(waiting).rejects.toMatchObject({ code: "STORE_BUSY" });
    await other.query("COMMIT");
    await joined.execute(account, "b", "deposit", { amount: 1 });
    await client.query("COMMIT");
    expect(await bank.committed()).toMatchObject({ events: 2, customers: 1 });
  });
});
