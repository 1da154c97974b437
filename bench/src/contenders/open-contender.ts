import { openActReader } from "./act-reader.ts";
/**
 * Opens the contenders by name.
 */
import { openAct } from "./act.ts";
import { openBareSqlite } from "./bare-sqlite.ts";
import type { Contender, ContenderName, EmbeddedName, OpenContender } from "./contender.ts";
import { openEmmettReader } from "./emmett-reader.ts";
import { openEmmett } from "./emmett.ts";
import { openHithertoReader } from "./hitherto-reader.ts";
import { openHitherto } from "./hitherto.ts";
import { openActPg } from "./postgres/act.ts";
import { openBarePostgres } from "./postgres/bare.ts";
import { openEmmettPostgres } from "./postgres/emmett.ts";
import type { OpenReader, ReaderContender } from "./reader.ts";
import { openSqliteReader } from "./sqlite-reader.ts";

/** What appending needs of a contender. */
export type Appender = Pick<Contender, "configuration" | "isConcurrent" | "append" | "close">;

/** How each contender is opened on a file. */
export const openers: Readonly<Record<EmbeddedName, OpenContender>> = {
  hitherto: openHitherto,
  sqlite: openBareSqlite,
  "emmett-sqlite": openEmmett,
  "act-sqlite": openAct,
};

const servers = {
  postgres: openBarePostgres,
  "emmett-postgresql": openEmmettPostgres,
  "act-pg": openActPg,
} as const;

/** How each contender is opened for appending, on a file or on the URL of a database. */
export const appenders: Readonly<Record<ContenderName, (location: string) => Promise<Appender>>> = {
  ...openers,
  ...servers,
};

/** How each contender is opened for reading benchmarks, on a file or on the URL of a database. */
export const readers: Readonly<Record<ContenderName, OpenReader>> = {
  hitherto: openHithertoReader,
  sqlite: openSqliteReader,
  "emmett-sqlite": openEmmettReader,
  "act-sqlite": openActReader,
  ...servers,
  "emmett-postgresql": openEmmettWrittenInTurn,
};

/**
 * It reads in the order of transactions and keeps its place as a position, so of events appended at once it leaves some
 * out (400 of 5,000, seen in release 0.42.0). What its consumers are to read is therefore appended one after the other.
 */
async function openEmmettWrittenInTurn(url: string): Promise<ReaderContender> {
  return { ...(await openEmmettPostgres(url)), isConcurrent: false };
}
