/**
 * One interactive transaction, from its first call to its end.
 *
 * - **open**: takes calls.
 * - **failed**: a statement of `sql` was refused, or the database itself failed. Every call fails with that error from now on, and
 *   the transaction can only be rolled back, whatever its body makes of the error.
 * - **over**: every call fails, with `TRANSACTION_TIMEOUT` if that ended it.
 */
import { isHithertoError } from "../../core/errors.ts";
import type { HithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { SqlRow, SqlTransaction, SqlValue } from "../../core/sql.ts";
import { encodeAppend } from "../../store/encode-append.ts";
import { answer } from "../../store/event-loop.ts";
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
import type { PageReader } from "../log-reader.ts";
import type { LogWriter, Write, WriteOutcome } from "../log-writer.ts";
import { toStoreError } from "../sql-errors.ts";
import { toError } from "../write-queue.ts";
import { tablesOf } from "./names.ts";
import type { ReadSideReader } from "./read-side-reader.ts";
import type { SqlRunner, SqlText } from "./sql-runner.ts";

/** The connection of a transaction, as what it is used for. */
export interface TransactionTools {
  /** Names the store in errors. */
  readonly store: string;
  readonly writer: LogWriter;
  readonly reader: ReadSideReader;
  readonly sql: SqlRunner;
}

/** What the body of a transaction works with. */
export class SqliteTransaction implements ReadSideTransaction {
  readonly #tools: TransactionTools;
  /** What every call fails with from now on; the error of a call that comes too late is made when one does. */
  #end: Error | "over" | undefined;
  #failure: Error | undefined;

  constructor(tools: TransactionTools) {
    this.#tools = tools;
  }

  /** Why it can not be committed; undefined when it can. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Takes no more calls. The first end counts. */
  end(cause: HithertoError | "over" = "over"): void {
    this.#end ??= cause;
  }

  append(batch: StreamAppend | readonly StreamAppend[], options: AppendOptions = {}): Promise<AppendResult> {
    return this.#call(() => {
      checkOptions(options);
      checkSignal(options.signal);
      throwIfAborted(options.signal, "append");
      const outcome = this.#write({ kind: "append", append: encodeAppend(batch, options) });
      if (outcome.kind !== "appended") throw new TypeError("an append is answered as an append");
      return outcome.result;
    });
  }

  read(options?: ReadOptions): Promise<readonly StoredEvent[]> {
    return this.#call(() => {
      const plan = planRead(options);
      const { reader } = this.#tools.writer;
      return eventSequence(() => this.#pages(reader.log(plan)), plan).toArray();
    });
  }

  head(): Promise<number> {
    return this.#call(() => this.#tools.writer.reader.head());
  }

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    return this.#call(() => this.#tools.reader.findRecord(planRef(ref)));
  }

  findModels(name?: string): Promise<readonly ReadModelInfo[]> {
    return this.#call(() => this.#tools.reader.listModels(name));
  }

  findDocuments(
    generation: number,
    keys: readonly string[],
  ): Promise<ReadonlyArray<StoredDocument | undefined>> {
    return this.#call(() => this.#tools.reader.getDocuments({ generation }, keys).documents);
  }

  commit(changes: ReadSideCommit): Promise<{ readonly version: number }> {
    return this.#call(() => {
      const outcome = this.#write({ kind: "commit", plan: planCommit(changes), isDurable: true });
      if (outcome.kind !== "committed") throw new TypeError("a commit is answered as a commit");
      return { version: outcome.version };
    });
  }

  sql(generation?: number): SqlTransaction {
    const tables = (): ReadonlyMap<string, string> => {
      const { byGeneration } = this.#tools.writer.readSide.models;
      const model = generation === undefined ? undefined : byGeneration.get(generation);
      return model === undefined ? new Map() : tablesOf(model);
    };
    const call = <Result>(
      sql: string,
      body: (runner: SqlRunner, text: SqlText) => Result,
    ): Promise<Result> => {
      return this.#call(() => {
        const runner = this.#tools.sql;
        try {
          return body(runner, runner.translate(sql, generation ?? 0, tables));
        } catch (error) {
          if (isHithertoError(error, "SQL_FAILED")) this.#fail(error);
          throw error;
        }
      });
    };
    return {
      run: (sql, values) => call(sql, (runner, text) => ({ changes: runner.run(text, values) })),
      get: (sql: string, values?: readonly SqlValue[]): Promise<SqlRow | undefined> =>
        call(sql, (runner, text) => runner.all(text, values)[0]),
      all: (sql, values) => call(sql, (runner, text) => runner.all(text, values)),
    };
  }

  #write(write: Write): Exclude<WriteOutcome, { kind: "refused" }> {
    const outcome = this.#tools.writer.attempt(write);
    if (outcome.kind === "refused") throw toError(outcome.refusal);
    return outcome;
  }

  *#pages(pages: PageReader): Generator<readonly StoredEvent[]> {
    for (let page = pages.next(); page !== undefined; page = pages.next()) {
      yield page;
      this.#checkEnd();
    }
  }

  /** Runs one call. What is refused leaves the transaction usable; what SQLite fails at does not. */
  #call<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    return answer(() => this.#attempt(body));
  }

  async #attempt<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    this.#checkEnd();
    try {
      return await body();
    } catch (error) {
      const known = toStoreError(error, this.#tools.store);
      if (!isHithertoError(error)) this.#fail(known);
      throw known;
    }
  }

  #fail(cause: Error): void {
    this.#failure ??= cause;
    this.#end ??= cause;
  }

  #checkEnd(): void {
    if (this.#end !== undefined) throw this.#end === "over" ? transactionEnded() : this.#end;
  }
}
