/**
 * A network that swallows what is sent: connections stay open, and nothing goes through them any more.
 */
import { setTimeout as delay } from "node:timers/promises";
import { openPostgresStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { unlessSilent } from "../../../src/postgres/silence.ts";
import { startProxy } from "../../support/postgres-proxy.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

const event = { type: "Noted", data: null };
const quick = { busyTimeoutMs: 300, answerTimeoutMs: 300 };

test("reads whose connections have gone silent are answered over others", async () => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  await using store = await openPostgresStore(proxy.url, quick);
  await store.append({ stream: "s", events: [event, event] });
  await Promise.all([store.head(), store.head()]);
  // Until others have been told of the append, which takes a connection too.
  await delay(100);
  proxy.hold();
  expect(await Promise.all([store.head(), store.readStream("s").toArray()])).toMatchObject([
    2,
    { length: 2 },
  ]);
});

test("an append whose answer is swallowed is stored once and reported as itself", async () => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  await using store = await openPostgresStore(proxy.url, { ...quick, busyTimeoutMs: 1_000 });
  await using direct = await openPostgresStore(schema.url);
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${schema.name}.log IN EXCLUSIVE MODE`);
  const appending = store.append({ stream: "s", expect: "none", events: [event] });
  await expect.poll(() => waiting(schema.name)).toBe(1);
  proxy.hold();
  await client.end();
  await expect.poll(() => direct.head()).toBe(1);
  expect(await appending).toMatchObject({ position: 1, isDuplicate: false });
  expect(await direct.head()).toBe(1);
});

test("what may take long is waited for though the server says nothing", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url, quick);
  await store.append({ stream: "s", events: [event] });
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${schema.name}.events IN ACCESS EXCLUSIVE MODE`);
  const looking = Promise.all([store.verify(), store.stats(), store.readSide.query("SELECT pg_sleep(1)")]);
  await delay(1_000);
  await client.end();
  expect((await looking)[0].isSound).toBe(true);
});

test("a statement that is slow but gets answers now and then is left alone, and a silent one is not", async () => {
  const client = new pg.Client({ connectionString: postgresUrl() });
  client.on("error", () => undefined);
  await client.connect();
  const talking =
    "DO $$ BEGIN FOR i IN 1..12 LOOP PERFORM pg_sleep(0.1); RAISE NOTICE '%', i; END LOOP; END $$";
  const run = (sql: string): Promise<unknown> =>
    unlessSilent(client as unknown as pg.PoolClient, 400, () => client.query(sql));
  await run(talking);
  await expect(run("SELECT pg_sleep(5)")).rejects.toThrow("the server was silent for 400 ms");
  await expect(run("SELECT 1")).rejects.toThrow(/not queryable/);
});

async function waiting(schema: string): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND query LIKE '%append_group%' AND query LIKE '%' || $1 || '%'`,
    [schema],
  );
  return row!.count;
}
