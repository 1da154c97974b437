/**
 * A transaction that the application has begun, on a connection of the application's, as a store takes part in it.
 *
 * What the store does there goes in parts, one after the other, each in a savepoint of its own: whatever fails is undone and
 * leaves the transaction as it was. Every part begins by looking whether the connection still is in that very
 * transaction, which the moment of its beginning tells, so that nothing goes to the next one or to none. While a part
 * lasts, names are looked up in PostgreSQL's own catalogue; then the application's `search_path` applies again.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";
import { transactionEnded } from "../../store/read-side-options.ts";
import { Turns } from "../../store/turns.ts";
import { quoteName, quoteText } from "../identifiers.ts";
import { channelOf } from "../listener.ts";
import type { PostgresClient } from "../options.ts";
import { sqlStateOf, toStoreError } from "../postgres-errors.ts";
import { searchPath } from "../session-settings.ts";
import { sessionOf } from "../session.ts";
import type { Session } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";

/** Tells one transaction of a connection from the next. */
const momentSql = "extract(epoch FROM pg_catalog.transaction_timestamp())::pg_catalog.text";
/** Begins a part, and says which transaction it is in. Three statements in one round trip. */
const beginSql = `SAVEPOINT hitherto;
SELECT ${momentSql}, pg_catalog.current_setting('transaction_isolation'), pg_catalog.current_setting('search_path');
SET LOCAL search_path = ${searchPath}`;
const undoSql = "ROLLBACK TO SAVEPOINT hitherto; RELEASE SAVEPOINT hitherto";

/** The server, the database and the store's tables in it. */
const placeSql = `SELECT concat_ws(' ',
    current_database(), extract(epoch FROM pg_postmaster_start_time()), c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relname = 'log'`;

/** SQLSTATEs: there is no transaction; it has failed; there is no such savepoint. */
const states = { none: "25P01", failed: "25P02", otherSavepoints: "3B001" } as const;

/** What is known of a transaction when a part of it begins. */
interface Beginning {
  readonly begunAt: string;
  readonly isolation: string;
  /** The application's own, which applies again after the part. */
  readonly searchPath: string;
}

/** What the driver gives for each of several statements. */
interface Rows {
  readonly rows: ReadonlyArray<readonly [begunAt: string, isolation: string, searchPath: string]>;
}

/** A transaction of the application's. */
export class JoinedTransaction {
  /** Each statement is a part by itself that writes nothing; errors are translated. */
  readonly statements: Session;
  /**
   * For use within a part: calls of a function, `SELECT f(…)`, each of which takes place in this very transaction or not at
   * all, should somebody who does not wait for the part end the transaction meanwhile.
   */
  readonly calls: Session;
  readonly #shared: SharedStore;
  readonly #client: PostgresClient;
  readonly #session: Session;
  readonly #begunAt: string;
  readonly #turns = new Turns();

  private constructor(shared: SharedStore, client: PostgresClient, session: Session, begunAt: string) {
    this.#shared = shared;
    this.#client = client;
    this.#session = session;
    this.#begunAt = begunAt;
    this.statements = {
      query: (sql, values) => this.#translated((part) => part.query(sql, values)),
      execute: (sql, values, parserOf) => this.#translated((part) => part.execute(sql, values, parserOf)),
    };
    this.calls = {
      ...session,
      query: async <Row extends readonly unknown[]>(sql: string, values: readonly unknown[] = []) => {
        const place = `$${values.length + 1}::pg_catalog.text`;
        const here = `${sql} WHERE ${momentSql} OPERATOR(pg_catalog.=) ${place}`;
        const rows = await session.query<Row>(here, [...values, begunAt]);
        if (rows.length === 0) throw transactionEnded();
        return rows;
      },
    };
  }

  /**
   * @throws `ARGUMENT_INVALID` when the client is none, is not connected to the store's database, or has begun no
   * transaction, or one of another isolation than READ COMMITTED.
   */
  static async join(shared: SharedStore, client: PostgresClient): Promise<JoinedTransaction> {
    if (typeof (client as PostgresClient | undefined)?.query !== "function") {
      throw misused(`it must be a client of pg, not ${inWords(client)}`);
    }
    // A client of pg keeps what it is asked for until it is connected, which may be never.
    if ((client as { readonly _connected?: unknown })._connected === false) {
      throw misused("it is not connected");
    }
    const session = sessionOf(
      client as unknown as Parameters<typeof sessionOf>[0],
      shared.database.driver.types,
    );
    const beginning = await begin(shared, client);
    if (beginning === undefined) throw misused("it has begun no transaction");
    const { begunAt, isolation } = beginning;
    const joined = new JoinedTransaction(shared, client, session, begunAt);
    await session.query(endOf(beginning));
    // Conditions are checked against what others have committed meanwhile, which an older snapshot would not show.
    if (isolation !== "read committed") {
      throw misused(`its transaction must be READ COMMITTED, not ${isolation.toUpperCase()}`);
    }
    await joined.#checkPlace();
    return joined;
  }

  /** Runs a part that changes nothing. Errors of `body` pass through as they are. */
  read<Result>(body: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#part(body, "");
  }

  /** Runs a part that may change something, of which everybody is told when the transaction is committed. */
  write<Result>(body: (session: Session) => Promise<Result>): Promise<Result> {
    // Within the part, so each time: whoever undoes the part takes the notification back.
    const notify = `NOTIFY ${quoteName(channelOf(this.#shared.database.schema))}`;
    return this.#part(body, `${notify}; `);
  }

  #part<Result>(body: (session: Session) => Promise<Result>, last: string): Promise<Result> {
    return this.#turns.hold(async () => {
      this.#shared.checkOpen();
      const beginning = await this.#begin();
      try {
        const result = await body(this.#session);
        await this.#end(last + endOf(beginning));
        return result;
      } catch (error) {
        // On a lost connection that fails too; the first error is the one to tell.
        await this.#session.query(undoSql).catch(() => undefined);
        throw error;
      }
    });
  }

  async #begin(): Promise<Beginning> {
    const beginning = await begin(this.#shared, this.#client);
    if (beginning?.begunAt === this.#begunAt) return beginning;
    // It is not for this one to leave anything in another transaction.
    if (beginning !== undefined) await this.#session.query(endOf(beginning));
    throw transactionEnded();
  }

  async #end(sql: string): Promise<void> {
    const beganAt = performance.now();
    try {
      await this.#session.query(sql);
    } catch (error) {
      const state = sqlStateOf(error);
      const isOver = state === states.none || state === states.otherSavepoints;
      if (!isOver) throw toStoreError(error, this.#shared.url, { beganAt });
      const problem = "it was ended while a call was under way, of which a part may have been stored";
      throw new HithertoError("ARGUMENT_INVALID", { argument: "transaction", problem }, { cause: error });
    }
  }

  #translated<Result>(statement: (session: Session) => Promise<Result>): Promise<Result> {
    return this.read(async (session) => {
      const beganAt = performance.now();
      try {
        return await statement(session);
      } catch (error) {
        throw toStoreError(error, this.#shared.url, { beganAt });
      }
    });
  }

  /** Another database may well have a store in a schema of the same name. */
  async #checkPlace(): Promise<void> {
    const { database } = this.#shared;
    const placeOf = (session: Session): Promise<Array<[string]>> =>
      session.query<[string]>(placeSql, [database.schema]);
    const [[theirs], [ours]] = [await placeOf(this.statements), await placeOf(database)];
    if (theirs !== undefined && theirs[0] === ours?.[0]) return;
    throw misused("it is connected to another database than the store");
  }
}

/** Begins a part; undefined when the client is in no transaction. */
async function begin({ database, url }: SharedStore, client: PostgresClient): Promise<Beginning | undefined> {
  const query = client.query.bind(client) as unknown as (config: object) => Promise<readonly Rows[]>;
  const beganAt = performance.now();
  try {
    const [, found] = await query({ text: beginSql, rowMode: "array", types: database.driver.types });
    const [begunAt, isolation, before] = found!.rows[0]!;
    return { begunAt, isolation, searchPath: before };
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === states.none) return undefined;
    if (state === states.failed) throw misused("its transaction has failed, and can only be rolled back");
    const isClosed = error instanceof Error && error.message.startsWith("Client was closed");
    throw isClosed ? misused("it has been closed") : toStoreError(error, url, { beganAt });
  }
}

/** Ends a part that stays. */
function endOf({ searchPath: before }: Beginning): string {
  return `RELEASE SAVEPOINT hitherto; SELECT pg_catalog.set_config('search_path', ${quoteText(before)}, true)`;
}

function misused(problem: string): HithertoError {
  return new HithertoError("ARGUMENT_INVALID", { argument: "client", problem });
}
