/**
 * Settings that hosts of PostgreSQL vary, all of them odd at once in one database: what a store promises does not depend on
 * them. Once on a connection of our own, and once through a proxy that takes no settings with the request to connect.
 */
import { consumer, decider, decisionModel, open, projection, sqlProjection } from "hitherto";
import type { Hitherto } from "hitherto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPgBouncer, whyNoPgBouncer } from "../../support/pgbouncer.ts";
import type { PgBouncer } from "../../support/pgbouncer.ts";
import { postgresUrl, runSql } from "../../support/postgres.ts";

const missing = whyNoPgBouncer();
if (missing !== undefined) {
  process.stderr.write(`\n*** The tests of settings through PgBouncer are left out: ${missing}.\n\n`);
}

/** Each is set for the database as `ALTER DATABASE … SET` takes it; what a server does not know is left out. */
const odd: Readonly<Record<string, string>> = {
  default_transaction_isolation: "serializable",
  default_transaction_read_only: "on",
  default_transaction_deferrable: "on",
  "plpgsql.extra_errors": "all",
  "plpgsql.extra_warnings": "all",
  "plpgsql.variable_conflict": "use_column",
  "plpgsql.check_asserts": "on",
  statement_timeout: "50s",
  lock_timeout: "40s",
  idle_in_transaction_session_timeout: "50s",
  idle_session_timeout: "50s",
  transaction_timeout: "55s",
  DateStyle: "SQL, DMY",
  IntervalStyle: "sql_standard",
  TimeZone: "Pacific/Chatham",
  bytea_output: "escape",
  extra_float_digits: "-15",
  standard_conforming_strings: "off",
  backslash_quote: "off",
  escape_string_warning: "on",
  client_encoding: "LATIN1",
  client_min_messages: "debug1",
  search_path: "nowhere",
  row_security: "off",
  session_replication_role: "replica",
  synchronous_commit: "off",
  array_nulls: "off",
  transform_null_equals: "on",
  quote_all_identifiers: "on",
  default_toast_compression: "pglz",
  default_table_access_method: "heap",
  default_statistics_target: "1",
  password_encryption: "md5",
  xmloption: "document",
  xmlbinary: "hex",
  lc_messages: "C",
  lc_numeric: "C",
  jit: "on",
  jit_above_cost: "0",
  work_mem: "64kB",
  temp_buffers: "100",
  temp_file_limit: "10MB",
  plan_cache_mode: "force_generic_plan",
  enable_indexscan: "off",
  enable_indexonlyscan: "off",
  enable_nestloop: "off",
  enable_sort: "off",
  from_collapse_limit: "1",
  join_collapse_limit: "1",
  geqo_threshold: "2",
  constraint_exclusion: "on",
  log_statement: "all",
  log_min_duration_statement: "0",
  debug_print_plan: "on",
  track_functions: "all",
};

interface Amount {
  readonly amount: number;
}

const account = decider("account", {
  initial: () => ({ balance: 0 }),
  evolve: { Paid: (state, { amount }: Amount) => ({ balance: state.balance + amount }) },
  decide: { pay: (_state, payload: Amount) => ({ type: "Paid", data: payload, tags: ["paid"] }) },
});

const totals = projection("totals", {
  initial: () => ({ total: 0 }),
  indexes: ["total"],
  evolve: { Paid: (document, { amount }: Amount) => ({ total: document.total + amount }) },
});

const payments = sqlProjection("payments", {
  tables: { payments: "place bigint PRIMARY KEY, amount float8 NOT NULL, raw bytea, noted timestamptz" },
  indexes: { payments: ["(amount)"] },
  on: {
    Paid: async (sql, { amount }: Amount, { position }) => {
      const values = [position, amount, new Uint8Array([0, 92, 255]), "2026-03-04T05:06:07Z"];
      await sql.run("INSERT INTO {payments} VALUES (?, ?, ?, ?)", values);
    },
  },
});

const paidAny = decisionModel({ tags: ["paid"], initial: () => 0, evolve: { Paid: (n: number) => n + 1 } });

const server = new URL(postgresUrl());
const database = `settings_${process.pid}`;
const hosted = new URL(server);
hosted.pathname = `/${database}`;

let bouncer: PgBouncer | undefined;
beforeAll(async () => {
  await runSql(`CREATE DATABASE ${database}`);
  for (const [name, value] of Object.entries(odd)) {
    const known = await runSql("SELECT FROM pg_settings WHERE name = lower($1) OR $1 LIKE 'plpgsql.%'", [
      name,
    ]);
    if (known.length > 0) await runSql(`ALTER DATABASE ${database} SET ${name} = '${value}'`);
  }
  if (missing === undefined) bouncer = await startPgBouncer(hosted.href);
});
afterAll(async () => {
  await bouncer?.stop();
  await runSql(`DROP DATABASE ${database} WITH (FORCE)`);
});

/** Everything that a store does, with the results that it has everywhere. */
async function useEverything(store: Hitherto, url: string): Promise<void> {
  await store.append({
    stream: "text-ä",
    events: [{ type: "Said", data: { text: String.raw`\ ' " ü 🙂`, n: 0.1 }, tags: ["said"] }],
  });
  for (const amount of [0.1, 0.2]) {
    expect(await store.execute(account, "1", "pay", { amount })).toMatchObject({ accepted: true });
  }
  expect(await store.load(account, "1")).toMatchObject({ state: { balance: 0.1 + 0.2 } });
  const condition = { failIfMatch: [{ tags: ["said"] }] };
  await expect(
    store.append({ stream: "a", events: [{ type: "A", data: 1 }] }, { condition }),
  ).rejects.toMatchObject({ code: "CONDITION_CONFLICT" });
  expect(await store.loadModel(paidAny)).toMatchObject({ state: 2 });
  const [said] = await store.read({ tags: ["said"] }).toArray();
  expect(said?.data).toEqual({ text: String.raw`\ ' " ü 🙂`, n: 0.1 });
  expect(await store.readStream("account-1", { backwards: true }).toArray()).toHaveLength(2);
  expect(await store.read({ types: ["Paid"], limit: 1 }).toArray()).toHaveLength(1);

  await using runner = await store.runProjections([totals, payments]);
  await runner.caughtUp();
  expect((await store.readModel(totals).find({ where: { total: { gt: 0.3 } } })).entries).toMatchObject([
    { key: "1", document: { total: 0.1 + 0.2 } },
  ]);
  const { rows } = await store.query(
    "SELECT amount, sum(amount) OVER () AS sum, raw, noted AT TIME ZONE 'UTC' AS noted FROM {payments} ORDER BY place",
    [],
    { model: "payments" },
  );
  expect(rows[0]).toEqual({
    amount: 0.1,
    sum: 0.1 + 0.2,
    raw: new Uint8Array([0, 92, 255]),
    noted: "2026-03-04 05:06:07",
  });

  const handled: number[] = [];
  const mails = consumer("mails", { on: { Paid: ({ amount }: Amount) => void handled.push(amount) } });
  await using member = await store.consume(mails);
  await member.caughtUp();
  expect(handled).toEqual([0.1, 0.2]);

  await store.snapshots.save({
    stream: "account-1",
    name: "account",
    stateVersion: 1,
    revision: 1,
    takenAt: "2026-01-01T00:00:00.000Z",
    state: new Uint8Array([0, 92, 255]),
  });
  const snapshot = await store.snapshots.find("account-1", { name: "account", stateVersion: 1 });
  expect(snapshot?.state).toEqual(new Uint8Array([0, 92, 255]));

  await store.setStreamPolicy("account-1", { maxCount: 1 });
  await store.deleteStream("text-ä", { expect: 0 });
  await store.reclaim();
  expect(await store.verify()).toMatchObject({ isSound: true, problems: [] });
  expect(await store.stats()).toMatchObject({ head: 3, durability: "none" });

  await useJoined(store, url);
  await runner.caughtUp();
  expect((await store.readModel(totals).get("2")).document).toEqual({ total: 7 });
}

/** A transaction of the application's, which must be READ COMMITTED. */
async function useJoined(store: Hitherto, url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    const joined = await store.join(client);
    expect(await joined.execute(account, "2", "pay", { amount: 7 })).toMatchObject({ accepted: true });
    expect(
      await joined.query("SELECT count(*) AS n FROM {payments}", [], { model: "payments" }),
    ).toMatchObject({
      rows: [{ n: 2 }],
    });
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}

function urlOf(schema: string, base = hosted.href): string {
  const url = new URL(base);
  url.searchParams.set("schema", schema);
  return url.href;
}

describe("in a database whose settings are odd", () => {
  test("the settings are what a connection gets", async () => {
    const [row] = await runSql("SHOW default_transaction_isolation", [], hosted.href);
    expect(row).toEqual({ default_transaction_isolation: "serializable" });
  });

  test("a store does what it does everywhere", async () => {
    await using store = await open(urlOf("direct"));
    await useEverything(store, hosted.href);
  });

  test.each(["repeatable read", "serializable"])(
    "so it does where the URL asks for %s",
    async (isolation) => {
      const url = new URL(urlOf(isolation.replace(" ", "_")));
      url.searchParams.set(
        "options",
        `-c default_transaction_isolation=${isolation.replace(" ", String.raw`\ `)}`,
      );
      await using store = await open(url);
      await useEverything(store, hosted.href);
    },
  );

  test.skipIf(missing !== undefined)("a store does it through a proxy that takes no settings", async () => {
    await using store = await open(bouncer!.through(urlOf("proxied")));
    await useEverything(store, bouncer!.through(hosted.href));
    // Nothing is left in the connections that it shares with others.
    const { rows } = await store.query("SELECT current_setting('search_path') AS path");
    expect(rows).toEqual([{ path: expect.stringMatching(/^"?pg_catalog"?, "?pg_temp"?$/) as unknown }]);
    for (let n = 0; n < 10; n++) {
      const shown = await runSql("SHOW search_path", [], bouncer!.through(hosted.href));
      expect(shown).toEqual([{ search_path: "nowhere" }]);
    }
  });
});
