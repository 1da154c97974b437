/**
 * The read side of the store on PostgreSQL. Reads take any connection of the pool; commits and interactive transactions
 * wait for their turn among the writes of the handle, and hold the right to commit while they last: a transaction also
 * that to append, which it takes first, so that no two ever wait for each other.
 */
import { definedParts } from "../../core/selections.ts";
import type { SqlValue } from "../../core/sql.ts";
import type { JoinedStore } from "../../store/joined-store.ts";
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
  RecordRef,
  StoredRecord,
  TransactionOptions,
} from "../../store/read-side.ts";
import type { PostgresClient } from "../options.ts";
import type { Connection } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";
import { CommitGroups } from "./commit-groups.ts";
import { joinTransaction } from "./join.ts";
import { Names } from "./names.ts";
import { queryModels, retryWithoutTable } from "./query-models.ts";
import type { ModelAnswer } from "./query-models.ts";
import { ReadSideReader } from "./read-side-reader.ts";
import { leavesUntidy, ReadSideWriter } from "./read-side-writer.ts";
import { checkReads } from "./sql-text.ts";
import { tidyTables } from "./tidy-tables.ts";
import { transact } from "./transact.ts";
import type { TransactionTools } from "./transaction.ts";

/** Records, read models and transactions in the store's schema. */
export class PostgresReadSide implements ReadSide {
  readonly supportsSql = true;
  readonly #shared: SharedStore;
  readonly #names: Names;
  readonly #reader: ReadSideReader;
  /** For what may walk over many documents. */
  readonly #scanner: ReadSideReader;
  readonly #writer: ReadSideWriter;
  readonly #commits: CommitGroups;
  #hasTidied = false;

  constructor(shared: SharedStore) {
    this.#shared = shared;
    this.#names = new Names(shared.database);
    this.#reader = new ReadSideReader(shared.database, this.#names);
    this.#scanner = new ReadSideReader(shared.database.patient, this.#names);
    this.#writer = new ReadSideWriter(this.#names, shared.busyTimeoutMs);
    this.#commits = new CommitGroups(shared, this.#writer, (plans) => this.#finish(plans.some(leavesUntidy)));
  }

  async findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    this.#shared.checkOpen();
    return this.#reader.findRecord(planRef(ref));
  }

  async listRecords(space: string, options?: ListRecordsOptions): Promise<readonly StoredRecord[]> {
    this.#shared.checkOpen();
    return this.#reader.listRecords(planListRecords(space, options));
  }

  async countRecords(space: string, prefix?: string): Promise<number> {
    this.#shared.checkOpen();
    return this.#reader.countRecords(planListRecords(space, definedParts({ prefix })));
  }

  async listModels(name?: string): Promise<readonly ReadModelInfo[]> {
    this.#shared.checkOpen();
    return this.#reader.listModels(name);
  }

  async nextGeneration(): Promise<number> {
    this.#shared.checkOpen();
    return this.#reader.nextGeneration();
  }

  async getDocument(model: ReadModelRef, key: string): Promise<Awaited<ReturnType<ReadSide["getDocument"]>>> {
    this.#shared.checkOpen();
    return this.#reader.getDocument(model, key);
  }

  async getDocuments(
    model: ReadModelRef,
    keys: readonly string[],
  ): Promise<Awaited<ReturnType<ReadSide["getDocuments"]>>> {
    this.#shared.checkOpen();
    return this.#reader.getDocuments(model, keys);
  }

  async findDocuments(
    model: ReadModelRef,
    query: DocumentQuery,
  ): Promise<Awaited<ReturnType<ReadSide["findDocuments"]>>> {
    this.#shared.checkOpen();
    return this.#scanner.findDocuments(model, query);
  }

  async countDocuments(
    model: ReadModelRef,
    query: DocumentQuery,
  ): Promise<Awaited<ReturnType<ReadSide["countDocuments"]>>> {
    this.#shared.checkOpen();
    return this.#scanner.countDocuments(model, query);
  }

  async query(
    sql: string,
    values?: readonly SqlValue[],
    { model }: { readonly model?: string | undefined } = {},
  ): Promise<ModelAnswer> {
    this.#shared.checkOpen();
    checkReads(sql);
    const ask = (connection: Connection): Promise<ModelAnswer> =>
      inSnapshot(connection, () => queryModels(connection, this.#names, { sql, values, model }));
    return retryWithoutTable(() => this.#shared.database.withConnection(ask));
  }

  async commit(changes: ReadSideCommit, options?: CommitOptions): Promise<{ readonly version: number }> {
    this.#shared.checkOpen();
    const plan = planCommit(changes);
    const { isDurable } = planCommitOptions(options);
    this.#shared.checkWritable();
    return { version: await this.#commits.commit(plan, isDurable) };
  }

  async transaction<Result>(
    body: (transaction: ReadSideTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    this.#shared.checkOpen();
    const plan = { body, ...planTransaction(body, options) };
    this.#shared.checkWritable();
    return this.#shared.queue.run(async () => {
      const { result, isUntidy } = await transact(this.#tools, plan);
      await this.#finish(isUntidy);
      return result;
    });
  }

  /** Takes part in a transaction that the client has begun. @throws `ARGUMENT_INVALID` */
  async join(client: PostgresClient): Promise<JoinedStore> {
    this.#shared.checkOpen();
    this.#shared.checkWritable();
    // When it ends, nobody here is told; the next commit of the handle tidies.
    this.#hasTidied = false;
    return joinTransaction(this.#tools, client);
  }

  watch(listener: () => void): () => void {
    return this.#shared.watch(listener);
  }

  get #tools(): TransactionTools {
    return { shared: this.#shared, names: this.#names, writer: this.#writer };
  }

  /** Called after each commit. The first of a handle also does what one that ended too early has left undone. */
  async #finish(isUntidy: boolean): Promise<void> {
    this.#shared.announce();
    if (!isUntidy && this.#hasTidied) return;
    this.#hasTidied = true;
    await tidyTables(this.#shared.database, this.#names);
  }
}

/** Runs statements that all see one state, and change nothing. */
async function inSnapshot<Result>(connection: Connection, body: () => Promise<Result>): Promise<Result> {
  await connection.begin({ characteristics: "REPEATABLE READ READ ONLY" });
  try {
    return await body();
  } finally {
    await connection.rollback();
  }
}
