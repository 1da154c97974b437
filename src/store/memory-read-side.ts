/**
 * The reference read side: everything of the port in memory, plainly. Other stores are compared with it.
 *
 * What the port leaves to be said, fixed here for every store:
 *
 * - **Order of a commit.** Bad input; then what is expected of records; then the steps of read models, each as the ones
 *   before it left them; then records are put, removed, and removed by prefix. The first that fails decides, and nothing
 *   has been changed then.
 * - **Generations** are never made again: `create` wants a number above all that there ever were.
 * - **Activating** what is active already does nothing. **Advancing** to where it already is, is allowed.
 * - **Transactions.** A commit or append within one sees what the ones before it in the same transaction have done. When
 *   it is over, it takes no more calls: they fail with what ended it, `TRANSACTION_TIMEOUT`, or else `ARGUMENT_INVALID`.
 *
 * A transaction is **waiting** for its turn (`turns.ts`), **running** (the stage of `staging.ts` is open; reads of others
 * see what was before it), or **over**: kept when its body has returned, undone when it has thrown or taken too long. All else
 * runs in one turn of the event loop.
 */
import { HithertoError } from "../core/errors.ts";
import { definedParts } from "../core/selections.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { checkQueryFields, compareText, documentOrder, indexedFields, matches } from "./document-query.ts";
import type { IndexedDocument } from "./document-query.ts";
import { answer } from "./event-loop.ts";
import { callAll } from "./listeners.ts";
import type { MemoryLog } from "./memory-log.ts";
import { MemoryModels } from "./memory-models.ts";
import type { Model } from "./memory-models.ts";
import { MemoryTransaction } from "./memory-transaction.ts";
import { checkListener } from "./read-options.ts";
import {
  checkDocumentKeys,
  checkDocumentQuery,
  checkModelName,
  checkModelRef,
  planCommit,
  planCommitOptions,
  planListRecords,
  planRef,
  planTransaction,
} from "./read-side-options.ts";
import type { CommitPlan, ListRecordsPlan } from "./read-side-options.ts";
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
  StoredDocument,
  StoredRecord,
  TransactionOptions,
} from "./read-side.ts";
import { StagedMap } from "./staging.ts";
import type { Stage, View } from "./staging.ts";
import type { Turns } from "./turns.ts";

/** What a read side shares with the store around it. */
export interface MemoryReadSideOptions {
  readonly url: string;
  readonly stage: Stage;
  readonly turns: Turns;
  readonly log: MemoryLog;
  /** @throws `STORE_CLOSED` */
  readonly checkOpen: () => void;
  /** Called after every change. */
  readonly onCommit: () => void;
}

/** Records, read models and transactions in memory. */
export class MemoryReadSide implements ReadSide {
  readonly supportsSql = false;
  readonly #shared: MemoryReadSideOptions;
  readonly #spaces = new Map<string, StagedMap<StoredRecord>>();
  readonly #models: MemoryModels;
  readonly #watchers = new Set<() => void>();
  /** Of the last commit; what is undone does not give its version back. */
  #version = 0;

  constructor(shared: MemoryReadSideOptions) {
    this.#shared = shared;
    this.#models = new MemoryModels(shared.stage);
  }

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    return this.#run(() => this.recordIn("committed", ref));
  }

  listRecords(space: string, options?: ListRecordsOptions): Promise<readonly StoredRecord[]> {
    return this.#run(() => this.#list(planListRecords(space, options)));
  }

  countRecords(space: string, prefix?: string): Promise<number> {
    return this.#run(() => this.#list(planListRecords(space, definedParts({ prefix }))).length);
  }

  listModels(name?: string): Promise<readonly ReadModelInfo[]> {
    return this.#run(() => {
      checkModelName(name);
      return this.modelsIn("committed", name);
    });
  }

  nextGeneration(): Promise<number> {
    return this.#run(() => this.#models.lastGeneration + 1);
  }

  getDocument(model: ReadModelRef, key: string): ReturnType<ReadSide["getDocument"]> {
    return this.#run(() => {
      checkDocumentKeys([key]);
      const found = this.#find(model);
      return { document: found?.documents.get("committed", key), stamp: stampOf(found) };
    });
  }

  getDocuments(model: ReadModelRef, keys: readonly string[]): ReturnType<ReadSide["getDocuments"]> {
    return this.#run(() => {
      checkDocumentKeys(keys);
      const found = this.#find(model);
      return { documents: keys.map((key) => found?.documents.get("committed", key)), stamp: stampOf(found) };
    });
  }

  findDocuments(model: ReadModelRef, query: DocumentQuery): ReturnType<ReadSide["findDocuments"]> {
    return this.#run(() => {
      checkDocumentQuery(query);
      const found = this.#find(model);
      const fields = found === undefined ? [] : indexedFields(found.info.shape);
      const order = documentOrder(query, fields);
      const { after, limit } = query;
      const begin: IndexedDocument | undefined = after && { key: after.key, indexed: placeOf(query, fields) };
      const documents = this.#matching(found, query)
        .filter((document) => begin === undefined || order(document, begin) > 0)
        .toSorted(order)
        .slice(0, limit);
      return { documents, stamp: stampOf(found) };
    });
  }

  countDocuments(model: ReadModelRef, query: DocumentQuery): ReturnType<ReadSide["countDocuments"]> {
    return this.#run(() => {
      checkDocumentQuery(query);
      const found = this.#find(model);
      return { count: this.#matching(found, query).length, stamp: stampOf(found) };
    });
  }

  query(): Promise<never> {
    return this.#run(() => {
      throw this.sqlUnsupported("a query");
    });
  }

  commit(changes: ReadSideCommit, options?: CommitOptions): Promise<{ readonly version: number }> {
    return this.#run(() => {
      const plan = planCommit(changes);
      planCommitOptions(options);
      return this.#shared.turns.run(() => {
        const result = this.apply(plan);
        this.#shared.onCommit();
        return result;
      });
    });
  }

  transaction<Result>(
    body: (transaction: ReadSideTransaction) => Promise<Result>,
    options?: TransactionOptions,
  ): Promise<Result> {
    return this.#run(() => {
      const { timeoutMs } = planTransaction(body, options);
      return this.#shared.turns.hold(() => this.#transact(body, timeoutMs));
    });
  }

  watch(listener: () => void): () => void {
    this.#shared.checkOpen();
    checkListener(listener);
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** Calls those who watch. */
  notify(): void {
    callAll(this.#watchers);
  }

  // For transactions.

  /** @throws `ARGUMENT_INVALID` */
  recordIn(view: View, ref: RecordRef): StoredRecord | undefined {
    const { space, key } = planRef(ref);
    return this.#spaces.get(space)?.get(view, key);
  }

  /** Oldest first. */
  modelsIn(view: View, name?: string): readonly ReadModelInfo[] {
    return this.#models.list(view, name);
  }

  /** Documents of one generation in the staged view. */
  documentsOf(generation: number, keys: readonly string[]): ReadonlyArray<StoredDocument | undefined> {
    checkModelRef({ generation });
    checkDocumentKeys(keys);
    const found = this.#models.find("staged", { generation });
    return keys.map((key) => found?.documents.get("staged", key));
  }

  /** Makes the changes of a commit; what it refuses has changed nothing. */
  apply({ expect, models, put, remove, removeAll }: CommitPlan): { readonly version: number } {
    for (const { space, key, version: expected } of expect) {
      const actual = this.#space(space).get("staged", key)?.version ?? 0;
      if (actual !== expected) throw new HithertoError("RECORD_CONFLICT", { space, key, expected, actual });
    }
    this.#models.apply(models, (operation) => this.sqlUnsupported(operation));
    const version = ++this.#version;
    for (const { space, key, json } of put) {
      const value: unknown = JSON.parse(json);
      this.#space(space).set(key, deepFreeze({ space, key, version, value }));
    }
    for (const { space, key } of remove) this.#space(space).set(key, undefined);
    for (const { space, prefix, to } of removeAll) this.#removeAll(space, prefix, to);
    return { version };
  }

  /** The error of everything about SQL. */
  sqlUnsupported(operation: string): HithertoError {
    return new HithertoError("SQL_UNSUPPORTED", { store: this.#shared.url, operation });
  }

  async #transact<Result>(
    body: (transaction: ReadSideTransaction) => Promise<Result>,
    timeoutMs: number,
  ): Promise<Result> {
    const { stage, log, url, onCommit } = this.#shared;
    const transaction = new MemoryTransaction(this, log);
    stage.begin();
    let isKept = false;
    const timeout = new HithertoError("TRANSACTION_TIMEOUT", { store: url, timeoutMs });
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      transaction.end(timeout);
      reject(timeout);
    }, timeoutMs);
    try {
      const result = await Promise.race([body(transaction), late]);
      isKept = true;
      return result;
    } finally {
      clearTimeout(timer);
      transaction.end();
      stage.end(isKept);
      if (isKept) onCommit();
    }
  }

  /** Runs what happens in one turn; what it throws becomes a rejection. */
  #run<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    return answer(() => {
      this.#shared.checkOpen();
      return body();
    });
  }

  #space(name: string): StagedMap<StoredRecord> {
    const known = this.#spaces.get(name);
    if (known !== undefined) return known;
    const space = new StagedMap<StoredRecord>(this.#shared.stage);
    this.#spaces.set(name, space);
    return space;
  }

  #list({ space, prefix, after, limit }: ListRecordsPlan): readonly StoredRecord[] {
    const records: StoredRecord[] = [];
    for (const [key, record] of this.#spaces.get(space)?.entries("committed") ?? []) {
      if (!key.startsWith(prefix) || (after !== undefined && compareText(key, after) <= 0)) continue;
      records.push(record);
    }
    return records.sort((one, other) => compareText(one.key, other.key)).slice(0, limit);
  }

  #removeAll(name: string, prefix: string, to: string | undefined): void {
    const space = this.#space(name);
    for (const [key] of space.entries("staged")) {
      if (!key.startsWith(prefix) || (to !== undefined && compareText(key, to) > 0)) continue;
      space.set(key, undefined);
    }
  }

  #find(ref: ReadModelRef): Model | undefined {
    checkModelRef(ref);
    return this.#models.find("committed", ref);
  }

  #matching(found: Model | undefined, query: DocumentQuery): StoredDocument[] {
    if (found === undefined) return [];
    const fields = indexedFields(found.info.shape);
    checkQueryFields(found.info.name, fields, query);
    return [...found.documents.entries("committed")].flatMap(([, document]) =>
      matches(query, fields, document) ? [document] : [],
    );
  }
}

function stampOf(model: Model | undefined): ReadStamp | undefined {
  if (model === undefined) return undefined;
  const { generation, version, position } = model.info;
  return { generation, version, position };
}

/** The indexed values of the place to begin after, where a document would have them. */
function placeOf({ after, sort }: DocumentQuery, fields: readonly string[]): DocumentValues {
  const values = new Map(sort.map(({ field }, index) => [field, after?.values[index] ?? null]));
  return fields.map((field) => values.get(field) ?? null);
}

type DocumentValues = StoredDocument["indexed"];
