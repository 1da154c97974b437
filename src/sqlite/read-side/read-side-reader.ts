/**
 * Reads records, generations and documents through one connection: the reading one, or that of a transaction.
 *
 * An answer and its stamp are of one state: they come from one statement, or from several in one read transaction. What is
 * remembered is only which generation was active and what its tables look like. The number of a generation is never used
 * again and its shape never changes, so nothing remembered can be wrong but for a generation that is no more, or no longer
 * active: then no row comes back, or SQLite misses the table, and it is looked up anew. Only a transaction can see a
 * generation that is undone with it; then all is forgotten.
 */
import { checkQueryFields, indexedFields } from "../../store/document-query.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import { checkDocumentKeys, checkModelRef } from "../../store/read-side-options.ts";
import type { ListRecordsPlan } from "../../store/read-side-options.ts";
import type {
  DocumentQuery,
  IndexValue,
  ReadModelInfo,
  ReadModelRef,
  ReadStamp,
  RecordRef,
  StoredDocument,
  StoredRecord,
} from "../../store/read-side.ts";
import type { Database, Statement } from "../driver.ts";
import { inOneState } from "../one-state.ts";
import { Statements } from "../row-source.ts";
import { isStatementError } from "../sql-errors.ts";
import { countSql, documentColumns, findSql } from "./document-sql.ts";
import type { BoundSql } from "./document-sql.ts";
import { findModel, lastGeneration, listModels } from "./generations.ts";
import { documentTable } from "./names.ts";

type DocumentRow = [key: string, json: string, position: number, ...indexed: IndexValue[]];
type StampedRow = [reached: number, state: string, key: string | null, ...rest: IndexValue[]];

/** Statements of one kind that are kept prepared. */
const statementsMax = 200;

/** Reads the read side through one connection. */
export class ReadSideReader {
  readonly #db: Database;
  readonly #statements: Statements;
  /** Those of queries over documents, by their text. */
  readonly #queries = new Map<string, Statement<never>>();
  /** Those that get a document, by generation. */
  readonly #gets = new Map<number, Statement<StampedRow>>();
  /** Active generations by name, as they were when last looked up. */
  readonly #active = new Map<string, ReadModelInfo>();
  readonly #isInTransaction: boolean;

  /** `isInTransaction`: whether whoever uses it has one open, so that it needs none of its own. */
  constructor(db: Database, isInTransaction: boolean) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#isInTransaction = isInTransaction;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#active.clear();
    this.#gets.clear();
  }

  findRecord({ space, key }: RecordRef): StoredRecord | undefined {
    const row = this.#statements
      .prepare<[number, string]>("SELECT version, value FROM records WHERE space = ? AND key = ?")
      .get(space, key);
    return row === undefined ? undefined : toRecord(space, [key, ...row]);
  }

  listRecords({ space, prefix, after, limit }: ListRecordsPlan): StoredRecord[] {
    const keys = keyRange(space, prefix);
    if (after !== undefined) keys.values.push(after);
    const sql = `SELECT key, version, value FROM records WHERE ${keys.sql}${after === undefined ? "" : " AND key > ?"}
      ORDER BY key LIMIT ?`;
    const rows = this.#statements.prepare<[string, number, string]>(sql).all(...keys.values, limit);
    return rows.map((row) => toRecord(space, row));
  }

  countRecords({ space, prefix }: ListRecordsPlan): number {
    const keys = keyRange(space, prefix);
    const sql = `SELECT count(*) FROM records WHERE ${keys.sql}`;
    return this.#statements.prepare<[number]>(sql).get(...keys.values)?.[0] ?? 0;
  }

  listModels(name?: string): ReadModelInfo[] {
    return listModels(this.#statements, name);
  }

  nextGeneration(): number {
    return lastGeneration(this.#statements) + 1;
  }

  /** A document with the stamp of its read model, by one statement. */
  getDocument(
    ref: ReadModelRef,
    key: string,
  ): { readonly document: StoredDocument | undefined; readonly stamp: ReadStamp | undefined } {
    checkModelRef(ref);
    checkDocumentKeys([key]);
    return this.#get(ref, key);
  }

  #get(
    ref: ReadModelRef,
    key: string,
  ): { readonly document: StoredDocument | undefined; readonly stamp: ReadStamp | undefined } {
    let model = ("name" in ref ? this.#active.get(ref.name) : undefined) ?? this.findModel(ref);
    while (model !== undefined) {
      const found = this.#tryGet(model, key, "name" in ref);
      if (found !== undefined) return found;
      model = this.findModel(ref);
    }
    return { document: undefined, stamp: undefined };
  }

  getDocuments(
    ref: ReadModelRef,
    keys: readonly string[],
  ): {
    readonly documents: ReadonlyArray<StoredDocument | undefined>;
    readonly stamp: ReadStamp | undefined;
  } {
    checkModelRef(ref);
    checkDocumentKeys(keys);
    return this.inOneState(() => {
      const stamp = stampOf(this.findModel(ref));
      return { documents: keys.map((key) => this.#get(ref, key).document), stamp };
    });
  }

  findDocuments(
    ref: ReadModelRef,
    query: DocumentQuery,
  ): { readonly documents: StoredDocument[]; readonly stamp: ReadStamp | undefined } {
    checkModelRef(ref);
    return this.inOneState(() => {
      const model = this.findModel(ref);
      if (model === undefined) return { documents: [], stamp: undefined };
      checkQueryFields(model.name, indexedFields(model.shape), query);
      return { documents: this.#find(findSql(model, query), query.limit), stamp: stampOf(model) };
    });
  }

  countDocuments(
    ref: ReadModelRef,
    query: DocumentQuery,
  ): { readonly count: number; readonly stamp: ReadStamp | undefined } {
    checkModelRef(ref);
    return this.inOneState(() => {
      const model = this.findModel(ref);
      if (model === undefined) return { count: 0, stamp: undefined };
      checkQueryFields(model.name, indexedFields(model.shape), query);
      const { sql, values } = countSql(model, query);
      return { count: this.#prepareQuery<[number]>(sql).get(...values)?.[0] ?? 0, stamp: stampOf(model) };
    });
  }

  /** Runs statements that all see one state. */
  inOneState<Result>(body: () => Result): Result {
    return this.#isInTransaction ? body() : inOneState(this.#db, body);
  }

  /** The generation that is read, as it is now. */
  findModel(ref: ReadModelRef): ReadModelInfo | undefined {
    const model = findModel(this.#statements, ref);
    if (!("name" in ref)) return model;
    const before = this.#active.get(ref.name);
    if (before !== undefined && before.generation !== model?.generation) this.#gets.delete(before.generation);
    if (model === undefined) this.#active.delete(ref.name);
    else this.#active.set(ref.name, model);
    return model;
  }

  /** Undefined when what was known of the generation holds no longer. */
  #tryGet(
    model: ReadModelInfo,
    key: string,
    isByName: boolean,
  ): { readonly document: StoredDocument | undefined; readonly stamp: ReadStamp } | undefined {
    try {
      const row = this.#prepareGet(model).get(key);
      if (row === undefined || (isByName && row[1] !== "active")) return undefined;
      const { generation, version } = model;
      const stamp = { generation, version, position: row[0] };
      return { document: row[2] === null ? undefined : toDocument(row.slice(2) as DocumentRow), stamp };
    } catch (error) {
      // Its tables went with it. Should they be missing otherwise, the store is damaged.
      if (isStatementError(error) && !this.#isStored(model)) return undefined;
      throw error;
    }
  }

  #isStored({ generation }: ReadModelInfo): boolean {
    return findModel(this.#statements, { generation }) !== undefined;
  }

  #prepareGet({ generation, shape }: ReadModelInfo): Statement<StampedRow> {
    let statement = this.#gets.get(generation);
    if (statement === undefined) {
      statement = this.#db.prepare<StampedRow>(
        `SELECT m.position, m.state, ${documentColumns(shape)}
         FROM generations AS m LEFT JOIN ${documentTable(generation)} AS d ON d.key = ?
         WHERE m.generation = ${generation}`,
      );
      if (this.#gets.size >= statementsMax) this.#gets.clear();
      this.#gets.set(generation, statement);
    }
    return statement;
  }

  #find(statements: readonly BoundSql[], limit: number): StoredDocument[] {
    const documents: StoredDocument[] = [];
    for (const { sql, values } of statements) {
      if (documents.length >= limit) break;
      const rows = this.#prepareQuery<DocumentRow>(sql).all(...values, limit - documents.length);
      for (const row of rows) documents.push(toDocument(row));
    }
    return documents;
  }

  #prepareQuery<Row extends IndexValue[]>(sql: string): Statement<Row> {
    let statement: Statement<Row> | undefined = this.#queries.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare<Row>(sql);
      if (this.#queries.size >= statementsMax) this.#queries.clear();
      this.#queries.set(sql, statement as Statement<never>);
    }
    return statement;
  }
}

/** Keys of a space that begin so, as a condition and its values. */
function keyRange(space: string, prefix: string): { readonly sql: string; readonly values: string[] } {
  const end = endOfPrefix(prefix);
  if (end === undefined) return { sql: "space = ? AND key >= ?", values: [space, prefix] };
  return { sql: "space = ? AND key >= ? AND key < ?", values: [space, prefix, end] };
}

function toRecord(
  space: string,
  [key, version, json]: readonly [key: string, version: number, json: string],
): StoredRecord {
  return { space, key, version, value: JSON.parse(json) as unknown };
}

function toDocument([key, json, position, ...indexed]: DocumentRow): StoredDocument {
  return { key, json, position, indexed };
}

/** The stamp of an answer that is of the same state as `model`. */
export function stampOf(model: ReadModelInfo | undefined): ReadStamp | undefined {
  if (model === undefined) return undefined;
  const { generation, version, position } = model;
  return { generation, version, position };
}
