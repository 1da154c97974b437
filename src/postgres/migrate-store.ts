/**
 * Making and lifting a store as a step of its own, for those whose applications may not make tables.
 */
import { HithertoError } from "../core/errors.ts";
import { inWords } from "../store/check-input.ts";
import { planConnection } from "./connection-plan.ts";
import { findFormat, formatVersion, migrate, migrationScript } from "./migrations.ts";
import type { PostgresStoreOptions } from "./options.ts";
import { sqlStateOf } from "./postgres-errors.ts";
import { applicationGrants } from "./roles.ts";
import { Database } from "./session.ts";

/** How a store is made or lifted. */
export interface PostgresMigrationOptions extends Omit<PostgresStoreOptions, "mode" | "clock" | "onError"> {
  /** A role that is given what an application needs: everything but changing events and making the store. */
  readonly grantTo?: string | undefined;
}

/** What makes a store, or lifts it to the format of this version of Hitherto. */
export interface PostgresMigration {
  /** Names the store: its URL without a password. */
  readonly store: string;
  /** The format that was found; 0 when there was no store. */
  readonly fromFormat: number;
  /** The format of this version of Hitherto. */
  readonly toFormat: number;
  /** The statements; empty when there is nothing to do. */
  readonly sql: string;
}

/**
 * Works out what there is to do on a server, and does none of it.
 *
 * @throws `STORE_FORMAT_NEWER`, `ARGUMENT_INVALID`, and what keeps from connecting; see `openPostgresStore`
 * @example
 * ```ts
 * import { planPostgresMigration } from "hitherto/postgres";
 * const { sql } = await planPostgresMigration("postgres://owner@localhost/bank", { grantTo: "bank_app" });
 * console.log(sql);
 * ```
 */
export function planPostgresMigration(
  url: string | URL,
  options: PostgresMigrationOptions = {},
): Promise<PostgresMigration> {
  return withDatabase(url, options, planOn);
}

/**
 * Makes a store, or lifts it, and gives a role its rights. Several processes may do so at once; done again, it changes nothing.
 *
 * @throws `STORE_FORMAT_NEWER`, `STORE_NOT_A_STORE`, `STORE_RIGHTS_MISSING`, `ARGUMENT_INVALID`, and what keeps from
 * connecting; see `openPostgresStore`
 * @example
 * ```ts
 * import { migratePostgresStore } from "hitherto/postgres";
 * await migratePostgresStore("postgres://owner@localhost/bank", { grantTo: "bank_app" });
 * ```
 */
export function migratePostgresStore(
  url: string | URL,
  options: PostgresMigrationOptions = {},
): Promise<PostgresMigration> {
  return withDatabase(url, options, async (database, grantTo) => {
    const plan = await planOn(database, grantTo);
    await migrate(database, "create");
    if (grantTo !== undefined) await grant(database, grantTo);
    return plan;
  });
}

async function planOn(database: Database, grantTo: string | undefined): Promise<PostgresMigration> {
  const { store, schema } = database;
  const fromFormat = await database.withConnection((connection) => findFormat(connection, schema));
  if (fromFormat > formatVersion) {
    throw new HithertoError("STORE_FORMAT_NEWER", { store, format: fromFormat, known: formatVersion });
  }
  const grants = grantTo === undefined ? "" : applicationGrants(schema, grantTo);
  return { store, fromFormat, toFormat: formatVersion, sql: migrationScript(schema, fromFormat, grants) };
}

async function grant(database: Database, role: string): Promise<void> {
  try {
    const sql = applicationGrants(database.schema, role);
    await database.transaction((connection) => connection.query(sql));
  } catch (cause) {
    if (sqlStateOf(cause) !== undefinedObject) throw cause;
    const problem = `the server knows no role ${inWords(role)}`;
    throw new HithertoError("ARGUMENT_INVALID", { argument: "grantTo", problem }, { cause });
  }
}

/** SQLSTATE of a role that does not exist. */
const undefinedObject = "42704";

async function withDatabase(
  url: string | URL,
  options: PostgresMigrationOptions,
  use: (database: Database, grantTo: string | undefined) => Promise<PostgresMigration>,
): Promise<PostgresMigration> {
  const plan = planConnection(url, options);
  const { grantTo } = options;
  if (grantTo !== undefined && (typeof grantTo !== "string" || grantTo === "" || grantTo.includes("\0"))) {
    const problem = `it must be the name of a role, not ${inWords(grantTo)}`;
    throw new HithertoError("ARGUMENT_INVALID", { argument: "grantTo", problem });
  }
  const database = await Database.open(plan);
  try {
    return await use(database, grantTo);
  } finally {
    await database.close();
  }
}
