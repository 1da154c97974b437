/**
 * The port of the read side: what projections, read models and consumers keep, beside the log and in the same database.
 * It knows nothing of handlers, retries or leases; the runtime builds those on three things:
 *
 * - **Records**: small JSON values under a space and a key, changed only by compare-and-set. Each commit gives all
 *   records that it puts one new version, from a counter that never goes back, so a version once seen stands for
 *   exactly one content, even if the record was removed and made again. Versions and numbers of generations that were
 *   given in a transaction that was undone do not count: they may come again.
 * - **Read models**: each build of a projection is a *generation*, a number of its own, with its own tables and the
 *   position up to which events are in it. One generation of each name can be active: reads by name go there.
 * - **Commits**: any number of changes to both, all or none, refused when something expected does not hold. A checkpoint
 *   moves only from the position that its owner believes it at, in the same commit as the effect, so whoever has been
 *   overtaken can not write, whatever it believes about leases.
 *
 * The promises, tested by `readSideConformance`:
 * - A commit is atomic. A read sees all of a commit or nothing, and its `position` is that of the very state it returns.
 * - Commits, appends and transactions of one handle, called one after the other without waiting, take effect in that order.
 * - The position of an active read model, as reads report it, never goes back, over any number of rebuilds.
 */
import type { StoredEvent } from "../core/event.ts";
import type { SqlRow, SqlTransaction, SqlValue } from "../core/sql.ts";
import type { AppendOptions, AppendResult, ReadOptions, StreamAppend } from "./event-store.ts";

/** Names a record. Keys sort by code point. */
export interface RecordRef {
  /** What kind of record it is, such as `members`. */
  readonly space: string;
  readonly key: string;
}

/** A record as it is stored. */
export interface StoredRecord extends RecordRef {
  readonly version: number;
  /** Plain JSON. */
  readonly value: unknown;
}

/** Holds while the record has this version; version 0: while there is none. */
export interface RecordExpectation extends RecordRef {
  readonly version: number;
}

/** Which records to list: those of a space, in order of key. */
export interface ListRecordsOptions {
  /** Only keys that begin so. */
  readonly prefix?: string;
  /** Only keys after this one, for paging. */
  readonly after?: string | undefined;
  /** At most this many. Default: no limit. */
  readonly limit?: number | undefined;
}

/** What a read model is made of. Names are checked by the definition: letters, digits, `_`, at most 64 characters. */
export type ReadModelShape =
  | {
      readonly kind: "documents";
      /** Each is an index over one or several fields: dotted paths into the document. */
      readonly indexes: ReadonlyArray<readonly string[]>;
    }
  | {
      readonly kind: "sql";
      /** Column definitions (what stands between the parentheses of CREATE TABLE), by table name. */
      readonly tables: Readonly<Record<string, string>>;
      /** Indexes: statements after `CREATE INDEX … ON {table} `, by table name, such as `["(day, total)"]`. */
      readonly indexes: Readonly<Record<string, readonly string[]>>;
    };

/** A generation of a read model. */
export interface ReadModelInfo {
  /** Unique in the store and never used again; rises with each one made. */
  readonly generation: number;
  readonly name: string;
  /** Version of the definition that it is built by. */
  readonly version: number;
  readonly shape: ReadModelShape;
  readonly state: "building" | "active";
  /** Every event up to here, as far as it concerns the model, is in it. */
  readonly position: number;
}

/** A change to one document. */
export interface DocumentWrite {
  readonly key: string;
  /** JSON text; null removes the document. */
  readonly json: string | null;
  /** Values of the shape's indexed fields, in order of first mention; see `indexValues`. Empty for a removal. */
  readonly indexed: readonly IndexValue[];
  /** Position of the last event that changed it. */
  readonly position: number;
}

/**
 * What an indexed field holds, as far as indexes go. Booleans count as 0 and 1; anything else than strings, finite
 * numbers and booleans counts as null. Null sorts before numbers, numbers before strings; strings sort by code point.
 */
export type IndexValue = string | number | null;

/** A step of a read model, part of a commit. */
export type ReadModelStep =
  | {
      /** Makes a generation, at position 0 and building. Fails when `generation` is taken. */
      readonly step: "create";
      readonly generation: number;
      readonly name: string;
      readonly version: number;
      readonly shape: ReadModelShape;
    }
  | {
      /** Moves it on, with the documents that changed. Fails when its position is not `from`, or it is no more. */
      readonly step: "advance";
      readonly generation: number;
      readonly from: number;
      readonly to: number;
      readonly documents?: readonly DocumentWrite[] | undefined;
    }
  | {
      /**
       * Makes it the active one of its name, and drops the one before. Fails when that one is further on (reads never
       * go back), or when it is already gone.
       */
      readonly step: "activate";
      readonly generation: number;
    }
  | {
      /** Empties it and begins again at position 0. An active one stays active: its reads do go back. */
      readonly step: "clear";
      readonly generation: number;
    }
  | {
      /** Forgets it with all its tables. Dropping what is no more does nothing. */
      readonly step: "drop";
      readonly generation: number;
    };

/** Changes that take effect together, in this order; nothing is written before everything expected has been checked. */
export interface ReadSideCommit {
  readonly expect?: readonly RecordExpectation[] | undefined;
  readonly models?: readonly ReadModelStep[] | undefined;
  readonly put?: ReadonlyArray<RecordRef & { readonly value: unknown }> | undefined;
  /** Removing what is not there does nothing. */
  readonly remove?: readonly RecordRef[] | undefined;
  /** Removes every record of a space whose key begins so and, with `to`, is at or below it. */
  readonly removeAll?: ReadonlyArray<{
    readonly space: string;
    readonly prefix: string;
    readonly to?: string;
  }>;
}

/** How a commit is made. */
export interface CommitOptions {
  /**
   * Whether the commit must survive the loss of power before it is acknowledged. What can be had again from the log
   * (a checkpoint together with its effect) need not; a loss then takes all of it, never a part. Default true.
   */
  readonly isDurable?: boolean | undefined;
}

/** A condition on an indexed field. Several parts must all hold. */
export interface FieldCondition {
  readonly eq?: IndexValue;
  readonly in?: readonly IndexValue[];
  readonly gt?: IndexValue;
  readonly gte?: IndexValue;
  readonly lt?: IndexValue;
  readonly lte?: IndexValue;
  /** Strings that begin so. */
  readonly prefix?: string;
}

/** Which documents to find; already checked against the shape (`planFind`). */
export interface DocumentQuery {
  /** By field. Ranges compare within one type: a number bound matches numbers only, a string bound strings only. */
  readonly where: Readonly<Record<string, FieldCondition>>;
  /** Only documents whose key begins so. */
  readonly keyPrefix?: string;
  /** Ties, and the whole if it is empty, go by key, in the direction of the last sorted field. */
  readonly sort: ReadonlyArray<{ readonly field: string; readonly isDescending: boolean }>;
  readonly limit: number;
  /** Only what comes after this place in the order: the values of the sorted fields, and the key. */
  readonly after?: { readonly values: readonly IndexValue[]; readonly key: string } | undefined;
}

/** A document as it is stored. */
export interface StoredDocument {
  readonly key: string;
  readonly json: string;
  /** Position of the last event that changed it. */
  readonly position: number;
  /** As {@link DocumentWrite.indexed}. */
  readonly indexed: readonly IndexValue[];
}

/** Which state of a read model an answer is from. */
export interface ReadStamp {
  readonly generation: number;
  /** Version of the definition that built it. */
  readonly version: number;
  /** The position that the answer reflects. */
  readonly position: number;
}

/** Which read model to read: the active one of a name, or one generation, active or not. */
export type ReadModelRef = { readonly name: string } | { readonly generation: number };

/** An interactive transaction: sees its own writes; nobody else does before it ends. */
export interface ReadSideTransaction {
  /** Appends within the transaction. A refused append has changed nothing and leaves the transaction usable. */
  append(batch: StreamAppend | readonly StreamAppend[], options?: AppendOptions): Promise<AppendResult>;
  /** Reads the log, with what this transaction has appended. */
  read(options?: ReadOptions): Promise<readonly StoredEvent[]>;
  head(): Promise<number>;
  findRecord(ref: RecordRef): Promise<StoredRecord | undefined>;
  findModels(name?: string): Promise<readonly ReadModelInfo[]>;
  /** Documents of one generation by key, in the order of the keys; undefined where there is none. */
  findDocuments(
    generation: number,
    keys: readonly string[],
  ): Promise<ReadonlyArray<StoredDocument | undefined>>;
  /** As {@link ReadSide.commit}, as a part of this transaction; what is refused leaves it usable. */
  commit(changes: ReadSideCommit): Promise<{ readonly version: number }>;
  /** SQL in which `{table}` stands for that table of this generation. @throws `SQL_UNSUPPORTED` */
  sql(generation?: number): SqlTransaction;
}

/** How a transaction runs. */
export interface TransactionOptions extends CommitOptions {
  /** How long the body may take, in milliseconds; others that write have to wait meanwhile. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** What is beside the log. */
export interface ReadSide {
  /** Whether this engine runs SQL; if not, everything about SQL fails with `SQL_UNSUPPORTED`. */
  readonly supportsSql: boolean;

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined>;
  listRecords(space: string, options?: ListRecordsOptions): Promise<readonly StoredRecord[]>;
  /** How many records of a space have keys that begin so. */
  countRecords(space: string, prefix?: string): Promise<number>;

  /** All generations, or those of a name, oldest first. */
  listModels(name?: string): Promise<readonly ReadModelInfo[]>;
  /** A number that no generation has, for {@link ReadModelStep}; another process may still be faster. */
  nextGeneration(): Promise<number>;

  /**
   * A document by its key. The stamp is undefined when there is no such read model.
   *
   * Get, find, count and list answer synchronously inside where the engine can, so that an answer costs microseconds.
   */
  getDocument(
    model: ReadModelRef,
    key: string,
  ): Promise<{ readonly document: StoredDocument | undefined; readonly stamp: ReadStamp | undefined }>;
  /** Several by key, all from one state, in the order of the keys. */
  getDocuments(
    model: ReadModelRef,
    keys: readonly string[],
  ): Promise<{
    readonly documents: ReadonlyArray<StoredDocument | undefined>;
    readonly stamp: ReadStamp | undefined;
  }>;
  /** @throws `INDEX_MISSING` when the generation that is read has no index on a field of the query. */
  findDocuments(
    model: ReadModelRef,
    query: DocumentQuery,
  ): Promise<{ readonly documents: readonly StoredDocument[]; readonly stamp: ReadStamp | undefined }>;
  /** How many there are, whatever the limit and the place to begin. @throws `INDEX_MISSING` */
  countDocuments(
    model: ReadModelRef,
    query: DocumentQuery,
  ): Promise<{ readonly count: number; readonly stamp: ReadStamp | undefined }>;
  /**
   * Rows of a statement that only reads. `{table}` stands for that table of any active SQL read model, and `{name}` for
   * the table of the active document read model of that name, whose columns are `key`, `document`, `position` and one for
   * each indexed field, named by its path with `_` for `.`. With a name, the stamp is that read model's, of the same state.
   *
   * @throws `SQL_UNSUPPORTED`; `SQL_FAILED`, also for a statement that would write.
   */
  query(
    sql: string,
    values?: readonly SqlValue[],
    options?: { readonly model?: string | undefined },
  ): Promise<{ readonly rows: readonly SqlRow[]; readonly stamp: ReadStamp | undefined }>;

  /**
   * Makes changes, all or none.
   *
   * @throws `RECORD_CONFLICT`, `MODEL_CONFLICT` when something expected does not hold; `SQL_FAILED` when a table can not
   * be made; `STORE_READ_ONLY`, `STORE_BUSY`, `STORE_FULL`, `STORE_IO`, `STORE_CLOSED`, `QUEUE_FULL`.
   */
  commit(changes: ReadSideCommit, options?: CommitOptions): Promise<{ readonly version: number }>;

  /**
   * Runs `body` in a transaction that holds the store's write lock: nobody else writes meanwhile. If it throws,
   * everything is undone and its error passes through. Transactions of one handle run one after the other; within a
   * body, use only what it is given: waiting for another write to this store would wait for itself.
   *
   * @throws `TRANSACTION_TIMEOUT` when the body takes too long (everything is undone); what the store throws.
   */
  transaction<Result>(
    body: (transaction: ReadSideTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result>;

  /**
   * Calls `listener` whenever the log, a record or a read model may have changed, whoever did it, and on closing, until
   * the function that is returned is called. Signals may be merged, spurious or, rarely, lost: poll as well. What
   * `listener` throws is raised as an uncaught exception; nothing that was done is undone by it.
   */
  watch(listener: () => void): () => void;
}
