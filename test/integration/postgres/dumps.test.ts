/**
 * A dump of a store of each format, restored into a fresh cluster, opens, is sound, reads on and goes on.
 */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { open } from "hitherto";
import type { Hitherto } from "hitherto";
import { exportEvents } from "hitherto/store";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatVersion } from "../../../src/postgres/migrations.ts";
import { fillLog, keptAt, keptId, mailsBy, payments, totals } from "../../fixtures/postgres/kept-store.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import type { TestServer } from "../../support/postgres-server.ts";
import { runSql } from "../../support/postgres.ts";

const folder = new URL("../../fixtures/postgres/", import.meta.url);
const mails = { kind: "consumer", name: "mails" } as const;
const formats = readdirSync(folder).flatMap((name) => /^format-(\d+)\.sql$/.exec(name)?.[1] ?? []);

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

test("there is a dump of every format", () => {
  expect(formats.map(Number).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: formatVersion }, (_, index) => index + 1),
  );
});

async function exported(store: Hitherto): Promise<string> {
  let lines = "";
  for await (const chunk of exportEvents(store)) lines += chunk.text;
  return lines;
}

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The tables, indexes, constraints and functions of a store; not those of its read models. */
const catalogueSql = `
SELECT what.name, what.definition FROM (
  SELECT format('%s %s', c.relname, a.attnum) AS name, concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)) AS definition
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'hitherto'::regnamespace
  UNION ALL
  SELECT c.relname || ' constraint', pg_get_constraintdef(o.oid)
  FROM pg_class c JOIN pg_constraint o ON o.conrelid = c.oid AND o.contype <> 'n'
  WHERE c.relnamespace = 'hitherto'::regnamespace
  UNION ALL
  SELECT tablename || ' index', indexdef FROM pg_indexes WHERE schemaname = 'hitherto'
  UNION ALL
  SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'hitherto'::regnamespace
) AS what
WHERE what.name !~ '^(documents_|table_|read_(totals|payments))' ORDER BY what.name, what.definition`;

function catalogueOf(url: string): Promise<object[]> {
  return runSql(catalogueSql, [], url);
}

describe.each(formats)("a dump of format %s", (format) => {
  let url: string;
  let databases = 0;
  beforeEach(async () => {
    const database = `format_${format}_${(databases += 1)}`;
    await runSql(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8'`, [], server.url);
    const named = new URL(server.url);
    named.pathname = `/${database}`;
    url = named.href;
    await runSql(readFileSync(new URL(`format-${format}.sql`, folder), "utf8"), [], url);
  });
  afterEach(async () => {
    const { pathname } = new URL(url);
    await runSql(`DROP DATABASE ${pathname.slice(1)} WITH (FORCE)`, [], server.url);
  });

  /** A store in memory that was filled the same. */
  async function filled(): Promise<Hitherto> {
    const store = await open("memory:", { clock: () => keptAt });
    await fillLog(store);
    return store;
  }

  test("is made by opening it what a new store is", async () => {
    await (await open(url)).close();
    const restored = await catalogueOf(url);
    await runSql("DROP SCHEMA hitherto CASCADE", [], url);
    await (await open(url)).close();
    // Where they differ, the tables or functions have changed. Released ones never do: what is new is a new format. Before
    // the release, `write-format.ts` beside the dump writes it anew.
    expect(restored).toEqual(await catalogueOf(url));
  });

  test("holds what was put into it, and is sound", async () => {
    await using store = await open(url);
    await using memory = await filled();
    expect(await exported(store)).toBe(await exported(memory));
    expect(await allOf(store.listStreams())).toEqual(await allOf(memory.listStreams()));
    expect(await store.verify()).toMatchObject({ isSound: true, problems: [] });
    const { head, events } = await memory.stats();
    expect(await store.stats()).toMatchObject({ format: formatVersion, head, events, snapshots: 1 });
    const snapshot = await store.snapshots.find("account-1", { name: "account", stateVersion: 1 });
    expect(snapshot?.state).toEqual(new Uint8Array([1, 5]));
    expect((await store.findEvent(keptId(1)))?.stream).toBe("account-1");
  });

  test("goes on with the next position in a cluster whose transactions are far behind", async () => {
    const [cluster] = await runSql<{ age: string }>("SELECT pg_current_xact_id()::text AS age", [], url);
    expect(Number(cluster?.age)).toBeLessThan(100_000);
    await using store = await open(url);
    const head = await store.head();
    const follower = store.subscribe({ after: head })[Symbol.asyncIterator]();
    const next = follower.next();
    const events = [{ type: "Paid", data: { amount: 1 }, tags: ["paid"] }];
    expect(await store.append({ stream: "account-1", expect: 1, events })).toMatchObject({
      position: head + 1,
      revision: 2,
    });
    expect((await next).value).toMatchObject({ position: head + 1 });
    await follower.return?.(undefined);
    const repeated = { stream: "account-1", events: [{ type: "Paid", data: { amount: 10 }, id: keptId(1) }] };
    expect(await store.append(repeated)).toMatchObject({ isDuplicate: true, position: 1 });
    const condition = { failIfMatch: [{ tags: ["amount:7"] }] };
    await expect(store.append({ stream: "a", events }, { condition })).rejects.toMatchObject({
      code: "CONDITION_CONFLICT",
    });
    await expect(store.append({ stream: "grave-1", events })).rejects.toMatchObject({
      code: "STREAM_TOMBSTONED",
    });
    expect(await store.append({ stream: "gone-1", events })).toMatchObject({
      revision: 3,
      position: head + 2,
    });
    expect(await store.verify()).toMatchObject({ isSound: true });
  });

  test("has read models that go on where they were", async () => {
    await using store = await open(url);
    expect((await store.readModel(totals).get("1")).document).toEqual({ total: 15 });
    const { position } = await store.append({
      stream: "account-1",
      events: [{ type: "Paid", data: { amount: 4 } }],
    });
    await using runner = await store.runProjections([totals, payments]);
    await runner.caughtUp();
    expect((await store.readModel(totals).find({ where: { total: 19 } })).entries).toMatchObject([
      { key: "1" },
    ]);
    const { rows } = await store.query("SELECT * FROM {payments} ORDER BY place", [], { model: "payments" });
    expect(rows.map(({ amount }) => amount)).toEqual([10, 5, -1, 3, 7, 4]);
    expect(rows.at(-1)).toMatchObject({ place: position });
    await store.projections.rebuild("totals");
    while ((await store.projections.status("totals")).rebuild !== undefined) await delay(20);
    expect((await store.readModel(totals).get("2")).document).toEqual({ total: 2 });
  });

  test("has consumers that go on where they were, with what they had parked", async () => {
    await using store = await open(url);
    const parked = await allOf(store.parked.list(mails));
    expect(parked.map(({ position, state }) => [position, state])).toEqual([
      [3, "failed"],
      [4, "held"],
    ]);
    const sent: number[] = [];
    await using member = await store.consume(mailsBy((amount) => void sent.push(amount)));
    await store.append({ stream: "account-3", events: [{ type: "Paid", data: { amount: 9 } }] });
    await member.caughtUp();
    expect(sent).toEqual([9]);
    await store.parked.replay(mails);
    while ((await store.parked.count()) > 0) await delay(20);
    expect(sent).toEqual([9, -1, 3]);
  });
});
