/**
 * The tables and functions of a store, made and lifted from format to format.
 *
 * Each format has the SQL that leads to it from the one before; the table `meta` says how far a schema has got. Whoever
 * opens a store for writing runs what is missing, in one transaction, while an advisory lock lets one at a time do so.
 */
import { HithertoError } from "../core/errors.ts";
import { appendFunctions } from "./append-functions.ts";
import { logTables } from "./log-tables.ts";
import { sqlStateOf } from "./postgres-errors.ts";
import { readSideTables } from "./read-side/read-side-tables.ts";
import { inSchema } from "./session.ts";
import type { Database, Session } from "./session.ts";
import { streamFunctions } from "./stream-functions.ts";

/** What leads to a format from the one before. */
export interface Migration {
  readonly format: number;
  /** `{schema}` stands for the schema. */
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

/** All formats, in order. A format that has been released is never changed. */
export const migrations: readonly Migration[] = [
  { format: 1, sql: [metaTable, logTables, appendFunctions, streamFunctions, readSideTables].join("") },
];

/** The format that this version of Hitherto writes. */
export const formatVersion: number = migrations.at(-1)!.format;

/** The SQL that makes or lifts a store, for those who want to read it or run it by hand. */
export function migrationSql(schema: string, fromFormat: number = 0): string {
  const steps = migrations.filter(({ format }) => format > fromFormat);
  if (steps.length === 0) return "";
  const create = fromFormat === 0 ? "CREATE SCHEMA IF NOT EXISTS {schema};\n" : "";
  const sql = steps.map((step) => `${step.sql}\nUPDATE {schema}.meta SET format = ${step.format};\n`);
  return inSchema(schema, create + sql.join(""));
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

/**
 * Makes the store, or lifts it to this version's format; looks only, when `mode` is not `create`.
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
