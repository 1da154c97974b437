/**
 * Erasing: writes the tables of a store anew (`VACUUM (FULL)`), without the rows that were deleted. A plain `VACUUM` only
 * notes that their space is free; their bytes stay in the files.
 *
 * PostgreSQL keeps a deleted row as long as an older transaction could still see it, in whichever session, on a standby or in
 * a replication slot. A role cannot ask for all of these; so a row is deleted from a table of its own, which shows when it
 * is really gone.
 *
 * It has a connection of its own: `VACUUM` runs in no transaction, and the limit on its waiting is a setting of the session.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "pg";
import type { ReclaimResult } from "../store/event-store.ts";
import { throwIfAborted } from "../store/read-options.ts";
import { loadDriver } from "./driver.ts";
import { quoteName } from "./identifiers.ts";
import { sqlStateOf, toConnectError, toStoreError } from "./postgres-errors.ts";
import { setLocally } from "./session-settings.ts";
import type { Database } from "./session.ts";

/** How long erasing may wait, and what ends it. */
export interface EraseOptions {
  /** For other transactions, and for the lock on each table. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Between two looks whether an older transaction has ended, in milliseconds. */
const pauseMs = 100;

const lockNotAvailable = "55P03";
const undefinedTable = "42P01";

/** The tables of the store, and whether this role may write each anew. */
const tablesSql = `
SELECT format('%I.%I', n.nspname, c.relname) AS name,
  pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') AS "isAllowed"
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_database d ON d.datname = current_database()
WHERE n.nspname = ANY ($1) AND c.relkind = 'r'
ORDER BY c.oid`;

/** Erases what was deleted from the tables in some schemas. @throws `ABORTED`, and what the server reports */
export async function eraseDeleted(
  database: Database,
  schemas: readonly string[],
  options: EraseOptions,
): Promise<Omit<ReclaimResult, "events">> {
  const client = await connect(database);
  const beganAt = performance.now();
  try {
    await client.query(`SET lock_timeout = ${options.waitMs}`);
    await client.query("SET statement_timeout = 0");
    const heldBack = await eraseOn(client, schemas, options);
    return heldBack === undefined ? { isErased: true } : { isErased: false, heldBack };
  } catch (error) {
    throwIfAborted(options.signal, "reclaim");
    throw toStoreError(error, database.store, { beganAt });
  } finally {
    // A proxy may give the session to others.
    await client.query("RESET lock_timeout; RESET statement_timeout").catch(() => undefined);
    await client.end().catch(() => undefined);
  }
}

async function connect(database: Database): Promise<Client> {
  const pg = await loadDriver(database.store);
  const client = new pg.Client(database.driver);
  // What breaks is told by the statement under way.
  client.on("error", () => undefined);
  const beganAt = performance.now();
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw toConnectError(error, database.store, { beganAt });
  }
}

/** What keeps deleted rows from going, if anything does. */
async function eraseOn(
  client: Client,
  schemas: readonly string[],
  options: EraseOptions,
): Promise<string | undefined> {
  // In a transaction, since a proxy may not keep settings of the session.
  await client.query(`BEGIN; ${setLocally}`);
  const { rows } = await client.query<{ name: string; isAllowed: boolean }>(tablesSql, [schemas]);
  await client.query("COMMIT");
  if (!(await areDeletedRowsFree(client, schemas[0]!, options))) {
    return "an older transaction, a standby or a replication slot still needs the rows that were deleted (pg_stat_activity, pg_replication_slots)";
  }
  const end = (): void => void client.end();
  options.signal?.addEventListener("abort", end, { once: true });
  try {
    const problems: string[] = [];
    for (const { name, isAllowed } of rows) {
      throwIfAborted(options.signal, "reclaim");
      // The server would leave such a table out with a warning.
      const problem = isAllowed
        ? await rewrite(client, name)
        : "belongs to a role that this one is no member of";
      if (problem !== undefined) problems.push(`${name} ${problem}`);
    }
    return problems.length === 0 ? undefined : problems.join("; ");
  } finally {
    options.signal?.removeEventListener("abort", end);
  }
}

/** Writes one table anew, with its indexes and what is stored outside of its rows. */
async function rewrite(client: Client, table: string): Promise<string | undefined> {
  try {
    await client.query(`VACUUM (FULL, ANALYZE) ${table}`);
    return undefined;
  } catch (error) {
    // Dropped with the read model that it belonged to.
    if (sqlStateOf(error) === undefinedTable) return undefined;
    if (sqlStateOf(error) === lockNotAvailable) return "is in use by another transaction";
    throw error;
  }
}

/** Waits until a row that is deleted now leaves its table, and so those that were deleted before leave theirs. */
async function areDeletedRowsFree(
  client: Client,
  schema: string,
  { waitMs, signal }: EraseOptions,
): Promise<boolean> {
  const table = `${quoteName(schema)}.${quoteName(`erase_probe_${randomBytes(6).toString("hex")}`)}`;
  await client.query(`CREATE UNLOGGED TABLE ${table} (probe integer)`);
  try {
    await client.query(`INSERT INTO ${table} VALUES (1)`);
    await client.query(`DELETE FROM ${table}`);
    for (const deadline = performance.now() + waitMs; ;) {
      throwIfAborted(signal, "reclaim");
      await client.query(`VACUUM (FULL) ${table}`);
      const { rows } = await client.query<{ bytes: string }>(
        "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) AS bytes",
        [table],
      );
      if (Number(rows[0]?.bytes) === 0) return true;
      if (performance.now() >= deadline) return false;
      await delay(pauseMs);
    }
  } finally {
    await client.query(`DROP TABLE ${table}`);
  }
}
