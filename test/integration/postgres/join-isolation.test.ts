import { openPostgresStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { untilBlockedBy } from "../../support/joined-bank.ts";
import { freshSchema, postgresUrl } from "../../support/postgres.ts";

const event = { type: "MoneyDeposited", data: { amount: 100 } };

test("an append that did not see what others committed before it is contention, and tried again", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const older = new URL(schema.url);
  older.searchParams.set("options", String.raw`-c default_transaction_isolation=repeatable\ read`);
  await using stale = await openPostgresStore(older);
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query("BEGIN");
    const joined = await store.join(client);
    await joined.append({ stream: "account-a", events: [event] });
    // It waits for the right to append, and has chosen what it sees before.
    const waiting = stale.append({ stream: "account-a", events: [event] });
    await untilBlockedBy(client);
    await client.query("COMMIT");
    expect(await waiting).toMatchObject({ position: 2, revision: 1 });
  } finally {
    await client.end();
  }
});

test("a transaction that has been joined can not choose another isolation any more", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query("BEGIN");
    await store.join(client);
    const choosing = client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    await expect(choosing).rejects.toMatchObject({ code: "25001" });
  } finally {
    await client.end();
  }
});
