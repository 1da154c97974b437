/**
 * Connections to one database.
 *
 * A {@link Database} keeps a pool. Whatever needs several statements on one connection borrows one; it goes back when
 * the work is done, or is thrown away when the connection itself broke. Errors leave a `Database` translated
 * (`postgres-errors.ts`); inside `withConnection` and `transaction` they are the driver's own, so that whoever sent a
 * statement can tell what was wrong with it.
 *
 * Nothing relies on the state of a session but while a transaction lasts: no prepared statements by name, no
 * `search_path`, no settings. So the pool may stand behind a proxy that lends a connection for each transaction.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CustomTypesConfig, Pool, PoolClient, PoolConfig } from "pg";
import { HithertoError } from "../core/errors.ts";
import { checkServer } from "./check-server.ts";
import { loadDriver } from "./driver.ts";
import { isConnectionLoss, toConnectError, toStoreError } from "./postgres-errors.ts";

/** One connection or a pool: something that runs statements. */
export interface Session {
  /**
   * Rows as arrays. `int8` come as numbers; `json`, `jsonb`, `timestamptz` and `numeric` as text. With values, be there
   * none, the server refuses more than one statement; without, there may be several, whose rows are not told.
   */
  query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /**
   * Runs text that others wrote: never more than one statement, whatever it holds. `parserOf` makes values of their text,
   * by the object identifier of their type.
   */
  execute(sql: string, values?: readonly unknown[], parserOf?: ParserOf): Promise<StatementResult>;
}

/** Chooses how values of a type are read. */
export type ParserOf = (type: number) => (value: string) => unknown;

/** What the driver tells of a statement. */
export interface StatementResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** What was done, such as `INSERT`. */
  readonly command: string;
  /** Rows that were changed or returned. */
  readonly count: number;
}

/** Where a database is and how it is talked to. */
export interface DatabaseOptions {
  /** Names the store in errors; without a password. */
  readonly store: string;
  /** The schema that holds the store, as the user wrote it. */
  readonly schema: string;
  /** For the driver: the address, TLS, the size of the pool. */
  readonly driver: PoolConfig;
}

/** How often a read is sent again after its connection was lost, and the pause before the first repetition. */
const readRetries = { max: 8, firstPauseMs: 25 } as const;

type Parser = (value: string) => unknown;

/** Object identifiers of types whose values come as text or as numbers (`pg_type.dat`). */
const oid = { int8: 20, json: 114, timestamptz: 1184, timestamp: 1114, numeric: 1700, jsonb: 3802 } as const;

const asText = (value: string): string => value;
const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [oid.int8, Number],
  [oid.json, asText],
  [oid.jsonb, asText],
  [oid.timestamp, asText],
  [oid.timestamptz, asText],
  [oid.numeric, asText],
]);

/** A pool of connections to one database, and the schema of the store in it. */
export class Database implements Session {
  /** Names the store in errors. */
  readonly store: string;
  /** The schema of the store, as the user wrote it. */
  readonly schema: string;
  /** What the driver was given, for a connection outside of the pool. */
  readonly driver: PoolConfig;
  readonly #pool: Pool;
  #closing: Promise<void> | undefined;

  constructor(pool: Pool, options: DatabaseOptions) {
    this.#pool = pool;
    this.store = options.store;
    this.schema = options.schema;
    this.driver = options.driver;
  }

  /** Loads the driver and connects once, so that what is wrong with the address or the server shows. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const pg = await loadDriver(options.store);
    const types: CustomTypesConfig = {
      getTypeParser: (id, format) => {
        const own = format === "binary" ? undefined : parsers.get(id);
        return own ?? (pg.types.getTypeParser(id, format) as Parser);
      },
    };
    const driver = { application_name: "hitherto", keepAlive: true, ...options.driver, types };
    const pool = new pg.Pool(driver);
    // A connection that breaks tells its user by a failed statement; without a listener it would end the process.
    pool.on("error", () => undefined);
    pool.on("connect", (client) => void client.on("error", () => undefined));
    const database = new Database(pool, { ...options, driver });
    try {
      await database.withConnection((connection) => checkServer(connection, options.store));
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Puts the schema's quoted name where a statement says `{schema}`. */
  qualify(sql: string): string {
    return inSchema(this.schema, sql);
  }

  /** Runs one statement that does no harm when it runs twice: it is sent again when the connection is lost. */
  async query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.withConnection((connection) => connection.query<Row>(sql, values));
      } catch (error) {
        if (attempt > readRetries.max || this.#closing !== undefined || !isConnectionLoss(error)) throw error;
        await delay(readRetries.firstPauseMs * 2 ** (attempt - 1));
      }
    }
  }

  /** Runs one statement of unknown effect once. */
  execute(sql: string, values?: readonly unknown[], parserOf?: ParserOf): Promise<StatementResult> {
    return this.withConnection((connection) => connection.execute(sql, values, parserOf));
  }

  /** One connection for a while; given back, or destroyed when broken. */
  async withConnection<Result>(body: (connection: Session) => Promise<Result>): Promise<Result> {
    const client = await this.#connect();
    let broken: Error | undefined;
    try {
      return await body(sessionOf(client));
    } catch (error) {
      if (isConnectionLoss(error)) broken = error as Error;
      throw toStoreError(error, this.store);
    } finally {
      client.release(broken);
    }
  }

  /** `BEGIN`, what `body` does, and `COMMIT`, or `ROLLBACK` when it throws; on one connection. */
  transaction<Result>(body: (connection: Session) => Promise<Result>): Promise<Result> {
    return this.withConnection((connection) => inTransaction(connection, () => body(connection)));
  }

  /** Waits for connections in use to come back, and ends them all. Closing twice is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#pool.end();
    return this.#closing;
  }

  async #connect(): Promise<PoolClient> {
    if (this.#closing !== undefined) throw new HithertoError("STORE_CLOSED", { store: this.store });
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toConnectError(error, this.store, this.driver.connectionTimeoutMillis ?? 0);
    }
  }
}

/** A client of the driver as a session; `types` are needed where it reads values in a way of its own. */
export function sessionOf(client: Pick<PoolClient, "query">, types?: PoolConfig["types"]): Session {
  const ownTypes = types && { types };
  return {
    query: async <Row extends readonly unknown[]>(text: string, values?: readonly unknown[]) => {
      const mode =
        values === undefined ? {} : { values: values as unknown[], queryMode: "extended" as const };
      const result = await client.query<unknown[]>({ text, rowMode: "array", ...mode, ...ownTypes });
      return Array.isArray(result) ? [] : (result.rows as unknown as Row[]);
    },
    execute: async (text, values = [], parserOf) => {
      const query = { text, values: values as unknown[], rowMode: "array", queryMode: "extended" } as const;
      const parsed = parserOf && { types: { getTypeParser: parserOf as CustomTypesConfig["getTypeParser"] } };
      const result = await client.query<unknown[]>({ ...query, ...ownTypes, ...parsed });
      const { fields, rows, command, rowCount } = result;
      return { columns: fields.map(({ name }) => name), rows, command, count: rowCount ?? 0 };
    },
  };
}

/** Runs `body` between `BEGIN` and `COMMIT`, or `ROLLBACK` when it throws. */
export async function inTransaction<Result>(
  connection: Session,
  body: () => Promise<Result>,
): Promise<Result> {
  await connection.query("BEGIN");
  try {
    const result = await body();
    await connection.query("COMMIT");
    return result;
  } catch (error) {
    // On a lost connection that fails too; the first error is the one to tell.
    await connection.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

/**
 * An identifier, quoted: any text without U+0000 is one. A dollar is written by its number, so that the name can stand in
 * the body of a function, which dollars enclose.
 */
export function quoteName(name: string): string {
  const quoted = name.replaceAll('"', '""');
  if (!name.includes("$")) return `"${quoted}"`;
  return `U&"${quoted.replaceAll("\\", "\\\\").replaceAll("$", "\\0024")}"`;
}

/** Puts the quoted name of a schema where a statement says `{schema}`. */
export function inSchema(schema: string, sql: string): string {
  return sql.replaceAll("{schema}", () => quoteName(schema));
}
