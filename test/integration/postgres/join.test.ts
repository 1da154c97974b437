import { openPostgresStore } from "hitherto/postgres";
import type { PostgresEventStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { listenTo } from "../../support/postgres-listening.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

interface Lab {
  readonly schema: string;
  readonly store: PostgresEventStore;
  readonly client: pg.Client;
  /** A table of the application's. */
  readonly accounts: string;
}

const ref = { space: "s", key: "k" };
const event = { type: "MoneyDeposited", data: { amount: 100 } };

async function inLab(body: (lab: Lab) => Promise<void>): Promise<void> {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const accounts = `"${schema.name}".accounts`;
  await runSql(`CREATE TABLE ${accounts} (id text PRIMARY KEY, balance integer NOT NULL)`);
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await body({ schema: schema.name, store, client, accounts });
  } finally {
    await client.end();
  }
}

/** The application's change, an append and a commit, in the transaction of the client. */
async function deposit({ store, client, accounts }: Lab): Promise<void> {
  await client.query("BEGIN");
  await client.query(`INSERT INTO ${accounts} VALUES ('a', 100)`);
  const joined = await store.join(client);
  await joined.append({ stream: "account-a", expect: "none", events: [event] });
  await joined.readSide.transaction((transaction) => transaction.commit({ put: [{ ...ref, value: 1 }] }));
}

async function seen({ store, accounts }: Lab): Promise<unknown> {
  return {
    events: (await store.read().toArray()).length,
    record: (await store.readSide.findRecord(ref))?.value,
    rows: (await runSql(`SELECT * FROM ${accounts}`)).length,
  };
}

const nothing = { events: 0, record: undefined, rows: 0 };

test("events, records and the application's rows are committed together, and nothing is seen before", async () => {
  await inLab(async (lab) => {
    await deposit(lab);
    expect(await seen(lab)).toEqual(nothing);
    await lab.client.query("COMMIT");
    expect(await seen(lab)).toEqual({ events: 1, record: 1, rows: 1 });
  });
});

test("what the application undoes is undone altogether", async () => {
  await inLab(async (lab) => {
    await deposit(lab);
    await lab.client.query("ROLLBACK");
    expect(await seen(lab)).toEqual(nothing);
    expect(await lab.store.append({ stream: "account-a", expect: "none", events: [event] })).toMatchObject({
      revision: 0,
    });
  });
});

test("what is refused leaves the application's transaction usable", async () => {
  await inLab(async (lab) => {
    const { store, client, accounts } = lab;
    await store.append({ stream: "account-a", events: [event] });
    await client.query("BEGIN");
    await client.query(`INSERT INTO ${accounts} VALUES ('a', 100)`);
    const joined = await store.join(client);
    const appending = joined.append({ stream: "account-a", expect: "none", events: [event] });
    await expect(appending).rejects.toMatchObject({ code: "REVISION_CONFLICT" });
    const committing = joined.readSide.transaction((transaction) =>
      transaction.commit({ expect: [{ ...ref, version: 7 }] }),
    );
    await expect(committing).rejects.toMatchObject({ code: "RECORD_CONFLICT" });
    await joined.append({ stream: "account-a", expect: 0, events: [event] });
    await client.query("COMMIT");
    expect(await seen(lab)).toMatchObject({ events: 2, rows: 1 });
  });
});

test("the settings of the application's transaction are left as they were", async () => {
  await inLab(async (lab) => {
    const { client } = lab;
    await client.query("SET lock_timeout = 1234");
    await deposit(lab);
    expect((await client.query("SHOW lock_timeout")).rows).toEqual([{ lock_timeout: "1234ms" }]);
    await client.query("ROLLBACK");
  });
});

test("subscribers are woken when the application commits", async () => {
  await inLab(async (lab) => {
    await using heard = await listenTo(lab.schema);
    const events = lab.store.subscribe()[Symbol.asyncIterator]();
    const first = events.next();
    await deposit(lab);
    expect(heard.fromOthers()).toBe(0);
    await lab.client.query("COMMIT");
    await expect.poll(heard.fromOthers).toBe(1);
    expect((await first).value).toMatchObject({ stream: "account-a" });
    await events.return?.();
  });
});

test("appends of others wait for it, and are decided on what it has left", async () => {
  await inLab(async (lab) => {
    await deposit(lab);
    const racing = lab.store.append({ stream: "account-a", expect: "none", events: [event] });
    racing.catch(() => undefined);
    await lab.client.query("COMMIT");
    await expect(racing).rejects.toMatchObject({ code: "REVISION_CONFLICT" });
  });
});

test("a client without a transaction, and one whose transaction sees an older state, are refused", async () => {
  await inLab(async ({ store, client }) => {
    const problem = async (joining: Promise<unknown>): Promise<unknown> => {
      const error = await joining.catch((refused: unknown) => refused);
      return (error as { details: { problem: string } }).details.problem;
    };
    expect(await problem(store.join(client))).toMatch("no transaction");
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    expect(await problem(store.join(client))).toMatch("READ COMMITTED, not REPEATABLE READ");
    await client.query("ROLLBACK");
    for (const wrong of [undefined, {}, "postgres://"]) {
      expect(await problem(store.join(wrong as never))).toMatch("client of pg");
    }
  });
});
