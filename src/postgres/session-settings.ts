/**
 * Settings of a session that our statements and those of users rely on, whatever the server, the database or the role says.
 *
 * The most important one is `search_path`: names are looked up in PostgreSQL's own catalogue alone, and temporary objects last. So
 * nobody who may create objects in some schema can put an operator, function or table of his own under ours
 * (https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058).
 *
 * They are sent with the request to connect, where they outweigh what `ALTER ROLE` and `ALTER DATABASE` set.
 */
import type { PoolConfig } from "pg";
import { sqlStateOf } from "./postgres-errors.ts";

/** Where names without a schema are looked up. */
export const searchPath = "pg_catalog, pg_temp";

/** What holds in every transaction, be it ours or one that a proxy gives us a connection for. */
const always: ReadonlyArray<readonly [name: string, value: string]> = [
  ["search_path", searchPath],
  ["standard_conforming_strings", "on"],
  // How values of users' queries look.
  ["bytea_output", "hex"],
  ["extra_float_digits", "1"],
  ["DateStyle", "ISO"],
  ["IntervalStyle", "postgres"],
];

/** For statements that are a transaction of their own. */
const forSingleStatements: ReadonlyArray<readonly [name: string, value: string]> = [
  ["default_transaction_isolation", "read committed"],
  ["default_transaction_read_only", "off"],
  ["default_transaction_deferrable", "off"],
];

/** SQL that sets them for the rest of a transaction. */
export const setLocally: string = always
  .map(([name, value]) => `SET LOCAL ${name} = ${name === "search_path" ? value : `'${value}'`}; `)
  .join("");

/** What the driver is given, with the settings after those of the URL or of `PGOPTIONS`, so that they win. */
export function withSettings(driver: PoolConfig): PoolConfig {
  const own = [...always, ...forSingleStatements]
    .map(([name, value]) => `-c ${name}=${value.replaceAll(" ", String.raw`\ `)}`)
    .join(" ");
  const { connectionString = "", options } = driver;
  const ofUrl = URL.canParse(connectionString) ? new URL(connectionString) : undefined;
  const given = ofUrl?.searchParams.get("options") ?? options ?? process.env["PGOPTIONS"];
  const all = given === undefined || given === "" ? own : `${given} ${own}`;
  // What the URL says wins over the option of the driver.
  if (ofUrl?.searchParams.has("options") !== true) return { ...driver, options: all };
  ofUrl.searchParams.set("options", all);
  return { ...driver, connectionString: ofUrl.href };
}

/** What a proxy says that takes no settings: a violation of the protocol, or what it does not support. */
export function refusesSettings(error: unknown): boolean {
  return ["08P01", "0A000"].includes(sqlStateOf(error) ?? "");
}
