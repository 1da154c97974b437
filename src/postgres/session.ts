/**
 * Connections to one database.
 *
 * A {@link Database} keeps a pool. Whatever needs several statements on one connection borrows one; it goes back when
 * the work is done, or is thrown away when the connection itself broke. Errors leave a `Database` translated
 * (`postgres-errors.ts`); inside `withConnection` and `transaction` they are the driver's own, so that whoever sent a
 * statement can tell what was wrong with it.
 *
 * Two things keep a call from waiting for ever: a connection that is silent for too long is given up (`silence.ts`), save
 * where a statement may rightly take long; and closing ends what is under way.
 *
 * What statements rely on is set (`session-settings.ts`): for the whole session where the connection is ours alone. A proxy
 * that lends a connection for each transaction refuses that, or forgets it; then every statement gets a transaction
 * that sets it. Nothing else relies on the state of a session: there are no prepared statements by name.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CustomTypesConfig, Pool, PoolClient, PoolConfig, QueryArrayConfig, QueryArrayResult } from "pg";
import { HithertoError } from "../core/errors.ts";
import type { Report } from "../store/diagnostic.ts";
import { Outage } from "../store/outage.ts";
import { checkServer } from "./check-server.ts";
import { loadDriver } from "./driver.ts";
import type { Driver } from "./driver.ts";
import { inSchema } from "./identifiers.ts";
import { failureOf, isConnectionLoss, toConnectError, toStoreError } from "./postgres-errors.ts";
import { refusesSettings, searchPath, setLocally, withSettings } from "./session-settings.ts";
import { unlessSilent } from "./silence.ts";
import { tryAgain } from "./try-again.ts";

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

/** A connection that was borrowed from a pool. */
export interface Connection extends Session {
  /** Begins a transaction, READ COMMITTED unless said otherwise, with our settings and those of `also`. */
  begin(options?: { readonly characteristics?: string; readonly also?: string }): Promise<void>;
  commit(): Promise<void>;
  /** Never throws: on a lost connection there is nothing to undo, and the first error is the one to tell. */
  rollback(): Promise<void>;
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
  /** How long an answer to what never takes long is waited for, in milliseconds. Default 30,000. */
  readonly answerTimeoutMs?: number | undefined;
  /** Told when the server can not be reached, and when it can again. Default: nobody. */
  readonly report?: Report | undefined;
  /** Whether only reads are to be expected, so that a standby will do. */
  readonly mode?: "create" | "write" | "read" | undefined;
}

/** For how long reads are tried again, in milliseconds; and how often when it is the server that ends them. */
const readRetries = { forMs: 6_000, pauseMaxMs: 1_000, cancelledMax: 2 } as const;

/** Once the server has been away for so long, in milliseconds, only appends and changes of streams wait for it. */
const awayMaxMs = 6_000;

/** An outage of the server is worth a word when it lasts so long, in milliseconds. */
const outageGraceMs = 1_000;

/** How long closing waits for connections to end politely, in milliseconds. */
const goodbyeMs = 1_000;

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
  /** Told of what goes wrong in the background. */
  readonly report: Report;
  /** How long an answer to what never takes long is waited for, in milliseconds. */
  readonly answerTimeoutMs: number;
  readonly #pool: Pool;
  /** Generations up to this one have their tables in the store's own schema; known once the store is open. */
  lastInSchema = 0;
  readonly #outage: Outage;
  readonly #begin: string;
  /** Whether settings of a session do not last, so that every statement needs a transaction of its own. */
  readonly #isShared: boolean;
  readonly #inUse = new Set<PoolClient>();
  /** What ends the wait of those who have no connection yet. */
  readonly #waiting = new Set<() => void>();
  #closing: Promise<void> | undefined;

  private constructor(pool: Pool, options: DatabaseOptions, isShared: boolean) {
    this.#pool = pool;
    this.#isShared = isShared;
    this.#begin = options.mode === "read" ? "READ COMMITTED READ ONLY" : "READ COMMITTED READ WRITE";
    this.store = options.store;
    this.schema = options.schema;
    this.driver = options.driver;
    this.answerTimeoutMs = options.answerTimeoutMs ?? 30_000;
    const { report = (): void => undefined, store: definition } = options;
    this.report = report;
    const tell = (error: unknown, isOver: boolean): void =>
      report({ operation: "connection", definition, error, isOver });
    this.#outage = new Outage(tell, { graceMs: outageGraceMs });
  }

  /** Loads the driver and connects once, so that what is wrong with the address or the server shows. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const pg = await loadDriver(options.store);
    const driver = withSettings(options.driver);
    try {
      const database = await Database.#connectTo({ ...options, driver }, pg, false);
      if (await database.#keepsSettings()) return database;
      await database.close();
    } catch (error) {
      if (!refusesSettings(error)) throw error;
    }
    return Database.#connectTo(options, pg, true);
  }

  static async #connectTo(options: DatabaseOptions, pg: Driver, isShared: boolean): Promise<Database> {
    const types: CustomTypesConfig = {
      getTypeParser: (id, format) => {
        const own = format === "binary" ? undefined : parsers.get(id);
        return own ?? (pg.types.getTypeParser(id, format) as Parser);
      },
    };
    const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };
    const driver = { application_name: "hitherto", ...keepAlive, ...options.driver, types };
    const pool = new pg.Pool(driver);
    // A connection that breaks tells its user by a failed statement; without a listener it would end the process.
    pool.on("error", () => undefined);
    pool.on("connect", (client) => void client.on("error", () => undefined));
    const database = new Database(pool, { ...options, driver }, isShared);
    try {
      await database.withConnection((connection) => checkServer(connection, options.store));
      return database;
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** Some proxies take settings and ignore them. */
  async #keepsSettings(): Promise<boolean> {
    const [row] = await this.query<[string]>("SELECT pg_catalog.current_setting('search_path')");
    return row?.[0] === searchPath;
  }

  /** Whether the server has been away for so long that few should wait for it: nobody could stop or close anything. */
  get isLongAway(): boolean {
    return this.#outage.lastsMs > awayMaxMs;
  }

  /** Puts the schema's quoted name where a statement says `{schema}`. */
  qualify(sql: string): string {
    return inSchema(this.schema, sql);
  }

  /** Runs one statement that never takes long, and does no harm when it runs twice: it is tried again for some seconds. */
  query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#read(sql, values, this.answerTimeoutMs);
  }

  /** Runs one statement of unknown effect once. */
  execute(sql: string, values?: readonly unknown[], parserOf?: ParserOf): Promise<StatementResult> {
    return this.withConnection((connection) => connection.execute(sql, values, parserOf));
  }

  /** The same for statements that may take long: a silent server is waited for until the system gives up the connection. */
  get patient(): Session {
    return {
      query: (sql, values) => this.#read(sql, values, undefined),
      execute: (sql, values, parserOf) => this.execute(sql, values, parserOf),
    };
  }

  /**
   * One connection for a while; given back, or destroyed when broken. Where no statement is to take that long, a connection
   * that is silent for `silenceMs` counts as broken.
   */
  async withConnection<Result>(
    body: (connection: Connection) => Promise<Result>,
    silenceMs?: number,
  ): Promise<Result> {
    const client = await this.#connect();
    const beganAt = performance.now();
    let broken: Error | undefined;
    try {
      const session = sessionOf(client, undefined, silenceMs);
      const result = await body(
        new Borrowed(session, { characteristics: this.#begin, isShared: this.#isShared }),
      );
      this.#outage.passed();
      return result;
    } catch (error) {
      if (isConnectionLoss(error)) broken = error as Error;
      throw this.#translated(toStoreError(error, this.store, { beganAt }));
    } finally {
      this.#inUse.delete(client);
      client.release(broken);
    }
  }

  /** `BEGIN`, what `body` does, and `COMMIT`, or `ROLLBACK` when it throws; on one connection. */
  transaction<Result>(body: (connection: Connection) => Promise<Result>): Promise<Result> {
    return this.withConnection((connection) => inTransaction(connection, () => body(connection)));
  }

  /** Ends all connections, and with them what is under way: it fails with `STORE_CLOSED`. Closing twice is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const giveUp of this.#waiting) giveUp();
    for (const client of this.#inUse) void client.end();
    // Whoever still connects to a server that does not answer ends later by himself.
    const enough = new AbortController();
    const patience = delay(goodbyeMs, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([this.#pool.end(), patience]);
    enough.abort();
  }

  #read<Row extends readonly unknown[]>(
    sql: string,
    values: readonly unknown[] | undefined,
    silenceMs: number | undefined,
  ): Promise<Row[]> {
    const { cancelledMax, ...limits } = readRetries;
    const mayHelp = (error: unknown, attempts: number): boolean => {
      const failure = failureOf(error);
      if (failure === "cancelled") return attempts <= cancelledMax;
      if (failure === "connection" && this.isLongAway) return false;
      return this.#closing === undefined && ["connection", "contention", "crowded"].includes(failure);
    };
    const attempt = (): Promise<Row[]> =>
      this.withConnection((connection) => connection.query<Row>(sql, values), silenceMs);
    return tryAgain(attempt, { ...limits, mayHelp });
  }

  async #connect(): Promise<PoolClient> {
    if (this.#closing !== undefined) throw this.#closed();
    const { promise, resolve, reject } = Promise.withResolvers<PoolClient>();
    const giveUp = (): void => reject(this.#closed());
    this.#waiting.add(giveUp);
    const beganAt = performance.now();
    try {
      this.#pool.connect().then((client) => {
        if (this.#closing === undefined) resolve(client);
        else client.release(true);
      }, reject);
      const client = await promise;
      this.#inUse.add(client);
      return client;
    } catch (error) {
      const connectionsMax = this.driver.max;
      throw this.#translated(toConnectError(error, this.store, { beganAt, connectionsMax }));
    } finally {
      this.#waiting.delete(giveUp);
    }
  }

  /** What breaks because of closing says so; that the server is away is told, whoever may be waiting for it. */
  #translated(error: Error): Error {
    if (!isConnectionLoss(error)) return error;
    if (this.#closing !== undefined) return this.#closed();
    this.#outage.failed(error);
    return error;
  }

  #closed(): HithertoError {
    return new HithertoError("STORE_CLOSED", { store: this.store });
  }
}

/**
 * A client of the driver as a session; `types` are needed where it reads values in a way of its own. With `silenceMs`, its
 * connection is given up when it is silent for that long while a statement runs.
 */
export function sessionOf(
  client: Pick<PoolClient, "query">,
  types?: PoolConfig["types"],
  silenceMs?: number,
): Session {
  const ownTypes = types && { types };
  const send = (query: QueryArrayConfig): Promise<QueryArrayResult> => {
    const statement = (): Promise<QueryArrayResult> => client.query(query);
    return silenceMs === undefined ? statement() : unlessSilent(client as PoolClient, silenceMs, statement);
  };
  return {
    query: async <Row extends readonly unknown[]>(text: string, values?: readonly unknown[]) => {
      const mode =
        values === undefined ? {} : { values: values as unknown[], queryMode: "extended" as const };
      const result = await send({ text, rowMode: "array", ...mode, ...ownTypes });
      return Array.isArray(result) ? [] : (result.rows as unknown as Row[]);
    },
    execute: async (text, values = [], parserOf) => {
      const query = { text, values: values as unknown[], rowMode: "array", queryMode: "extended" } as const;
      const parsed = parserOf && { types: { getTypeParser: parserOf as CustomTypesConfig["getTypeParser"] } };
      const { fields, rows, command, rowCount } = await send({ ...query, ...ownTypes, ...parsed });
      return { columns: fields.map(({ name }) => name), rows, command, count: rowCount ?? 0 };
    },
  };
}

/** Runs `body` between `BEGIN` and `COMMIT`, or `ROLLBACK` when it throws. */
export async function inTransaction<Result>(
  connection: Connection,
  body: () => Promise<Result>,
): Promise<Result> {
  await connection.begin();
  try {
    const result = await body();
    await connection.commit();
    return result;
  } catch (error) {
    await connection.rollback();
    throw error;
  }
}

class Borrowed implements Connection {
  readonly #session: Session;
  readonly #options: { readonly characteristics: string; readonly isShared: boolean };
  #isInTransaction = false;

  constructor(session: Session, options: { readonly characteristics: string; readonly isShared: boolean }) {
    this.#session = session;
    this.#options = options;
  }

  query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#run(() => this.#session.query<Row>(sql, values));
  }

  execute(sql: string, values?: readonly unknown[], parserOf?: ParserOf): Promise<StatementResult> {
    return this.#run(() => this.#session.execute(sql, values, parserOf));
  }

  async begin({ characteristics = this.#options.characteristics, also = "" } = {}): Promise<void> {
    // In one round trip.
    await this.#session.query(
      `BEGIN ISOLATION LEVEL ${characteristics}, NOT DEFERRABLE; ${setLocally}${also}`,
    );
    this.#isInTransaction = true;
  }

  async commit(): Promise<void> {
    await this.#session.query("COMMIT");
    this.#isInTransaction = false;
  }

  async rollback(): Promise<void> {
    this.#isInTransaction = false;
    await this.#session.query("ROLLBACK").catch(() => undefined);
  }

  #run<Result>(statement: () => Promise<Result>): Promise<Result> {
    const isSafe = this.#isInTransaction || !this.#options.isShared;
    return isSafe ? statement() : inTransaction(this, statement);
  }
}
