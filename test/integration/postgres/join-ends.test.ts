import { isHithertoError, open } from "hitherto";
import type { Hitherto, JoinedHitherto } from "hitherto";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { account, balances, nothing, openBank, untilBlockedBy } from "../../support/joined-bank.ts";
import type { Bank } from "../../support/joined-bank.ts";
import { postgresUrl, runSql } from "../../support/postgres.ts";

let bank: Bank;
let client: pg.Client;
beforeEach(async () => {
  bank = await openBank();
  client = await bank.connect();
});
afterEach(() => bank[Symbol.asyncDispose]());

const deposited = { stream: "account-a", events: [{ type: "Deposited", data: { amount: 1 } }] };

async function begin(): Promise<JoinedHitherto> {
  await client.query("BEGIN");
  return bank.store.join(client);
}

/** The problem with an argument. */
async function problemOf(call: Promise<unknown>): Promise<unknown> {
  const error = await call.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  if (!isHithertoError(error, "ARGUMENT_INVALID")) return error;
  const { argument, problem } = error.details;
  return `${argument}: ${problem}`;
}

describe("join refuses", () => {
  test.each([undefined, null, {}, "postgres://localhost"])("what is no client, such as %j", async (wrong) => {
    expect(await problemOf(bank.store.join(wrong as never))).toMatch("client: it must be a client of pg");
  });

  test("a client that has begun no transaction, and a pool", async () => {
    expect(await problemOf(bank.store.join(client))).toBe("client: it has begun no transaction");
    const pool = new pg.Pool({ connectionString: postgresUrl() });
    expect(await problemOf(bank.store.join(pool))).toBe("client: it has begun no transaction");
    await pool.end();
  });

  test("a client that has not been connected, or has been closed", async () => {
    expect(await problemOf(bank.store.join(new pg.Client(postgresUrl())))).toBe(
      "client: it is not connected",
    );
    await client.end();
    expect(await problemOf(bank.store.join(client))).toBe("client: it has been closed");
  });

  test("a transaction that has failed", async () => {
    await client.query("BEGIN");
    await client.query("SELECT 1 / 0").catch(() => undefined);
    expect(await problemOf(bank.store.join(client))).toMatch("client: its transaction has failed");
  });

  test("a transaction of another isolation, which stays usable", async () => {
    await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
    expect(await problemOf(bank.store.join(client))).toMatch("READ COMMITTED, not SERIALIZABLE");
    await client.query("SELECT 1");
  });

  test("a client of another database, though it has a store in a schema of that name", async () => {
    const name = `${new URL(bank.url).searchParams.get("schema")}_db`;
    await runSql(`CREATE DATABASE ${name}`);
    const other = new URL(bank.url);
    other.pathname = `/${name}`;
    const stranger = await open(other);
    const theirs = new pg.Client({ connectionString: new URL(other.pathname, postgresUrl()).href });
    await theirs.connect();
    try {
      await theirs.query("BEGIN");
      expect(await problemOf(bank.store.join(theirs))).toMatch("another database than the store");
      await (await stranger.join(theirs)).append(deposited);
      await theirs.query("COMMIT");
      expect(await stranger.head()).toBe(1);
    } finally {
      await theirs.end();
      await stranger.close();
      await runSql(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  });

  test("what the client's role may not do, and its transaction stays usable", async () => {
    const role = `stranger_${new URL(bank.url).searchParams.get("schema")}`;
    await runSql(`CREATE ROLE ${role} LOGIN PASSWORD 'pw'`);
    const url = new URL(postgresUrl());
    [url.username, url.password] = [role, "pw"];
    const stranger = new pg.Client({ connectionString: url.href });
    await stranger.connect();
    try {
      await stranger.query("BEGIN");
      const joined = await bank.store.join(stranger);
      const refused = { code: "STORE_RIGHTS_MISSING" };
      await expect(joined.append(deposited)).rejects.toMatchObject(refused);
      await expect(joined.load(account, "a")).rejects.toMatchObject(refused);
      await stranger.query("SELECT 1");
    } finally {
      await stranger.end();
      await runSql(`DROP ROLE ${role}`);
    }
  });

  test("on a store that is closed, or open for reading only", async () => {
    await using reader = await open(bank.url, { mode: "read" });
    await client.query("BEGIN");
    await expect(reader.join(client)).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
    await using closed = await open(bank.url);
    const joined = await closed.join(client);
    await closed.close();
    await expect(closed.join(client)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(joined.append(deposited)).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(joined.load(account, "a")).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await client.query("COMMIT");
    expect(await bank.committed()).toEqual(nothing);
  });
});

describe("when the application's transaction has ended", () => {
  const calls: ReadonlyArray<readonly [string, (joined: JoinedHitherto) => Promise<unknown>]> = [
    ["append", (joined) => joined.append(deposited)],
    ["execute", (joined) => joined.execute(account, "a", "deposit", { amount: 1 })],
    ["load", (joined) => joined.load(account, "a")],
    ["read", (joined) => joined.read().toArray()],
    ["readModel", (joined) => joined.readModel(balances).get("a")],
    ["query", (joined) => joined.query("SELECT 1")],
    ["readSide.transaction", (joined) => joined.readSide.transaction((inner) => inner.append(deposited))],
  ];
  const over = "transaction: it has ended";

  test.each(calls)("%s is refused after COMMIT and ROLLBACK", async (_, call) => {
    for (const end of ["COMMIT", "ROLLBACK"]) {
      const joined = await begin();
      await client.query(end);
      expect(await problemOf(call(joined))).toBe(over);
    }
    expect(await bank.committed()).toEqual(nothing);
  });

  test.each(calls)("%s is refused in the client's next transaction, which stays usable", async (_, call) => {
    const joined = await begin();
    await client.query("COMMIT");
    await client.query("BEGIN");
    expect(await problemOf(call(joined))).toBe(over);
    await client.query(`INSERT INTO ${bank.customers} VALUES ('ada')`);
    await client.query("COMMIT");
    expect(await bank.committed()).toEqual({ ...nothing, customers: 1 });
  });

  test.each([
    ["with inline projections", (store: Hitherto) => store],
    ["without", (_: Hitherto, plain: Hitherto) => plain],
  ])("an append that was not awaited stores nothing, and says so: %s", async (_, choose) => {
    await using plain = await open(bank.url);
    await client.query("BEGIN");
    const joined = await choose(bank.store, plain).join(client);
    const forgotten = problemOf(joined.append(deposited));
    await client.query("COMMIT");
    expect(await forgotten).toMatch("transaction: it ");
    expect(await bank.committed()).toEqual(nothing);
  });

  test("what a part has not yet appended is not stored", async () => {
    const joined = await begin();
    const call = joined.readSide.transaction(async (inner) => {
      await client.query("COMMIT");
      await inner.append(deposited);
    });
    expect(await problemOf(call)).toBe(over);
    expect(await bank.committed()).toEqual(nothing);
  });

  test("a call that it ends in the middle of fails", async () => {
    const joined = await begin();
    const call = joined.readSide.transaction(async () => {
      await client.query("COMMIT");
    });
    expect(await problemOf(call)).toMatch("it was ended while a call was under way");
  });
});

describe("a part of the application's transaction", () => {
  test("that throws is undone alone, and takes none of the calls that wait for their turn", async () => {
    const joined = await begin();
    await joined.append(deposited);
    const failing = joined.readSide.transaction(async (inner) => {
      const calls = [inner.append(deposited), inner.append(deposited), inner.append(deposited)];
      for (const call of calls) call.catch(() => undefined);
      await calls[0];
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    await client.query("COMMIT");
    expect(await bank.store.head()).toBe(1);
  });

  test("takes its turn when several are called at once", async () => {
    const joined = await begin();
    const amounts = Array.from({ length: 20 }, (_, index) => index + 20);
    const calls = amounts.map((amount) => joined.execute(account, `a${amount % 3}`, "deposit", { amount }));
    const positions = (await Promise.all(calls)).map((result) => result.accepted && result.position);
    expect(new Set(positions).size).toBe(20);
    await client.query("COMMIT");
    expect(await bank.committed()).toMatchObject({ events: 20, moved: 20 });
  });

  test("is not undone by another one that was called at the same time", async () => {
    const joined = await begin();
    const first = joined.readSide.transaction((inner) => inner.append(deposited));
    const failing = joined.readSide.transaction(async (inner) => {
      await inner.append(deposited);
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    await first;
    await client.query("COMMIT");
    expect(await bank.store.head()).toBe(1);
  });

  test("that is a transaction shuts others out from its beginning", async () => {
    const joined = await begin();
    const { appending, seen } = await joined.readSide.transaction(async (inner) => {
      const before = await inner.head();
      const outside = bank.store.append(deposited);
      await untilBlockedBy(client);
      return { appending: outside, seen: [before, await inner.head()] };
    });
    expect(seen).toEqual([0, 0]);
    await client.query("COMMIT");
    expect(await appending).toMatchObject({ position: 1 });
  });

  test("asks without writing, and the transaction writes on", async () => {
    const joined = await begin();
    const writing = joined.query("WITH w AS (DELETE FROM {moved} RETURNING 1) SELECT * FROM w");
    await expect(writing).rejects.toMatchObject({ code: "SQL_FAILED" });
    await joined.query("SELECT * FROM {moved}");
    await client.query(`INSERT INTO ${bank.customers} VALUES ('ada')`);
    await client.query("COMMIT");
    expect(await bank.committed()).toMatchObject({ customers: 1 });
  });

  test("reads the same whatever the client's settings are", async () => {
    await bank.store.append(deposited);
    await client.query("SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'; SET extra_float_digits = 0");
    await client.query(
      "SET search_path = pg_temp; SET bytea_output = 'escape'; SET standard_conforming_strings = off",
    );
    const joined = await begin();
    expect(await joined.read().toArray()).toEqual(await bank.store.read().toArray());
    await joined.append({ stream: "bytes", events: [{ type: "Sent", data: Uint8Array.of(1, 92, 255) }] });
    const [sent] = await joined.readStream("bytes").toArray();
    await client.query("COMMIT");
    expect(await bank.store.readStream("bytes").toArray()).toEqual([sent]);
  });
});
