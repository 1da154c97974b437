/**
 * The engine that a run measures on: SQLite in files, or one PostgreSQL server for all contenders, with a fresh database
 * for each.
 *
 * The server is started for the run, on binaries from npm, or it is the one that `HITHERTO_TEST_POSTGRES_URL` names; then
 * its own settings count, and are told with the results.
 */
import pg from "pg";
import { startPostgres } from "../../test/support/postgres-server.ts";
import type { Engine } from "./benchmark.ts";
import { describeSqlite } from "./machine.ts";

/** An engine that is ready. */
export interface RunningEngine {
  readonly name: Engine;
  /** Its release. */
  readonly description: string;
  readonly durability: string;
  /** Makes an empty database and resolves with its URL; with null where contenders make files of their own. */
  makeDatabase(): Promise<string | null>;
  dropDatabase(url: string): Promise<void>;
  /** Makes a copy of a database that nobody is connected to. */
  copyDatabase(url: string): Promise<string>;
  /** Bytes of a database on disk, once the server has put it in order as it does by itself after a while. */
  settleDatabase(url: string): Promise<number>;
  close(): Promise<void>;
}

/** Beyond these, the server of a run has its defaults; no checkpoint that one contender causes hits the next one. */
const settings = ["shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=30min"] as const;

/** Starts an engine. */
export function startEngine(name: Engine): Promise<RunningEngine> {
  return name === "postgres" ? startPostgresEngine() : Promise.resolve(sqlite());
}

function sqlite(): RunningEngine {
  return {
    name: "sqlite",
    description: describeSqlite(),
    durability: "fsync (WAL, synchronous=FULL) for every contender",
    makeDatabase: () => Promise.resolve(null),
    dropDatabase: () => Promise.resolve(),
    copyDatabase: noDatabase,
    settleDatabase: noDatabase,
    close: () => Promise.resolve(),
  };
}

async function startPostgresEngine(): Promise<RunningEngine> {
  const given = process.env["HITHERTO_TEST_POSTGRES_URL"];
  const server =
    given === undefined || given === "" ? await startOwnServer() : { url: given, stop: doNothing };
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const close = async (): Promise<void> => {
    await admin.end();
    await server.stop();
  };
  const show: Show = async (names) => {
    const sql = "SELECT name || '=' || current_setting(name) FROM unnest($1::text[]) AS name";
    const { rows } = await admin.query<string[]>({ text: sql, values: [names], rowMode: "array" });
    return rows.flat().join(", ");
  };
  const locale = await localeClause(admin);
  let made = 0;
  const make = async (options: string): Promise<string> => {
    const database = `hitherto_bench_${process.pid}_${++made}`;
    await admin.query(`CREATE DATABASE ${database} ${options}`);
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    return url.href;
  };
  return {
    name: "postgres",
    description: `PostgreSQL: ${await show(["server_version", "shared_buffers", "max_wal_size"])}`,
    durability: `${await show(["fsync", "synchronous_commit", "full_page_writes"])} for every contender`,
    makeDatabase: () => make(`TEMPLATE template0 ENCODING 'UTF8' ${locale}`),
    dropDatabase: async (url) => {
      await admin.query(`DROP DATABASE IF EXISTS ${nameOf(url)} WITH (FORCE)`);
    },
    copyDatabase: (url) => make(`TEMPLATE ${nameOf(url)}`),
    settleDatabase: async (url) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("VACUUM (ANALYZE)");
      await client.query("CHECKPOINT");
      const { rows } = await client.query<{ bytes: number }>(
        "SELECT pg_database_size(current_database())::float8 AS bytes",
      );
      await client.end();
      return rows[0]?.bytes ?? 0;
    },
    close,
  };
}

/** Settings of the server as `name=value`, with commas between them. */
type Show = (names: readonly string[]) => Promise<string>;

function startOwnServer(): ReturnType<typeof startPostgres> {
  return startPostgres(settings);
}

/** Bytes in their order, the quickest for every contender; those who choose no collation have the database's. */
async function localeClause(admin: pg.Client): Promise<string> {
  const { rows } = await admin.query<{ release: number }>(
    "SELECT current_setting('server_version_num')::int AS release",
  );
  const provider = (rows[0]?.release ?? 0) >= 150_000 ? "LOCALE_PROVIDER libc " : "";
  return `${provider}LC_COLLATE 'C' LC_CTYPE 'C'`;
}

/** Names of databases are our own. */
function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function noDatabase(): Promise<never> {
  return Promise.reject(new TypeError("there are no databases in files"));
}

const doNothing = (): Promise<void> => Promise.resolve();
