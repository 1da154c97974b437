/**
 * One interactive transaction, from its first call to its end, on a connection that holds the rights to append and to
 * commit. Its calls take their turn, in the order in which they were made; they need not wait for each other.
 *
 * - **open**: takes calls.
 * - **failed**: a statement was refused, or the database itself failed. Every call fails with that error from now on, and
 *   the transaction can only be rolled back, whatever its body makes of the error.
 * - **over**: every new call fails, with `TRANSACTION_TIMEOUT` if that ended it. Those made before still take their turn,
 *   unless it was the time that ended it, or all is to be undone.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { SqlRow, SqlTransaction, SqlValue } from "../../core/sql.ts";
import { eventSequence } from "../../store/event-sequence.ts";
import type { AppendOptions, AppendResult, ReadOptions, StreamAppend } from "../../store/event-store.ts";
import { checkOptions, checkSignal, planRead, throwIfAborted } from "../../store/read-options.ts";
import { planCommit, planRef, transactionEnded } from "../../store/read-side-options.ts";
import type {
  ReadModelInfo,
  ReadSideCommit,
  ReadSideTransaction,
  RecordRef,
  StoredDocument,
  StoredRecord,
} from "../../store/read-side.ts";
import { nameAppend } from "../append-group.ts";
import type { NamedAppend } from "../append-group.ts";
import { toStoreError } from "../postgres-errors.ts";
import type { Session } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";
import { findModel } from "./generations.ts";
import type { Names } from "./names.ts";
import { ReadSideReader } from "./read-side-reader.ts";
import { leavesUntidy } from "./read-side-writer.ts";
import type { ReadSideWriter } from "./read-side-writer.ts";
import { allRows, runSql } from "./sql-runner.ts";
import type { UserSql } from "./sql-runner.ts";
import { checkWithinTransaction } from "./sql-text.ts";

/** What a transaction works with. */
export interface TransactionTools {
  readonly shared: SharedStore;
  readonly names: Names;
  readonly writer: ReadSideWriter;
  /** Where appends go in a transaction of somebody else's, who may end it at any moment. Default: the session itself. */
  readonly calls?: Session;
}

/** An append with everything about it checked. @throws what refuses it at once */
export function planAppend(
  batch: StreamAppend | readonly StreamAppend[],
  options: AppendOptions,
  { clock }: Pick<SharedStore, "clock">,
): NamedAppend {
  checkOptions(options);
  checkSignal(options.signal);
  throwIfAborted(options.signal, "append");
  return nameAppend(batch, options, clock?.() ?? Date.now());
}

/** What the body of a transaction is given. */
export class PostgresTransaction implements ReadSideTransaction {
  readonly #session: Session;
  readonly #tools: TransactionTools;
  readonly #reader: ReadSideReader;
  readonly #tables = new Map<number, ReadonlyMap<string, string>>();
  /** Settled when all calls that were made are answered; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What new calls fail with from now on; the error of a call that comes too late is made when one does. */
  #end: Error | "over" | undefined;
  #failure: Error | undefined;
  #isUntidy = false;
  #stored: NamedAppend | undefined;
  #isStopped = false;

  constructor(session: Session, tools: TransactionTools) {
    this.#session = session;
    this.#tools = tools;
    this.#reader = new ReadSideReader(session, tools.names);
  }

  /** Whether tables are to be tidied once it is committed. */
  get isUntidy(): boolean {
    return this.#isUntidy;
  }

  /** An append whose events the log holds once the transaction is committed, and only then. */
  get stored(): NamedAppend | undefined {
    return this.#stored;
  }

  /** Takes the right to append, then the right to commit, in this order everywhere; to be called first. */
  takeRights(): Promise<void> {
    const { shared, writer } = this.#tools;
    return this.#call(async () => {
      await shared.writer.lock(this.#session);
      await writer.lock(this.#session);
    });
  }

  /** Takes no more calls. The first end counts. */
  end(cause: HithertoError | "over" = "over"): void {
    this.#end ??= cause;
  }

  /** Takes no more calls, not even those that wait for their turn; resolves when none is under way, so that all can be undone. */
  async stop(): Promise<void> {
    this.end();
    this.#isStopped = true;
    await this.#turn;
  }

  /** Waits for the calls that were made. @throws why the transaction can not be committed */
  async settle(): Promise<void> {
    await this.#turn;
    if (this.#failure !== undefined) throw this.#failure;
  }

  append(batch: StreamAppend | readonly StreamAppend[], options: AppendOptions = {}): Promise<AppendResult> {
    return this.#plan(
      () => planAppend(batch, options, this.#tools.shared),
      async (append) => {
        const { shared, calls = this.#session } = this.#tools;
        const outcome = await shared.writer.appendWithin(calls, append);
        if (outcome instanceof HithertoError) throw outcome;
        if (!outcome.isDuplicate) this.#stored ??= append;
        return outcome;
      },
    );
  }

  read(options?: ReadOptions): Promise<readonly StoredEvent[]> {
    return this.#plan(
      () => planRead(options),
      (plan) => {
        const reader = this.#tools.shared.readerOn(this.#session);
        return eventSequence(() => reader.pages(plan, undefined, () => this.#checkTime()), plan).toArray();
      },
    );
  }

  head(): Promise<number> {
    return this.#call(() => this.#tools.shared.readerOn(this.#session).head());
  }

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    return this.#plan(
      () => planRef(ref),
      (planned) => this.#reader.findRecord(planned),
    );
  }

  findModels(name?: string): Promise<readonly ReadModelInfo[]> {
    return this.#call(() => this.#reader.listModels(name));
  }

  findDocuments(
    generation: number,
    keys: readonly string[],
  ): Promise<ReadonlyArray<StoredDocument | undefined>> {
    return this.#call(async () => (await this.#reader.getDocuments({ generation }, keys)).documents);
  }

  commit(changes: ReadSideCommit): Promise<{ readonly version: number }> {
    return this.#plan(
      () => planCommit(changes),
      async (plan) => {
        this.#reader.forget();
        this.#isUntidy ||= leavesUntidy(plan);
        return { version: await this.#tools.writer.commit(this.#session, plan, true) };
      },
    );
  }

  sql(generation?: number): SqlTransaction {
    const call = <Result>(
      sql: string,
      values: readonly SqlValue[] | undefined,
      body: (session: Session, statement: UserSql) => Promise<Result>,
    ): Promise<Result> =>
      this.#call(async () => {
        try {
          checkWithinTransaction(sql, this.#tools.shared.database.schema);
          return await body(this.#session, { sql, values, tables: await this.#tablesOf(generation) });
        } catch (error) {
          if (isHithertoError(error, "SQL_FAILED")) this.#fail(error);
          throw error;
        }
      });
    return {
      run: (sql, values) => call(sql, values, async (...to) => ({ changes: await runSql(...to) })),
      get: (sql, values): Promise<SqlRow | undefined> =>
        call(sql, values, async (...to) => (await allRows(...to))[0]),
      all: (sql, values) => call(sql, values, allRows),
    };
  }

  async #tablesOf(generation: number | undefined): Promise<ReadonlyMap<string, string>> {
    if (generation === undefined) return new Map();
    let tables = this.#tables.get(generation);
    if (tables === undefined) {
      const model = await findModel(this.#session, this.#tools.names, { generation });
      if (model === undefined) return new Map();
      tables = this.#tools.names.shown(model);
      this.#tables.set(generation, tables);
    }
    return tables;
  }

  /** Checks what a call was given at once, as what it is now, and runs it in its turn. */
  async #plan<Plan, Result>(plan: () => Plan, body: (plan: Plan) => Promise<Result>): Promise<Result> {
    this.#checkEnd();
    const planned = plan();
    return this.#call(() => body(planned));
  }

  /** Runs one call. What is refused leaves the transaction usable; what PostgreSQL fails at does not. */
  async #call<Result>(body: () => Promise<Result>): Promise<Result> {
    this.#checkEnd();
    const calling = this.#turn.then(async () => {
      this.#checkTime();
      const beganAt = performance.now();
      try {
        return await body();
      } catch (error) {
        const known = toStoreError(error, this.#tools.shared.url, { beganAt });
        if (!isHithertoError(error)) this.#fail(known);
        throw known;
      }
    });
    this.#turn = calling.catch(() => undefined);
    return calling;
  }

  #fail(cause: Error): void {
    this.#failure ??= cause;
    this.#end ??= cause;
  }

  #checkEnd(): void {
    if (this.#end !== undefined) throw this.#end === "over" ? transactionEnded() : this.#end;
  }

  /** For calls that have been made: what undoes the transaction stops those, and a mere end does not. */
  #checkTime(): void {
    if (this.#isStopped || this.#end !== "over") this.#checkEnd();
  }
}
