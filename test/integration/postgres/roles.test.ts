/**
 * An application whose database user may not change what has happened.
 */
import { open } from "hitherto";
import type { Hitherto } from "hitherto";
import { migratePostgresStore, planPostgresMigration } from "hitherto/postgres";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshSchema, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

const event = { type: "Noted", data: { text: "hello" }, tags: ["note:1"] };

let schema: TestSchema;
let owner: string;
let application: string;

beforeEach(async () => {
  schema = freshSchema();
  [owner, application] = [`owner_${schema.name}`, `app "${schema.name}"`];
  await runSql(
    `CREATE ROLE ${owner} LOGIN PASSWORD 'pw'; CREATE ROLE ${quoted(application)} LOGIN PASSWORD 'pw'`,
  );
  const [database] = await runSql<{ name: string }>("SELECT current_database() AS name");
  await runSql(`GRANT CREATE ON DATABASE ${quoted(database!.name)} TO ${owner}`);
});

afterEach(async () => {
  await schema[Symbol.asyncDispose]();
  await runSql(`DROP OWNED BY ${owner}, ${quoted(application)}; DROP ROLE ${owner}, ${quoted(application)}`);
});

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function urlOf(role: string): string {
  const url = new URL(schema.url);
  [url.username, url.password] = [encodeURIComponent(role), "pw"];
  return url.href;
}

/** What the server answers to a statement of the application's own. */
async function refusalOf(sql: string): Promise<unknown> {
  return runSql(sql, [], urlOf(application)).then(
    () => "done",
    (error: unknown) => (error as { readonly code: unknown }).code,
  );
}

describe("a store that its owner has made for an application", () => {
  beforeEach(async () => {
    await migratePostgresStore(urlOf(owner), { grantTo: application });
  });

  test("is opened and used by the application, which can not change events", async () => {
    await using store = await open(urlOf(application));
    await useEverything(store);
    const { name } = schema;
    expect(await refusalOf(`SELECT count(*) FROM ${name}.events`)).toBe("done");
    for (const sql of [
      `UPDATE ${name}.events SET data = '{}'`,
      `DELETE FROM ${name}.events`,
      `TRUNCATE ${name}.events`,
      `DROP TABLE ${name}.events`,
      `ALTER TABLE ${name}.events DISABLE TRIGGER ALL`,
      `DELETE FROM ${name}.event_tags`,
      `UPDATE ${name}.meta SET format = 0`,
      `DROP SCHEMA ${name} CASCADE`,
    ]) {
      expect([sql, await refusalOf(sql)]).toEqual([sql, "42501"]);
    }
    expect(await store.head()).toBe(3);
  });

  test("gives the application one right on the log and on records: to read them", async () => {
    for (const table of [
      "events",
      "event_tags",
      "log",
      "stream_policies",
      "records",
      "generations",
      "meta",
    ]) {
      const rights = await runSql<{ right: string }>(
        `SELECT "right" FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER,REFERENCES}'::text[]) AS "right"
         WHERE has_table_privilege($1, $2, "right")`,
        [application, `${schema.name}.${table}`],
      );
      expect(rights.map(({ right }) => right)).toEqual(["SELECT"]);
    }
  });

  test("is reclaimed by its owner, and not by the application", async () => {
    await using store = await open(urlOf(application));
    await store.append({ stream: "note-1", events: [event, event, event] });
    await store.setStreamPolicy("note-1", { maxCount: 1 });
    await expect(store.reclaim()).rejects.toMatchObject({ code: "STORE_RIGHTS_MISSING" });
    expect(await store.read().toArray()).toHaveLength(1);
    await using owned = await open(urlOf(owner));
    await owned.reclaim();
    const rows = await runSql(`SELECT revision::int FROM ${schema.name}.events`);
    expect(rows).toEqual([{ revision: 2 }]);
  });

  test("is left as it is by a second migration", async () => {
    await using store = await open(urlOf(application));
    await store.append({ stream: "note-1", events: [event] });
    const again = await migratePostgresStore(urlOf(owner), { grantTo: application });
    expect(again).toMatchObject({ fromFormat: 2, toFormat: 2 });
    expect(await store.head()).toBe(1);
  });
});

async function useEverything(store: Hitherto): Promise<void> {
  await store.append({ stream: "note-1", events: [event, event] });
  await store.append(
    { stream: "note-2", events: [event], expect: "none" },
    { condition: { failIfMatch: [{ tags: ["note:2"] }] } },
  );
  await store.setStreamPolicy("note-1", { maxCount: 1 });
  await store.deleteStream("note-2");
  expect(await store.read().toArray()).toHaveLength(1);
  expect((await store.verify()).isSound).toBe(true);
  expect((await store.stats()).streams).toBeGreaterThan(0);
}

test("a plan is the SQL that makes the store, and makes nothing", async () => {
  const plan = await planPostgresMigration(urlOf(owner), { grantTo: application });
  expect(plan).toMatchObject({ fromFormat: 0, toFormat: 2 });
  expect(await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema.name])).toEqual([]);
  await runSql(plan.sql, [], urlOf(owner));
  expect(await planPostgresMigration(urlOf(owner))).toMatchObject({ fromFormat: 2, sql: "" });
  await using store = await open(urlOf(application), { mode: "write" });
  await store.append({ stream: "note-1", events: [event] });
});

test.each<[unknown, string]>([
  ["", "the name of a role"],
  [7, "the name of a role"],
  ["a\0b", "the name of a role"],
  ["nobody_here", 'no role "nobody_here"'],
])("refuses to grant to the role %j", async (grantTo, problem) => {
  await expect(migratePostgresStore(schema.url, { grantTo: grantTo as string })).rejects.toMatchObject({
    code: "ARGUMENT_INVALID",
    details: { argument: "grantTo", problem: expect.stringContaining(problem) as unknown },
  });
});
