/**
 * Writes to the log through any session, whoever began its transaction; and groups of appends of a handle, with retries.
 *
 * An append whose connection breaks before the answer may have been stored or not. It is sent again with the request to
 * look for its ids, which all its events have; should the first attempt still be under way on the server, one of the two
 * waits for the other, and the one that comes second finds the events or fails at their ids.
 */
import type { HithertoError } from "../core/errors.ts";
import type { Expectation, StreamPolicy } from "../store/event-store.ts";
import { appendGroupSql, expectationNumber, groupValues, readOutcomes, readRefusal } from "./append-group.ts";
import type { AppendOutcome, GroupOptions, NamedAppend } from "./append-group.ts";
import {
  failureOf,
  isConnectionLoss,
  isStatementError,
  mayPass,
  unknownOutcome,
  wasNotSent,
} from "./postgres-errors.ts";
import { inTransaction } from "./session.ts";
import type { Connection, Database, Session } from "./session.ts";
import { storedText } from "./stored-text.ts";
import { inTotal, pause, tryAgain } from "./try-again.ts";

/** How groups are written. */
export interface LogWriterOptions {
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly clock: (() => number) | undefined;
  /** How long a write waits for the right to append, and how long it is tried again while there is no connection. */
  readonly busyTimeoutMs: number;
}

/** The longest pause between two attempts, in milliseconds. */
const pauseMaxMs = 1_000;

/** Writes to the log of one database. */
export class LogWriter {
  readonly #database: Database;
  readonly #options: LogWriterOptions;

  constructor(database: Database, options: LogWriterOptions) {
    this.#database = database;
    this.#options = options;
  }

  /**
   * Writes a group in one transaction, or in several when that takes the server too long or one append brings down all.
   * Appends that could not be written have an error of Hitherto for an outcome.
   */
  async writeGroup(group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    const beganAt = performance.now();
    const outcomes: AppendOutcome[] = [];
    for (let [size, failures] = [group.length, 0]; outcomes.length < group.length;) {
      const part = group.slice(outcomes.length, outcomes.length + size);
      try {
        outcomes.push(...(await this.#write((connection) => this.#send(connection, part))));
        [size, failures] = [size * 2, 0];
      } catch (error) {
        failures++;
        const isLate = performance.now() - beganAt >= this.#options.busyTimeoutMs;
        if (isStatementError((error as Error).cause)) {
          // One of them brought down all: alone, it harms only itself.
          if (part.length === 1) outcomes.push(this.#finalError(error, beganAt, part[0]!));
          size = 1;
        } else if (mayTryAgain(error, failures, isLate)) {
          if (failureOf(error) === "cancelled") size = Math.ceil(part.length / 2);
          await pause(failures, pauseMaxMs);
        } else {
          const rest = group.slice(outcomes.length);
          outcomes.push(...rest.map((named) => this.#finalError(error, beganAt, named)));
        }
      }
    }
    return outcomes;
  }

  /**
   * Makes a change that does no harm when it is made twice; it is tried again like an append.
   *
   * @throws what refuses it, `STORE_BUSY`, `STORE_TIMEOUT`, `STORE_UNREACHABLE`, `STORE_IO`
   */
  change<Result>(make: (session: Connection, attemptsBefore: number) => Promise<Result>): Promise<Result> {
    return tryAgain((attemptsBefore) => this.#write((session) => make(session, attemptsBefore)), {
      forMs: this.#options.busyTimeoutMs,
      mayHelp: (error) => mayTryAgain(error, 0, false),
      pauseMaxMs,
    });
  }

  /** Whether an append is in the log, once all who may still be writing it are done. */
  isStored({ ids: [id] }: NamedAppend): Promise<boolean> {
    return this.change(async (session) => {
      await this.lock(session);
      const sql = this.#database.qualify("SELECT EXISTS (SELECT FROM {schema}.events e WHERE e.id = $1)");
      const [row] = await session.query<[boolean]>(sql, [id]);
      return row![0];
    });
  }

  /** Appends within the transaction of a session. What is refused has done nothing and leaves it usable. */
  async appendWithin(session: Session, named: NamedAppend): Promise<AppendOutcome> {
    const [outcome] = await this.#call(session, [named]);
    return outcome!;
  }

  /** Takes the right to append, which then lasts as long as the transaction. */
  async lock(session: Session): Promise<void> {
    await session.query(this.#database.qualify("SELECT {schema}.lock_log($1::integer)"), [
      this.#options.busyTimeoutMs,
    ]);
  }

  async setPolicy(stream: string, policy: StreamPolicy): Promise<void> {
    const { maxCount = null, maxAgeMs = null, truncateBefore = 0 } = policy;
    const sql = this.#database.qualify(
      "SELECT {schema}.set_policy($1::text, $2::bigint, $3::bigint, $4::bigint, $5::integer)",
    );
    const { timeoutMs } = this.#groupOptions;
    const values = [storedText(stream), maxCount, maxAgeMs, truncateBefore, timeoutMs];
    await this.change((session) => session.query(sql, values));
  }

  /**
   * Hides all events of a stream. Who removed it again after an answer was lost might hide what has been appended since, so
   * then it is looked up first whether it has been done.
   *
   * @throws `REVISION_CONFLICT`
   */
  async removeStream(stream: string, expect: Expectation, isTombstone: boolean): Promise<void> {
    const before = await this.#removalOf(this.#database, stream);
    await this.change((session, attemptsBefore) => {
      const remove = (): Promise<void> => this.#removeOn(session, stream, expect, isTombstone);
      if (attemptsBefore === 0) return remove();
      return inTransaction(session, async () => {
        await this.lock(session);
        if ((await this.#removalOf(session, stream)) === before) await remove();
      });
    });
  }

  /** Removes some hidden events; returns how many. Those of an attempt whose answer was lost are not counted. */
  reclaimSome(eventsMax: number): Promise<number> {
    const { nowMs, timeoutMs } = this.#groupOptions;
    const sql = this.#database.qualify("SELECT {schema}.reclaim_some($1::integer, $2::bigint, $3::integer)");
    return this.change(async (session) => {
      const [row] = await session.query<[number]>(sql, [eventsMax, nowMs ?? null, timeoutMs]);
      return row?.[0] ?? 0;
    });
  }

  /** Forgets the snapshots of streams that hide events. */
  async forgetHidingSnapshots(): Promise<void> {
    const sql = this.#database.qualify(`
      DELETE FROM {schema}.snapshots s USING {schema}.stream_policies p
      WHERE p.stream = s.stream AND (p.max_count IS NOT NULL OR p.max_age_ms IS NOT NULL OR p.is_tombstoned
        OR greatest(p.truncate_before, p.deleted_before) > 0)`);
    await this.change((session) => session.query(sql, []));
  }

  async #removeOn(
    session: Session,
    stream: string,
    expect: Expectation,
    isTombstone: boolean,
  ): Promise<void> {
    const { nowMs, timeoutMs } = this.#groupOptions;
    const values = [storedText(stream), expectationNumber(expect), isTombstone, nowMs ?? null, timeoutMs];
    const sql = this.#database.qualify(
      "SELECT {schema}.remove_stream($1::text, $2::bigint, $3::boolean, $4::bigint, $5::integer)",
    );
    const [row] = await session.query<[string | null]>(sql, values);
    const refusal = row?.[0] ?? null;
    if (refusal !== null) throw readRefusal(refusal);
  }

  /** Differs after every removal that has an effect. */
  async #removalOf(session: Session, stream: string): Promise<string | undefined> {
    const sql = this.#database.qualify(
      "SELECT concat_ws(' ', p.deleted_before, p.is_tombstoned) FROM {schema}.stream_policies p WHERE p.stream = $1",
    );
    const [row] = await session.query<[string]>(sql, [storedText(stream)]);
    return row?.[0];
  }

  get #groupOptions(): GroupOptions {
    return { nowMs: this.#options.clock?.(), timeoutMs: this.#options.busyTimeoutMs };
  }

  /** One connection, and no longer than an answer may take when others hold the right to append. */
  #write<Result>(body: (connection: Connection) => Promise<Result>): Promise<Result> {
    const silenceMs = this.#options.busyTimeoutMs + this.#database.answerTimeoutMs;
    return this.#database.withConnection(body, silenceMs);
  }

  /** Who can not be told what became of an append is told that. */
  #finalError(error: unknown, beganAt: number, { mayBeStored }: NamedAppend): HithertoError {
    // Only errors of Hitherto leave a database.
    if (!mayBeStored) return inTotal(error, beganAt) as HithertoError;
    return unknownOutcome(error, this.#database.store);
  }

  async #send(connection: Session, group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    try {
      return await this.#call(connection, group);
    } catch (error) {
      const isLost = isConnectionLoss(error) && !wasNotSent(error);
      if (isLost) for (const named of group) named.mayBeStored = true;
      throw error;
    }
  }

  async #call(session: Session, group: readonly NamedAppend[]): Promise<AppendOutcome[]> {
    const sql = this.#database.qualify(appendGroupSql);
    const [row] = await session.query<[string]>(sql, groupValues(group, this.#groupOptions));
    return readOutcomes(row![0], group);
  }
}

/** Who waited for a lock as long as he may does not wait again. After a first loss of the connection it is never too late. */
function mayTryAgain(error: unknown, failures: number, isLate: boolean): boolean {
  if (isLate && !(failures === 1 && isConnectionLoss(error))) return false;
  return mayPass(error) && failureOf(error) !== "locked";
}
