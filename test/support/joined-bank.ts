/**
 * A bank whose events are committed together with the tables of an application: what the tests of joined transactions
 * share.
 */
import { setTimeout as delay } from "node:timers/promises";
import { decider, decisionModel, open, projection, reject, sqlProjection } from "hitherto";
import type { Hitherto, RuntimeOptions } from "hitherto";
import pg from "pg";
import { freshSchema, postgresUrl, runSql } from "./postgres.ts";

interface Amount {
  readonly amount: number;
}

/** An account that can not be overdrawn. */
export const account = decider("account", {
  initial: () => ({ balance: 0 }),
  evolve: {
    Deposited: (state, { amount }: Amount) => ({ balance: state.balance + amount }),
    Withdrawn: (state, { amount }: Amount) => ({ balance: state.balance - amount }),
  },
  decide: {
    deposit: (_state, payload: Amount) => ({ type: "Deposited", data: payload }),
    withdraw: (state, payload: Amount) =>
      state.balance < payload.amount
        ? reject("balance-too-low", "The balance does not cover the amount.")
        : { type: "Withdrawn", data: payload },
  },
});

/** Balances, as documents. A deposit of 13 is more than it can take. */
export const balances = projection("balances", {
  initial: () => ({ balance: 0 }),
  indexes: ["balance"],
  evolve: {
    Deposited: (document, { amount }: Amount) => {
      if (amount === 13) throw new Error("13 is not for me");
      return { balance: document.balance + amount };
    },
    Withdrawn: (document, { amount }: Amount) => ({ balance: document.balance - amount }),
  },
});

/** Every movement, in a table. A deposit of 666 breaks its statement. */
export const movements = sqlProjection("movements", {
  tables: { moved: "position INTEGER PRIMARY KEY, amount INTEGER NOT NULL" },
  on: {
    Deposited: async (sql, { amount }: Amount, { position }) => {
      await sql.run("INSERT INTO {moved} VALUES (?, ?)", [position, amount === 666 ? null : amount]);
    },
    Withdrawn: async (sql, { amount }: Amount, { position }) => {
      await sql.run("INSERT INTO {moved} VALUES (?, ?)", [position, -amount]);
    },
  },
});

/** Whether a name is taken, over the whole log. */
export const isTaken = decisionModel({
  tags: ["name:ada"],
  initial: () => false,
  evolve: { NameTaken: () => true },
});

/** A store with inline projections, two tables of the application's, and clients of its own. */
export interface Bank extends AsyncDisposable {
  readonly store: Hitherto;
  readonly url: string;
  /** The name of the store's schema. */
  readonly schema: string;
  /** The tables' quoted names. */
  readonly customers: string;
  readonly outbox: string;
  /** A client that is connected, and ended with the bank. */
  connect(): Promise<pg.Client>;
  /** What everybody sees. */
  committed(): Promise<Committed>;
}

/** What is committed, by numbers of events and rows. */
export interface Committed {
  readonly events: number;
  readonly customers: number;
  readonly outbox: number;
  readonly balance: number | undefined;
  readonly moved: number;
}

/** What an empty bank holds. */
export const nothing: Committed = { events: 0, customers: 0, outbox: 0, balance: undefined, moved: 0 };

/** Opens a bank in a schema of its own. */
export async function openBank(options: RuntimeOptions = {}): Promise<Bank> {
  const schema = freshSchema();
  const store = await open(schema.url, { inline: [balances, movements], ...options });
  await store.readModel(balances).waitFor(0);
  await store.query("SELECT 1", [], { model: "movements", waitFor: 0 });
  const [customers, outbox] = [`"${schema.name}".customers`, `"${schema.name}".outbox`];
  await runSql(`CREATE TABLE ${customers} (id text PRIMARY KEY)`);
  await runSql(`CREATE TABLE ${outbox} (id serial PRIMARY KEY, message json NOT NULL)`);
  const clients: pg.Client[] = [];
  const rowsIn = async (table: string): Promise<number> => (await runSql(`SELECT FROM ${table}`)).length;
  return {
    store,
    url: schema.url,
    schema: schema.name,
    customers,
    outbox,
    connect: async () => {
      const client = new pg.Client({ connectionString: postgresUrl() });
      client.on("error", () => undefined);
      await client.connect();
      clients.push(client);
      return client;
    },
    committed: async () => ({
      events: (await store.read().toArray()).length,
      customers: await rowsIn(customers),
      outbox: await rowsIn(outbox),
      balance: (await store.readModel(balances).get("a")).document?.balance,
      moved: (await store.query("SELECT * FROM {moved}", [], { model: "movements" })).rows.length,
    }),
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(clients.map((client) => client.end()));
      await store.close();
      await schema[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when so many connections wait for a lock that the client's transaction holds. */
export async function untilBlockedBy(holder: pg.Client, count = 1): Promise<void> {
  const [row] = (await holder.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
  const waiting = "SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
  while ((await runSql(waiting, [row!.pid])).length < count) await delay(5);
}
