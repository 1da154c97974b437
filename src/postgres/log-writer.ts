/**
 * Writes to the log through any session, whoever began its transaction; and groups of appends of a handle, with retries.
 *
 * An append whose connection breaks before the answer may have been stored or not. It is sent again with the request to
 * look for its ids, which all its events have; should the first attempt still be under way on the server, one of the two
 * waits for the other, and the one that comes second finds the events or fails at their ids.
 */
import { setTimeout as delay } from "node:timers/promises";
import { HithertoError } from "../core/errors.ts";
import type { Expectation, StreamPolicy } from "../store/event-store.ts";
import { appendGroupSql, expectationNumber, groupValues, readOutcomes, readRefusal } from "./append-group.ts";
import type { AppendOutcome, GroupOptions, NamedAppend } from "./append-group.ts";
import { isConnectionLoss, isContention, isStatementError, sqlStateOf } from "./postgres-errors.ts";
import type { Database, Session } from "./session.ts";
import { storedText } from "./stored-text.ts";

/** How groups are written. */
export interface LogWriterOptions {
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly clock: (() => number) | undefined;
  /** How long a write waits for the right to append, and how long it is tried again while there is no connection. */
  readonly busyTimeoutMs: number;
}

/** Pauses between two attempts, in milliseconds: doubled each time up to the most, and shortened at random. */
const pauseMs = { first: 10, most: 1_000 } as const;

/** Writes to the log of one database. */
export class LogWriter {
  readonly #database: Database;
  readonly #options: LogWriterOptions;

  constructor(database: Database, options: LogWriterOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Writes a group in a transaction of its own. @throws `STORE_BUSY`, `STORE_IO`, `STORE_FULL`, `STORE_READ_ONLY` */
  async writeGroup(group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    const deadline = performance.now() + this.#options.busyTimeoutMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#database.withConnection((connection) => this.#send(connection, group));
      } catch (error) {
        // One of them brought down all: alone, it harms only itself.
        if (group.length > 1 && isStatementError((error as Error).cause)) return this.#writeOneByOne(group);
        if (!mayPass(error) || performance.now() >= deadline) throw this.#finalError(error, group);
      }
      const pause = Math.min(pauseMs.most, pauseMs.first * 2 ** attempt);
      await delay(pause * (0.5 + Math.random() / 2));
    }
  }

  /** Appends within the transaction of a session. What is refused has done nothing and leaves it usable. */
  async appendWithin(session: Session, named: NamedAppend): Promise<AppendOutcome> {
    const [outcome] = await this.#call(session, [named]);
    return outcome!;
  }

  /** Takes the right to append, which then lasts as long as the transaction. */
  async lock(session: Session): Promise<void> {
    await session.query(this.#database.qualify("SELECT {schema}.lock_log($1)"), [
      this.#options.busyTimeoutMs,
    ]);
  }

  async setPolicy(session: Session, stream: string, policy: StreamPolicy): Promise<void> {
    const { maxCount = null, maxAgeMs = null, truncateBefore = 0 } = policy;
    await session.query(this.#database.qualify("SELECT {schema}.set_policy($1, $2, $3, $4, $5)"), [
      storedText(stream),
      maxCount,
      maxAgeMs,
      truncateBefore,
      this.#options.busyTimeoutMs,
    ]);
  }

  /** Hides all events of a stream. @throws `REVISION_CONFLICT` */
  async removeStream(
    session: Session,
    stream: string,
    expect: Expectation,
    isTombstone: boolean,
  ): Promise<void> {
    const { nowMs, timeoutMs } = this.#groupOptions;
    const values = [storedText(stream), expectationNumber(expect), isTombstone, nowMs ?? null, timeoutMs];
    const sql = this.#database.qualify("SELECT {schema}.remove_stream($1, $2, $3, $4, $5)");
    const [row] = await session.query<[string | null]>(sql, values);
    const refusal = row?.[0] ?? null;
    if (refusal !== null) throw readRefusal(refusal);
  }

  /** Removes some hidden events; returns how many. */
  async reclaimSome(session: Session, eventsMax: number): Promise<number> {
    const { nowMs, timeoutMs } = this.#groupOptions;
    const sql = this.#database.qualify("SELECT {schema}.reclaim_some($1, $2, $3)");
    const [row] = await session.query<[number]>(sql, [eventsMax, nowMs ?? null, timeoutMs]);
    return row?.[0] ?? 0;
  }

  get #groupOptions(): GroupOptions {
    return { nowMs: this.#options.clock?.(), timeoutMs: this.#options.busyTimeoutMs };
  }

  /** Who can not be told what became of an append is told that. */
  #finalError(error: unknown, group: readonly NamedAppend[]): unknown {
    if (!group.some(({ mayBeStored }) => mayBeStored)) return error;
    const problem = "the connection was lost before the answer, and nobody can say whether it was stored";
    return new HithertoError("STORE_IO", { store: this.#database.store, problem }, { cause: error });
  }

  async #send(connection: Session, group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    try {
      return await this.#call(connection, group);
    } catch (error) {
      if (isConnectionLoss(error)) for (const named of group) named.mayBeStored = true;
      throw error;
    }
  }

  async #call(session: Session, group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    const sql = this.#database.qualify(appendGroupSql);
    const [row] = await session.query<[string]>(sql, groupValues(group, this.#groupOptions));
    return readOutcomes(row![0], group);
  }

  async #writeOneByOne(group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    const outcomes: AppendOutcome[] = [];
    for (const named of group) {
      const outcome = await this.writeGroup([named]).catch((error: unknown) => [error as HithertoError]);
      outcomes.push(outcome[0]!);
    }
    return outcomes;
  }
}

/** Who waited for a lock as long as he may does not wait again. */
function mayPass(error: unknown): boolean {
  return isConnectionLoss(error) || (isContention(error) && sqlStateOf(error) !== "55P03");
}
