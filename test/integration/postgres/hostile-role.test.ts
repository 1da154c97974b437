/**
 * An application's role that turns against the owner of the store: whatever it may create, it creates under names that our
 * statements use, and does directly whatever it may do. Nothing of it runs with the rights of others, and the
 * log stays as it was.
 *
 * A trap is a function that notes who has run it. They are planted as operators, functions, casts, triggers, policies,
 * indexes and views, in every schema in which the role may create objects, which the owner's `search_path` even puts before
 * PostgreSQL's own.
 */
import { readFileSync } from "node:fs";
import { open } from "hitherto";
import type { Hitherto } from "hitherto";
import { migratePostgresStore } from "hitherto/postgres";
import { exportEvents } from "hitherto/store";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mailsBy, payments, totals } from "../../fixtures/postgres/kept-store.ts";
import { makeRole } from "../../support/postgres-roles.ts";
import type { TestRole } from "../../support/postgres-roles.ts";
import { freshSchema, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

const paid = { type: "Paid", data: { amount: 5 }, tags: ["paid", "amount:5"] };
const mails = { kind: "consumer", name: "mails" } as const;

const missing = { code: "STORE_RIGHTS_MISSING" };

let schema: TestSchema;
let owner: TestRole;
let application: TestRole;
/** Where the application may create objects, and where the owner looks for them first. */
let evil: string;

beforeEach(async () => {
  schema = freshSchema();
  owner = await makeRole(`owner_${schema.name}`, { makesSchemas: true });
  application = await makeRole(`app_${schema.name}`);
  evil = `evil_${schema.name}`;
  await runSql(`
    CREATE SCHEMA ${evil} AUTHORIZATION ${application.name};
    GRANT USAGE ON SCHEMA ${evil} TO PUBLIC;
    CREATE TABLE ${evil}.caught (who text, what text);
    GRANT ALL ON ${evil}.caught TO PUBLIC;
    ALTER ROLE ${owner.name} SET search_path = ${evil}, pg_catalog, public`);
  await asApplication(plantTraps(evil));
});

afterEach(async () => {
  await schema[Symbol.asyncDispose]();
  await runSql(`DROP SCHEMA ${evil} CASCADE`);
  await application[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

function asApplication(sql: string): Promise<object[]> {
  return runSql(sql, [], application.as(schema.url));
}

/** Functions of PostgreSQL that our statements call. */
const called =
  `concat_ws count current_setting date_part decode format hashtextextended json_array_elements json_agg
  json_array_length json_build_array json_build_object json_typeof jsonb_array_elements jsonb_array_length left max min
  nextval pg_advisory_xact_lock pg_get_userbyid pg_notify pg_total_relation_size round set_config split_part starts_with
  string_to_array substring to_json to_regclass to_timestamp clock_timestamp transaction_timestamp array_to_json
  cardinality array_fill jsonb_set quote_ident has_table_privilege chr replace`.split(/\s+/);

const operators = ["=", "<>", "<", ">", "<=", ">=", "||", "->", "->>", "#>>", "@>", "+", "-", "/", "~", "~~"];
const types = ["text", "bigint", "integer", "json", "jsonb", "text[]", "name", "oid", "boolean", "uuid"];

/** SQL that puts traps into a schema: operators for all pairs of types, and functions beside those of PostgreSQL. */
function plantTraps(target: string): string {
  return `
CREATE FUNCTION ${target}.trap(what text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN
  IF pg_catalog.current_setting('role') <> '${application.name}' AND current_user <> '${application.name}' THEN
    INSERT INTO ${evil}.caught VALUES (current_user, what);
  END IF;
END $$;
DO $plant$
DECLARE
  f record; a text; b text; operator text; n integer := 0;
BEGIN
  FOREACH a IN ARRAY '${arrayOf(types)}'::text[] LOOP
    FOREACH b IN ARRAY '${arrayOf(types)}'::text[] LOOP
      n := n + 1;
      EXECUTE pg_catalog.format('CREATE FUNCTION ${target}.op_%s(%s, %s) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM ${target}.trap(%L); RETURN NULL; END $$', n, a, b, a || ' operator ' || b);
      FOREACH operator IN ARRAY '${arrayOf(operators)}'::text[] LOOP
        EXECUTE pg_catalog.format('CREATE OPERATOR ${target}.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = ${target}.op_%s)',
          operator, a, b, n);
      END LOOP;
    END LOOP;
  END LOOP;
  FOR f IN
    SELECT proname AS name, pg_get_function_identity_arguments(oid) AS arguments, prorettype::regtype AS result FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ('${arrayOf(called)}') AND NOT proretset
      AND prokind = 'f' AND prorettype::regtype::text !~ '^(any|internal)'
      AND pg_get_function_identity_arguments(oid) !~ '(any|internal|VARIADIC)'
  LOOP
    EXECUTE pg_catalog.format('CREATE FUNCTION ${target}.%I(%s) RETURNS %s LANGUAGE plpgsql AS
      $$ BEGIN PERFORM ${target}.trap(%L); RETURN%s; END $$',
      f.name, f.arguments, f.result, f.name, CASE f.result WHEN 'void'::regtype THEN '' ELSE ' NULL' END);
  END LOOP;
END $plant$;`;
}

function arrayOf(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text}"`).join(",")}}`;
}

/** SQL that puts traps on a table or its view, which the application owns. */
function plantOnTable(table: string): string {
  return `
CREATE FUNCTION ${evil}.on_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM ${evil}.trap('trigger'); RETURN NEW;
END $$;
CREATE FUNCTION ${evil}.planned(integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  PERFORM ${evil}.trap('planning'); RETURN true;
END $$;
CREATE TRIGGER trapped BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${evil}.on_write();
CREATE INDEX ON ${table} (position) WHERE ${evil}.planned(1);
GRANT ALL ON ${table} TO PUBLIC;`;
}

/** What an application does: it fills the log, and runs a consumer and projections. */
async function useAsApplication(): Promise<void> {
  await using store = await open(application.as(schema.url), { mode: "write" });
  await store.append({ stream: "account-1", events: [paid, paid] });
  await store.append(
    { stream: "account-2", events: [paid], expect: "any" },
    { condition: { failIfMatch: [{ tags: ["amount:9"] }] } },
  );
  await using runner = await store.runProjections([totals, payments]);
  await runner.caughtUp();
  await using member = await store.consume(mailsBy(() => undefined));
  await member.caughtUp();
}

/** Everything that the owner of a store does, on all of which hostile code was put. */
async function useAsOwner(store: Hitherto): Promise<void> {
  await store.append({ stream: "account-3", events: [paid] });
  await store.append({ stream: "gone-1", events: [paid, paid] });
  expect(await store.read({ tags: ["paid"] }).toArray()).not.toEqual([]);
  expect(await store.read({ types: ["Paid"], backwards: true, limit: 2 }).toArray()).toHaveLength(2);
  expect(await store.readStream("account-1").toArray()).not.toEqual([]);
  await store.setStreamPolicy("account-1", { maxCount: 1 });
  await store.deleteStream("gone-1", { expect: 1 });
  await store.reclaim();
  expect((await store.stats()).streams).toBeGreaterThan(2);
  expect(await store.verify()).toMatchObject({ isSound: true });
  for await (const { text } of exportEvents(store)) expect(text).toContain("Paid");
  await store.consumers.pause("mails");
  await store.consumers.resume("mails");
  expect(await store.projections.status("totals")).toMatchObject({ name: "totals" });
  expect(await store.parked.count()).toBe(0);
}

/** The code of the error that a statement of the application's own ends with. */
async function refusalOf(sql: string): Promise<string> {
  return asApplication(sql).then(
    () => "done",
    (error: unknown) => (error as pg.DatabaseError).code ?? "",
  );
}

async function caught(): Promise<object[]> {
  return runSql(`SELECT DISTINCT who, what FROM ${evil}.caught ORDER BY what`);
}

async function eventsOf(sql: string): Promise<unknown> {
  return runSql(`SELECT position, stream, revision, data::text, recorded_at FROM ${sql} ORDER BY position`);
}

async function generationOf(name: string): Promise<number> {
  const [row] = await runSql<{ generation: string }>(
    `SELECT generation FROM ${schema.name}.generations WHERE name = $1`,
    [name],
  );
  return Number(row?.generation);
}

test("the traps catch who uses an operator or a function along the path", async () => {
  await runSql(
    "SELECT 1::bigint = 1::bigint, pg_catalog.now(), left('text'::text, 1)",
    [],
    owner.as(schema.url),
  );
  expect(await caught()).toEqual([
    { who: owner.name, what: "bigint operator bigint" },
    { who: owner.name, what: "left" },
  ]);
});

test("code of the application's role never runs with the owner's rights", async () => {
  await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  await useAsApplication();
  await asApplication(plantTraps(schema.readModels));
  const [documents, rows] = [await generationOf("totals"), await generationOf("payments")];
  await asApplication(plantOnTable(`${schema.readModels}.documents_${documents}`));
  await asApplication(`
    CREATE TRIGGER trapped BEFORE INSERT ON ${schema.readModels}.table_${rows}_payments
    FOR EACH ROW EXECUTE FUNCTION ${evil}.on_write();
    CREATE OR REPLACE VIEW ${schema.readModels}.read_totals AS
      SELECT d.key, d.document, d.position, ${evil}.trap('view')::text AS total
      FROM ${schema.readModels}.documents_${documents} d`);
  {
    await using store = await open(owner.as(schema.url));
    await useAsOwner(store);
    await expect(store.readModel(totals).get("1")).rejects.toMatchObject(missing);
    await expect(store.readModel(totals).find({})).rejects.toMatchObject(missing);
    await expect(store.query("SELECT * FROM {payments}", [], { model: "payments" })).rejects.toMatchObject(
      missing,
    );
    await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  }
  {
    // A superuser, too, may do more than the application.
    await using store = await open(schema.url);
    await expect(store.readModel(totals).get("1")).rejects.toMatchObject({
      details: { problem: expect.stringContaining(`belongs to the role "${application.name}"`) as unknown },
    });
    const { readSide } = store;
    const [model] = await readSide.listModels("totals");
    const { generation, position: from } = model!;
    const step = { step: "advance", generation, from, to: from } as const;
    const document = { key: "1", json: "{}", position: 1, indexed: [1] };
    await expect(readSide.commit({ models: [{ ...step, documents: [document] }] })).rejects.toMatchObject(
      missing,
    );
  }
  await useAsApplication();
  expect(await caught()).toEqual([]);
});

test("an application's role can do directly only what its functions do", async () => {
  const { name } = schema;
  await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  await useAsApplication();
  const before = await eventsOf(`${name}.events`);
  for (const sql of [
    `INSERT INTO ${name}.events (position, stream, revision, type, id, recorded_at)
     VALUES (1000, 'a', 0, 'Forged', gen_random_uuid(), now())`,
    `UPDATE ${name}.events SET data = '{}'`,
    `DELETE FROM ${name}.events`,
    `INSERT INTO ${name}.event_tags VALUES ('forged', 1)`,
    `UPDATE ${name}.log SET head = 1000`,
    `INSERT INTO ${name}.stream_policies (stream) VALUES ('a')`,
    `UPDATE ${name}.stream_policies SET deleted_before = 0`,
    `DELETE FROM ${name}.stream_policies`,
    `UPDATE ${name}.records SET value = '{}'`,
    `DELETE FROM ${name}.records`,
    `INSERT INTO ${name}.records VALUES ('s', 'k', 1, '{}')`,
    `UPDATE ${name}.generations SET position = 0`,
    `UPDATE ${name}.read_side SET last_generation = 0`,
    `UPDATE ${name}.meta SET format = 1`,
    `SELECT nextval('${name}.record_versions')`,
    `SELECT setval('${name}.record_versions', 1)`,
    `SELECT ${name}.write_records('{"put": [["s", "k", "{}"]]}')`,
    `CREATE TABLE ${name}.own (id integer)`,
    `CREATE FUNCTION ${name}.lock_log(text) RETURNS void LANGUAGE sql AS 'SELECT'`,
    `CREATE OR REPLACE FUNCTION ${name}.lock_log(timeout_ms integer) RETURNS void LANGUAGE sql AS 'SELECT'`,
    `CREATE TRIGGER t BEFORE INSERT ON ${name}.events FOR EACH ROW EXECUTE FUNCTION ${evil}.trap()`,
    `CREATE TABLE ${evil}.held (position bigint REFERENCES ${name}.events)`,
    `CREATE TABLE ${evil}.child () INHERITS (${name}.events)`,
    `CREATE RULE r AS ON INSERT TO ${name}.events DO ALSO NOTHING`,
    `BEGIN; LOCK TABLE ${name}.log IN EXCLUSIVE MODE; COMMIT`,
    `ALTER TABLE ${name}.events OWNER TO ${application.name}`,
    `ALTER SCHEMA ${name} RENAME TO other`,
    `DROP FUNCTION ${name}.lock_log(integer)`,
    `SET ROLE ${owner.name}`,
  ]) {
    expect([sql, await refusalOf(sql)]).toEqual([sql, "42501"]);
  }
  expect(await eventsOf(`${name}.events`)).toEqual(before);
});

test("temporary objects and settings of a session change nothing in functions that run as the owner", async () => {
  const { name } = schema;
  await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  const client = new pg.Client({ connectionString: application.as(schema.url) });
  await client.connect();
  try {
    await client.query(`SET search_path = ${evil}, pg_temp, pg_catalog`);
    for (const table of ["events", "log", "records", "pg_class", "pg_namespace", "generations"]) {
      await client.query(`CREATE TEMPORARY TABLE ${table} (position bigint, head bigint, oid oid)`);
    }
    await client.query(
      `SELECT ${name}.set_policy('account-1'::pg_catalog.text, 5::bigint, NULL::bigint, 0::bigint, 1000)`,
    );
    await client.query(
      `SELECT ${name}.commit_group('[{"put": [["s", "k", "{}"]]}]'::pg_catalog.jsonb, true, 1000)`,
    );
    await client.query("BEGIN");
    await using store = await open(application.as(schema.url), { mode: "write" });
    const joined = await store.join(client);
    await joined.append({ stream: "account-1", events: [paid] });
    expect(await joined.read({ tags: ["paid"] }).toArray()).toHaveLength(1);
    // The path is the session's own again.
    expect((await client.query("SHOW search_path")).rows).toEqual([
      { search_path: `${evil}, pg_temp, pg_catalog` },
    ]);
    await client.query("COMMIT");
    expect(await store.head()).toBe(1);
  } finally {
    await client.end();
  }
  expect(await caught()).toEqual([]);
});

test("who may only look at a store cannot write to it by its functions", async () => {
  await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  await useAsApplication();
  await using analyst = await makeRole(`analyst_${schema.name}`);
  await runSql(`
    GRANT USAGE ON SCHEMA ${schema.name}, ${schema.readModels} TO ${analyst.name};
    GRANT SELECT ON ALL TABLES IN SCHEMA ${schema.name}, ${schema.readModels} TO ${analyst.name}`);
  await using store = await open(analyst.as(schema.url), { mode: "write" });
  expect(await store.head()).toBe(3);
  expect((await store.readModel(totals).get("1")).document).toEqual({ total: 10 });
  await expect(store.append({ stream: "a", events: [paid] })).rejects.toMatchObject(missing);
  await expect(store.setStreamPolicy("a", { maxCount: 1 })).rejects.toMatchObject(missing);
  const put = [{ space: "s", key: "k", value: 1 }];
  await expect(store.readSide.commit({ put })).rejects.toMatchObject(missing);
});

test("a store of format 1 is migrated with what the application had put under its names", async () => {
  const { name } = schema;
  const dump = readFileSync(new URL("../../fixtures/postgres/format-1.sql", import.meta.url), "utf8");
  await runSql(dump.replaceAll(/\bhitherto\b(?=[.;])/g, name), [], owner.as(schema.url));
  await runSql(`
    GRANT USAGE, CREATE ON SCHEMA ${name} TO ${application.name};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${name} TO ${application.name};
    REVOKE UPDATE, DELETE ON ${name}.events, ${name}.event_tags FROM ${application.name};
    GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA ${name} TO ${application.name};
    ${[
      "TABLE documents_1",
      "TABLE table_2_payments",
      "VIEW documents_1_shown",
      "VIEW read_totals",
      "VIEW read_payments",
    ]
      .map((one) => `ALTER ${one.replace(" ", ` ${name}.`)} OWNER TO ${application.name};`)
      .join("\n")}`);
  await asApplication(plantTraps(name));
  await asApplication(plantOnTable(`${name}.documents_1`));
  await asApplication(`
    CREATE FUNCTION ${name}.append_group(${["text", "integer[]"].join(", ")}) RETURNS json LANGUAGE plpgsql AS
      $$ BEGIN PERFORM ${name}.trap('overload'); END $$;
    CREATE FUNCTION ${name}.lock_log(text) RETURNS void LANGUAGE plpgsql AS
      $$ BEGIN PERFORM ${name}.trap('overload'); END $$`);
  const before = await eventsOf(`${name}.events`);

  await migratePostgresStore(owner.as(schema.url));

  expect(await eventsOf(`${name}.events`)).toEqual(before);
  for (const sql of [
    `CREATE TABLE ${name}.own (id integer)`,
    `UPDATE ${name}.log SET head = 1000`,
    `UPDATE ${name}.records SET version = 0`,
  ]) {
    expect([sql, await refusalOf(sql)]).toEqual([sql, "42501"]);
  }
  {
    await using store = await open(application.as(schema.url), { mode: "write" });
    expect((await store.readModel(totals).get("1")).document).toEqual({ total: 15 });
    await store.append({ stream: "account-1", events: [paid] });
    await using runner = await store.runProjections([totals, payments]);
    await runner.caughtUp();
    expect((await store.readModel(totals).get("1")).document).toEqual({ total: 20 });
    // What is built from now on is in the schema of read models, and the old tables go.
    await store.projections.rebuild("totals");
    await expect
      .poll(async () =>
        runSql(
          `SELECT FROM pg_class WHERE relname = 'documents_1' AND relnamespace = to_regnamespace('${name}')`,
        ),
      )
      .toEqual([]);
    const { rows } = await store.query("SELECT sum(amount) AS sum FROM {payments}", [], {
      model: "payments",
    });
    expect(rows).toEqual([{ sum: 29 }]);
    expect((await store.readModel(totals).find({ where: { total: 20 } })).entries).toMatchObject([
      { key: "1" },
    ]);
  }
  await using store = await open(owner.as(schema.url));
  await useAsOwner2(store);
  expect(await caught()).toEqual([]);
});

/** What the owner does with the store that the dump holds. */
async function useAsOwner2(store: Hitherto): Promise<void> {
  await store.append({ stream: "account-9", events: [paid] });
  await store.consumers.pause("mails");
  expect(await store.verify()).toMatchObject({ isSound: true });
  expect((await store.stats()).format).toBe(2);
  expect(await store.parked.count(mails)).toBe(2);
}
