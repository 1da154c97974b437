/**
 * Erasing on a server, as somebody sees it who looks for a text in all bytes of the files of a store's tables.
 */
import { decider, open, projection } from "hitherto";
import type { Hitherto } from "hitherto";
import { migratePostgresStore } from "hitherto/postgres";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeRole } from "../../support/postgres-roles.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

const secret = "Ada-Lovelace-1815";

let schema: TestSchema;
beforeEach(() => {
  schema = freshSchema();
});
afterEach(() => schema[Symbol.asyncDispose]());

/** Tables and indexes in whose files the secret is: those of the store, and what is stored outside of their rows. */
async function found(): Promise<string[]> {
  await runSql("CHECKPOINT");
  const rows = await runSql<{ name: string }>(
    `WITH own AS (
       SELECT c.oid, c.reltoastrelid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE starts_with(n.nspname, $1) AND c.relkind = 'r'
     ),
     files AS (
       SELECT oid FROM own UNION SELECT reltoastrelid FROM own
       UNION SELECT i.indexrelid FROM pg_index i JOIN own ON i.indrelid IN (own.oid, own.reltoastrelid)
     )
     SELECT f.oid::regclass::text AS name FROM files f
     WHERE pg_relation_size(f.oid) > 0
       AND position(convert_to($2, 'UTF8') IN pg_read_binary_file(pg_relation_filepath(f.oid))) > 0
     ORDER BY 1`,
    [schema.name, secret],
  );
  return rows.map(({ name }) => name);
}

interface Registered {
  readonly name: string;
}

const person = decider("person", {
  initial: () => ({ name: "" }),
  evolve: {
    PersonRegistered: (_state, { name }: Registered) => ({ name }),
    NoteTaken: (state, _data: { text: string }) => state,
  },
  decide: {},
});

const people = projection("people", {
  initial: () => ({ name: "" }),
  evolve: { PersonRegistered: (_document, { name }: Registered) => ({ name }), PersonForgotten: () => null },
  indexes: ["name"],
});

const note = { type: "NoteTaken", data: { text: "plain" } };

/** Puts the secret into everything that keeps something of an event, and takes it out again by the documented calls. */
async function fillAndForget(store: Hitherto): Promise<void> {
  await using runner = await store.runProjections([people]);
  const registered = {
    type: "PersonRegistered",
    data: { name: secret },
    tags: [`name:${secret}`],
    metadata: { userId: secret, correlationId: `${secret}-request` },
  };
  for (let n = 0; n < 50; n++) {
    await store.append({
      stream: `person-${n}`,
      events: [{ type: "PersonRegistered", data: { name: `${n}` } }],
    });
  }
  // Not compressible, so that it is stored outside of the row, in pieces.
  const long = Array.from({ length: 2_000 }, (_, n) => `${secret}${Math.sin(n)}`).join();
  await store.append({
    stream: "person-ada",
    events: [registered, { type: "NoteTaken", data: { text: long } }],
  });
  await store.append({
    stream: "person-1",
    events: ["x", secret, "y"].map((text) => ({ ...note, data: { text }, tags: [`note:${text}`] })),
  });
  await store.snapshot(person, "ada");
  await runner.caughtUp();
  expect((await store.readModel(people).get("ada")).document).toEqual({ name: secret });
  await store.append({ stream: "person-ada", events: [{ type: "PersonForgotten", data: {} }] });
  await runner.caughtUp();
  await store.deleteStream("person-ada");
  await store.setStreamPolicy("person-1", { truncateBefore: 3 });
}

describe("erasing", () => {
  test("leaves no byte of what was hidden and deleted in the files of the tables", async () => {
    await using store = await open(schema.url);
    await fillAndForget(store);
    expect((await store.reclaim()).events).toBe(6);
    for (const table of ["events", "event_tags", "snapshots"]) {
      await runSql(`VACUUM ${pg.escapeIdentifier(schema.name)}.${table}`);
    }
    // A plain VACUUM is not enough.
    expect(await found()).not.toEqual([]);

    expect(await store.reclaim({ erase: true })).toEqual({ events: 0, isErased: true });
    expect(await found()).toEqual([]);
    expect(await store.verify()).toMatchObject({ isSound: true });
    expect((await store.append({ stream: "person-1", events: [note] })).revision).toBe(4);
    expect((await store.readModel(people).get("2")).document).toEqual({ name: "2" });
  });

  test("says so while an older transaction may still see what was deleted", async () => {
    await using store = await open(schema.url, { busyTimeoutMs: 300 });
    await store.append({ stream: "person-ada", events: [{ ...note, data: { text: secret } }] });
    const reader = new pg.Client(postgresUrl());
    await reader.connect();
    await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await reader.query("SELECT 1");
    await store.deleteStream("person-ada");
    const heldBack = expect.stringContaining("older transaction") as string;
    expect(await store.reclaim({ erase: true })).toEqual({ events: 1, isErased: false, heldBack });
    await reader.end();
    // Other tests have transactions in the same database.
    await expect.poll(() => store.reclaim({ erase: true })).toEqual({ events: 0, isErased: true });
    expect(await found()).toEqual([]);
  });

  test("says which table somebody else uses, and does not wait for ever", async () => {
    await using store = await open(schema.url, { busyTimeoutMs: 300 });
    await store.append({ stream: "person-ada", events: [note] });
    const reader = new pg.Client(postgresUrl());
    await reader.connect();
    await reader.query("BEGIN");
    await reader.query(`LOCK TABLE ${pg.escapeIdentifier(schema.name)}.snapshots IN ACCESS SHARE MODE`);
    const heldBack = expect.stringContaining("snapshots is in use") as string;
    await expect.poll(() => store.reclaim({ erase: true })).toMatchObject({ isErased: false, heldBack });
    await reader.end();
  });

  test("is for the owner: the application is refused, and tables of other roles are named", async () => {
    await using owner = await makeRole(`${schema.name}_owner`, { makesSchemas: true });
    await using app = await makeRole(`${schema.name}_app`);
    await migratePostgresStore(owner.as(schema.url), { grantTo: app.name });
    await using store = await open(app.as(schema.url));
    await using runner = await store.runProjections([people]);
    await runner.caughtUp();
    await expect(store.reclaim({ erase: true })).rejects.toMatchObject({ code: "STORE_RIGHTS_MISSING" });
    await using owned = await open(owner.as(schema.url));
    const heldBack = expect.stringMatching(/documents_\d+ belongs to a role/) as string;
    await expect.poll(() => owned.reclaim({ erase: true })).toMatchObject({ isErased: false, heldBack });
  });
});
