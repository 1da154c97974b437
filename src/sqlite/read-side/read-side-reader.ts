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
import {
  checkDocumentKeys,
  checkDocumentQuery,
  checkModelName,
  checkModelRef,
} from "../../store/read-side-options.ts";
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
import { checkNeighbours, rowDamaged } from "../row-checksum.ts";
import { Statements } from "../row-source.ts";
import { isStatementError } from "../sql-errors.ts";
import { checkAnswer, toDocument, toFound } from "./document-rows.ts";
import type { DocumentRow } from "./document-rows.ts";
import { countSql, documentColumns, findSql } from "./document-sql.ts";
import { checkModel, findModel, lastGeneration, listModels } from "./generations.ts";
import { documentTable } from "./names.ts";
import { countRecordRows, findRecordRow, listRecordRows, toRecord } from "./record-rows.ts";

type StampedRow = [
  reached: number,
  state: ReadModelInfo["state"],
  checksum: number,
  key: string | null,
  ...rest: IndexValue[],
];

/** Generations that can be activated one after the other while a document is looked for. */
const attemptsMax = 100;

/** Statements of one kind that are kept prepared. */
const statementsMax = 200;

/** Reads the read side through one connection. */
export class ReadSideReader {
  readonly #db: Database;
  /** Names the store in errors. */
  readonly #store: string;
  readonly #statements: Statements;
  /** Those of queries over documents, by their text. */
  readonly #queries = new Map<string, Statement<never>>();
  /** Those that get a document, by generation. */
  readonly #gets = new Map<number, Statement<StampedRow>>();
  /** Those that get the documents beside a key, by generation. */
  readonly #besides = new Map<number, ReadonlyArray<Statement<DocumentRow>>>();
  /** Active generations by name, as they were when last looked up. */
  readonly #active = new Map<string, ReadModelInfo>();
  readonly #isInTransaction: boolean;

  /** `isInTransaction`: whether whoever uses it has one open, so that it needs none of its own. */
  constructor(db: Database, store: string, isInTransaction: boolean) {
    this.#db = db;
    this.#store = store;
    this.#statements = new Statements(db);
    this.#isInTransaction = isInTransaction;
  }

  /** After a transaction that was undone. */
  forget(): void {
    this.#active.clear();
    this.#gets.clear();
    this.#besides.clear();
  }

  findRecord(ref: RecordRef): StoredRecord | undefined {
    const row = findRecordRow(this.#statements, this.#store, ref);
    return row && toRecord(row, this.#store);
  }

  listRecords(plan: ListRecordsPlan): StoredRecord[] {
    return listRecordRows(this.#statements, this.#store, plan).map((row) => toRecord(row, this.#store));
  }

  countRecords(plan: ListRecordsPlan): number {
    return countRecordRows(this.#statements, plan);
  }

  listModels(name?: string): ReadModelInfo[] {
    checkModelName(name);
    return listModels(this.#statements, this.#store, name);
  }

  nextGeneration(): number {
    return lastGeneration(this.#statements, this.#store) + 1;
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
    for (let attempts = 0; model !== undefined; attempts++) {
      const found = this.#tryGet(model, key, "name" in ref);
      if (found !== undefined) return found;
      if (attempts === attemptsMax) {
        throw rowDamaged(this.#store, "the index of read models does not fit them");
      }
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
    checkDocumentQuery(query);
    return this.inOneState(() => {
      const model = this.findModel(ref);
      if (model === undefined) return { documents: [], stamp: undefined };
      checkQueryFields(model.name, indexedFields(model.shape), query);
      return { documents: this.#find(model, query), stamp: stampOf(model) };
    });
  }

  countDocuments(
    ref: ReadModelRef,
    query: DocumentQuery,
  ): { readonly count: number; readonly stamp: ReadStamp | undefined } {
    checkModelRef(ref);
    checkDocumentQuery(query);
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
    const model = findModel(this.#statements, this.#store, ref);
    if (!("name" in ref)) return model;
    const before = this.#active.get(ref.name);
    if (before !== undefined && before.generation !== model?.generation) this.#forget(before.generation);
    if (model === undefined) this.#active.delete(ref.name);
    else this.#active.set(ref.name, model);
    return model;
  }

  #forget(generation: number): void {
    this.#gets.delete(generation);
    this.#besides.delete(generation);
  }

  /** Undefined when what was known of the generation holds no longer. */
  #tryGet(
    model: ReadModelInfo,
    key: string,
    isByName: boolean,
  ): { readonly document: StoredDocument | undefined; readonly stamp: ReadStamp } | undefined {
    try {
      const row = this.#prepareGet(model).get(key);
      if (row === undefined) return undefined;
      const [position, state, checksum, ...rest] = row;
      checkModel({ ...model, state, position }, checksum, this.#store);
      if (isByName && state !== "active") return undefined;
      const { generation, version } = model;
      const stamp = { generation, version, position };
      if (rest[0] !== null) {
        const document = toDocument(rest as DocumentRow, model, this.#store);
        if (document.key !== key) throw rowDamaged(this.#store, "the documents are out of order");
        return { document, stamp };
      }
      this.#checkBeside(model, key);
      return { document: undefined, stamp };
    } catch (error) {
      // Its tables went with it. Should they be missing otherwise, the store is damaged.
      if (isStatementError(error) && !this.#isStored(model)) return undefined;
      throw error;
    }
  }

  #isStored({ generation }: ReadModelInfo): boolean {
    return findModel(this.#statements, this.#store, { generation }) !== undefined;
  }

  #prepareGet({ generation, shape }: ReadModelInfo): Statement<StampedRow> {
    let statement = this.#gets.get(generation);
    if (statement === undefined) {
      statement = this.#db.prepare<StampedRow>(
        `SELECT m.position, m.state, m.checksum, ${documentColumns(shape)}
         FROM generations AS m LEFT JOIN ${documentTable(generation)} AS d ON d.key = ?
         WHERE m.generation = ${generation}`,
      );
      if (this.#gets.size >= statementsMax) this.#gets.clear();
      this.#gets.set(generation, statement);
    }
    return statement;
  }

  #find(model: ReadModelInfo, query: DocumentQuery): StoredDocument[] {
    const documents: StoredDocument[] = [];
    for (const { sql, values } of findSql(model, query)) {
      if (documents.length >= query.limit) break;
      const rows = this.#prepareQuery<DocumentRow>(sql).all(...values, query.limit - documents.length);
      for (const row of rows) documents.push(toFound(row, model, this.#store));
    }
    checkAnswer(model, query, documents, this.#store);
    return documents;
  }

  #checkBeside(model: ReadModelInfo, key: string): void {
    let sides = this.#besides.get(model.generation);
    if (sides === undefined) {
      const select = `SELECT ${documentColumns(model.shape)} FROM ${documentTable(model.generation)} AS d`;
      sides = [
        this.#db.prepare(`${select} WHERE d.key > ? ORDER BY d.key LIMIT 1`),
        this.#db.prepare(`${select} WHERE d.key < ? ORDER BY d.key DESC LIMIT 1`),
      ];
      if (this.#besides.size >= statementsMax) this.#besides.clear();
      this.#besides.set(model.generation, sides);
    }
    checkNeighbours(sides, [key], (row) => toDocument(row, model, this.#store));
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

/** The stamp of an answer that is of the same state as `model`. */
export function stampOf(model: ReadModelInfo | undefined): ReadStamp | undefined {
  if (model === undefined) return undefined;
  const { generation, version, position } = model;
  return { generation, version, position };
}
