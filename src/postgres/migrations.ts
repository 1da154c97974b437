/**
 * The tables and functions of a store, made and migrated from format to format.
 *
 * Each format has the SQL that changes the tables of the one before; the table `meta` says how far a schema has got.
 * After it, all functions are made again as they are now, and the rights of applications are given again. Whoever
 * opens a store for writing runs what is missing, in one transaction, while an advisory lock lets one at a time do so.
 */
import { HithertoError } from "../core/errors.ts";
import { appendFunctions } from "./append-functions.ts";
import { inSchema } from "./identifiers.ts";
import { logTables } from "./log-tables.ts";
import { sqlStateOf } from "./postgres-errors.ts";
import { readSideFunctions, readSideTables } from "./read-side/read-side-tables.ts";
import { grantAgain, takeRightsOfFormat1 } from "./roles.ts";
import { setLocally } from "./session-settings.ts";
import type { Database, Session } from "./session.ts";
import { streamFunctions } from "./stream-functions.ts";

/** What leads to a format from the one before. */
export interface Migration {
  readonly format: number;
  /** `{schema}` stands for the schema, `{read_models}` for that of read models. */
  readonly sql: string;
}

const metaTable = `
CREATE TABLE {schema}.meta (
  single    boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- The format of the tables and functions of this schema.
  format  integer NOT NULL
);
INSERT INTO {schema}.meta (format) VALUES (0);
`;

/**
 * Read models in a schema of their own. Tables that there are stay where they are until they are rebuilt: they may belong to
 * an application's role, and then nobody else can move them.
 */
const readModelsApart = `
LOCK TABLE {schema}.read_side IN EXCLUSIVE MODE;
DO $schema$
DECLARE
  owner text := (
    SELECT r.rolname FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
    WHERE n.nspname = {read_models_text} AND NOT r.rolsuper
      AND r.oid <> (SELECT c.relowner FROM pg_class c WHERE c.oid = (SELECT m.tableoid FROM {schema}.meta m)));
BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = {read_models_text}) THEN
    CREATE SCHEMA {read_models};
  ELSIF owner <> current_user THEN
    RAISE EXCEPTION 'the schema "%" is for read models, and belongs to the role "%"', {read_models_text}, owner
      USING ERRCODE = 'insufficient_privilege';
  END IF;
END $schema$;
-- Generations up to this one have their tables in the store's own schema.
ALTER TABLE {schema}.meta ADD COLUMN last_in_schema bigint NOT NULL DEFAULT 0;
UPDATE {schema}.meta SET last_in_schema = (SELECT r.last_generation FROM {schema}.read_side r);
`;

/** All formats, in order. A format that has been released is never changed. */
export const migrations: readonly Migration[] = [
  { format: 1, sql: [metaTable, logTables, readSideTables].join("") },
  { format: 2, sql: readModelsApart },
];

const functions = [appendFunctions, streamFunctions, readSideFunctions].join("");

/** The format that this version of Hitherto writes. */
export const formatVersion: number = migrations.at(-1)!.format;

/** The SQL that makes or migrates a store, as one transaction, for those who want to read it or run it by hand. */
export function migrationScript(schema: string, fromFormat: number, grants: string): string {
  const sql = migrationSql(schema, fromFormat) + grants;
  return sql === "" ? "" : `BEGIN;\n${setLocally.trim()}\n${sql}\nCOMMIT;\n`;
}

function migrationSql(schema: string, fromFormat: number): string {
  const steps = migrations.filter(({ format }) => format > fromFormat);
  if (steps.length === 0) return "";
  const create = fromFormat === 0 ? "CREATE SCHEMA IF NOT EXISTS {schema};\n" : "";
  const tables = steps.map(({ sql }) => sql).join("");
  const rights = fromFormat === 1 ? grantAgain + takeRightsOfFormat1 : grantAgain;
  const end = `\nUPDATE {schema}.meta SET format = ${formatVersion};\n`;
  return inSchema(schema, create + tables + functions + rights + end);
}

/** The format of the store; 0 when there is none. */
export async function findFormat(session: Session, schema: string): Promise<number> {
  // Asked of the catalogue first: a statement about a table that is missing would end a transaction. Asked by rows, since
  // `to_regclass` answers from a cache, which does not know of the table that another transaction has just committed.
  const found = await session.query(
    "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'meta'",
    [schema],
  );
  if (found.length === 0) return 0;
  const [row] = await session.query<[number]>(inSchema(schema, "SELECT format FROM {schema}.meta"));
  return row?.[0] ?? 0;
}

/** Generations up to this one have their tables in the store's own schema, where formats before 2 made them. */
export async function findLastInSchema(database: Database): Promise<number> {
  const [row] = await database.query<[number]>(
    database.qualify("SELECT m.last_in_schema FROM {schema}.meta m"),
    [],
  );
  return row?.[0] ?? 0;
}

/**
 * Makes the store, or migrates it to this version's format; looks only, when `mode` is not `create`.
 *
 * @throws `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_FORMAT_OLDER`, `STORE_RIGHTS_MISSING`
 */
export async function migrate(database: Database, mode: "create" | "write" | "read"): Promise<void> {
  const { store, schema } = database;
  const format = await database.withConnection((connection) => findFormat(connection, schema));
  if (format > formatVersion) {
    throw new HithertoError("STORE_FORMAT_NEWER", { store, format, known: formatVersion });
  }
  if (format === formatVersion) return;
  if (format === 0 && mode !== "create") {
    throw new HithertoError("STORE_NOT_FOUND", { store, problem: "the schema holds no store" });
  }
  if (mode !== "create") {
    throw new HithertoError("STORE_FORMAT_OLDER", { store, format, known: formatVersion });
  }
  await database.transaction((connection) => lift(connection, database));
}

async function lift(connection: Session, { store, schema }: Database): Promise<void> {
  await connection.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`hitherto ${schema}`]);
  const sql = migrationSql(schema, await findFormat(connection, schema));
  if (sql === "") return;
  try {
    await connection.query(sql);
  } catch (error) {
    if (sqlStateOf(error) !== "42P07") throw error;
    const problem = "its schema holds tables of something else";
    throw new HithertoError("STORE_NOT_A_STORE", { store, problem }, { cause: error });
  }
}
