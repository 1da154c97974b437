/**
 * The read side of the embedded store. Reads are answered on the caller's thread, at once; commits go to the writer thread
 * with the appends, so that they share its transactions; interactive transactions have a connection of their own
 * (`transactions.ts`). `docs/adr/0007-read-side-in-the-log-file.md` says why.
 */
import { HithertoError } from "../../core/errors.ts";
import { definedParts } from "../../core/selections.ts";
import type { SqlRow, SqlValue } from "../../core/sql.ts";
import { answer } from "../../store/event-loop.ts";
import { checkOptions } from "../../store/read-options.ts";
import {
  planCommit,
  planCommitOptions,
  planListRecords,
  planRef,
  planTransaction,
} from "../../store/read-side-options.ts";
import type {
  CommitOptions,
  DocumentQuery,
  ListRecordsOptions,
  ReadModelInfo,
  ReadModelRef,
  ReadSide,
  ReadSideCommit,
  ReadSideTransaction,
  ReadStamp,
  RecordRef,
  StoredRecord,
  TransactionOptions,
} from "../../store/read-side.ts";
import type { Database } from "../driver.ts";
import type { Write, WriteOutcome } from "../log-writer.ts";
import { tablesOf } from "./names.ts";
import { ReadSideReader, stampOf } from "./read-side-reader.ts";
import { SqlRunner } from "./sql-runner.ts";
import { checkReads, withTables } from "./sql-text.ts";
import type { Transactions } from "./transactions.ts";

/** What a read side shares with the store around it. */
export interface SharedStore {
  readonly url: string;
  /** Names the store in errors. */
  readonly path: string;
  /** The reading connection. */
  readonly db: Database;
  /** @throws `STORE_CLOSED` */
  readonly checkOpen: () => void;
  /** Runs a short read. @throws `STORE_CLOSED`, and what the driver throws, translated. */
  readonly answer: <Result>(body: () => Result) => Promise<Result>;
  /** @throws `STORE_CLOSED`, `STORE_READ_ONLY`, what refuses the write. */
  readonly write: (write: Write) => Promise<Exclude<WriteOutcome, { kind: "refused" }>>;
  readonly watch: (listener: () => void) => () => void;
  /** Undefined for a store that is only read. */
  readonly transactions: Transactions | undefined;
}

/** Records, read models and transactions in the store's file. */
export class SqliteReadSide implements ReadSide {
  readonly supportsSql = true;
  readonly #shared: SharedStore;
  readonly #reader: ReadSideReader;
  readonly #sql: SqlRunner;

  constructor(shared: SharedStore) {
    this.#shared = shared;
    this.#reader = new ReadSideReader(shared.db, shared.path, false);
    this.#sql = new SqlRunner(shared.db);
  }

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    return this.#shared.answer(() => this.#reader.findRecord(planRef(ref)));
  }

  listRecords(space: string, options?: ListRecordsOptions): Promise<readonly StoredRecord[]> {
    return this.#shared.answer(() => this.#reader.listRecords(planListRecords(space, options)));
  }

  countRecords(space: string, prefix?: string): Promise<number> {
    return this.#shared.answer(() =>
      this.#reader.countRecords(planListRecords(space, definedParts({ prefix }))),
    );
  }

  listModels(name?: string): Promise<readonly ReadModelInfo[]> {
    return this.#shared.answer(() => this.#reader.listModels(name));
  }

  nextGeneration(): Promise<number> {
    return this.#shared.answer(() => this.#reader.nextGeneration());
  }

  getDocument(model: ReadModelRef, key: string): ReturnType<ReadSide["getDocument"]> {
    return this.#shared.answer(() => this.#reader.getDocument(model, key));
  }

  getDocuments(model: ReadModelRef, keys: readonly string[]): ReturnType<ReadSide["getDocuments"]> {
    return this.#shared.answer(() => this.#reader.getDocuments(model, keys));
  }

  findDocuments(model: ReadModelRef, query: DocumentQuery): ReturnType<ReadSide["findDocuments"]> {
    return this.#shared.answer(() => this.#reader.findDocuments(model, query));
  }

  countDocuments(model: ReadModelRef, query: DocumentQuery): ReturnType<ReadSide["countDocuments"]> {
    return this.#shared.answer(() => this.#reader.countDocuments(model, query));
  }

  query(
    sql: string,
    values?: readonly SqlValue[],
    options: { readonly model?: string | undefined } = {},
  ): Promise<{ readonly rows: readonly SqlRow[]; readonly stamp: ReadStamp | undefined }> {
    return this.#shared.answer(() => {
      checkOptions(options);
      return this.#reader.inOneState(() => {
        const active = this.#reader.listModels().filter(({ state }) => state === "active");
        const model = active.find(({ name }) => name === options.model);
        const physical = withTables(sql, tablesOfAll(active, model));
        checkReads(sql);
        return { rows: this.#sql.all({ given: sql, physical }, values), stamp: stampOf(model) };
      });
    });
  }

  async commit(changes: ReadSideCommit, options?: CommitOptions): Promise<{ readonly version: number }> {
    this.#shared.checkOpen();
    const plan = planCommit(changes);
    const { isDurable } = planCommitOptions(options);
    const outcome = await this.#shared.write({ kind: "commit", plan, isDurable });
    if (outcome.kind !== "committed") throw new TypeError("a commit is answered as a commit");
    return { version: outcome.version };
  }

  transaction<Result>(
    body: (transaction: ReadSideTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    // Without waiting for the disk, a transaction settles as fast as a read.
    return answer(() => {
      this.#shared.checkOpen();
      const plan = { body, ...planTransaction(body, options) };
      const { transactions, url } = this.#shared;
      if (transactions === undefined) throw new HithertoError("STORE_READ_ONLY", { store: url });
      return transactions.run(plan);
    });
  }

  watch(listener: () => void): () => void {
    return this.#shared.watch(listener);
  }
}

/** Tables by the name that statements call them by; those of `preferred` first, where names are the same. */
function tablesOfAll(
  models: readonly ReadModelInfo[],
  preferred: ReadModelInfo | undefined,
): Map<string, string> {
  const sources = preferred === undefined ? models : [...models, preferred];
  return new Map(sources.flatMap((model) => [...tablesOf(model)]));
}
