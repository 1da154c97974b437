/**
 * Reads records, generations and documents through a session: the pool, or the connection of a transaction.
 *
 * An answer and its stamp come from one statement, so from one state. What is remembered is only which generation was
 * active and what its tables look like. The number of a generation is never used again and its shape never changes, so
 * nothing remembered can be wrong but for a generation that is no more, or no longer active: then the statement says so, or
 * PostgreSQL misses the table, and it is looked up anew. A transaction, which may see what is undone later, has a reader of
 * its own.
 */
import { checkQueryFields, indexedFields } from "../../store/document-query.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import {
  checkDocumentKeys,
  checkDocumentQuery,
  checkModelName,
  checkModelRef,
} from "../../store/read-side-options.ts";
import type { ListRecordsPlan } from "../../store/read-side-options.ts";
import type {
  DocumentQuery,
  ReadModelInfo,
  ReadModelRef,
  ReadStamp,
  RecordRef,
  StoredDocument,
  StoredRecord,
} from "../../store/read-side.ts";
import { fromStored, parseStored } from "../json-text.ts";
import type { Session } from "../session.ts";
import { afterPlace, matching, orderOf, Values } from "./document-sql.ts";
import { findModel, lastGeneration, listModels } from "./generations.ts";
import { decodeIndexValue, givenText, orderedText } from "./index-values.ts";
import type { Names } from "./names.ts";
import { recordKeyIndexed } from "./read-side-tables.ts";
import { isTableMissing } from "./sql-runner.ts";

type DocumentRow = [key: string | null, json: string, position: number, fields: string];
type Stamped<Rest extends readonly unknown[]> = [reached: number, state: string, ...Rest];

/** A statement about the documents `d` of a generation; `m` is its row in `generations`. */
interface DocumentSql {
  readonly columns: string;
  readonly join?: string;
  readonly order?: string;
}

const documentColumns = "d.key, d.document, d.position, to_json(d.fields)::text";

/** Reads the read side through one session. */
export class ReadSideReader {
  readonly #session: Session;
  readonly #names: Names;
  /** Active generations by name, and any by number, as they were when last looked up. */
  readonly #known = new Map<string | number, ReadModelInfo>();

  constructor(session: Session, names: Names) {
    this.#session = session;
    this.#names = names;
  }

  /** To be called when generations may have been changed within the transaction of the session. */
  forget(): void {
    this.#known.clear();
  }

  async findRecord({ space, key }: RecordRef): Promise<StoredRecord | undefined> {
    const sql = `SELECT key, version, value FROM ${this.#names.own("records")}
      WHERE space = $1 AND left(key, ${recordKeyIndexed}) = left($2, ${recordKeyIndexed}) AND key = $2`;
    const [row] = await this.#session.query<RecordRow>(sql, [orderedText(space), orderedText(key)]);
    return row && toRecord(space, row, this.#names.store);
  }

  async listRecords(plan: ListRecordsPlan): Promise<StoredRecord[]> {
    const values = new Values();
    const sql = `SELECT key, version, value FROM ${this.#names.own("records")} WHERE ${keyRange(plan, values)}
      ORDER BY left(key, ${recordKeyIndexed}), key LIMIT ${values.add(plan.limit)}`;
    const rows = await this.#session.query<RecordRow>(sql, values.list);
    return rows.map((row) => toRecord(plan.space, row, this.#names.store));
  }

  async countRecords(plan: ListRecordsPlan): Promise<number> {
    const values = new Values();
    const sql = `SELECT count(*) FROM ${this.#names.own("records")} WHERE ${keyRange(plan, values)}`;
    const [row] = await this.#session.query<[number]>(sql, values.list);
    return row?.[0] ?? 0;
  }

  async listModels(name?: string): Promise<ReadModelInfo[]> {
    checkModelName(name);
    return listModels(this.#session, this.#names, name);
  }

  async nextGeneration(): Promise<number> {
    return (await lastGeneration(this.#session, this.#names)) + 1;
  }

  async getDocument(
    ref: ReadModelRef,
    key: string,
  ): Promise<{ readonly document: StoredDocument | undefined; readonly stamp: ReadStamp | undefined }> {
    const { documents, stamp } = await this.getDocuments(ref, [key]);
    return { document: documents[0], stamp };
  }

  async getDocuments(
    ref: ReadModelRef,
    keys: readonly string[],
  ): Promise<{
    readonly documents: ReadonlyArray<StoredDocument | undefined>;
    readonly stamp: ReadStamp | undefined;
  }> {
    checkModelRef(ref);
    checkDocumentKeys(keys);
    const values = new Values();
    const wanted = values.add(keys.map(orderedText));
    const { rows, stamp } = await this.#ask<DocumentRow>(ref, values, ({ generation }) => ({
      columns: documentColumns,
      join: `LEFT JOIN ${this.#names.documents(generation)} AS d ON d.key = ANY (${wanted}::text[])`,
    }));
    const found = new Map(toDocuments(rows).map((document) => [document.key, document]));
    return { documents: keys.map((key) => found.get(key)), stamp };
  }

  async findDocuments(
    ref: ReadModelRef,
    query: DocumentQuery,
  ): Promise<{ readonly documents: StoredDocument[]; readonly stamp: ReadStamp | undefined }> {
    checkModelRef(ref);
    checkDocumentQuery(query);
    const values = new Values();
    const { rows, stamp } = await this.#ask<DocumentRow>(ref, values, ({ generation, name, shape }) => {
      checkQueryFields(name, indexedFields(shape), query);
      const order = orderOf(shape, query);
      const found = `SELECT d.* FROM ${this.#names.documents(generation)} AS d
        WHERE ${matching(shape, query, values)} AND ${afterPlace(shape, query, values)}
        ORDER BY ${order} LIMIT ${values.add(query.limit)}`;
      return { columns: documentColumns, join: `LEFT JOIN LATERAL (${found}) AS d ON TRUE`, order };
    });
    return { documents: toDocuments(rows), stamp };
  }

  async countDocuments(
    ref: ReadModelRef,
    query: DocumentQuery,
  ): Promise<{ readonly count: number; readonly stamp: ReadStamp | undefined }> {
    checkModelRef(ref);
    checkDocumentQuery(query);
    const values = new Values();
    const { rows, stamp } = await this.#ask<[number]>(ref, values, ({ generation, name, shape }) => {
      checkQueryFields(name, indexedFields(shape), query);
      const documents = this.#names.documents(generation);
      return {
        columns: `(SELECT count(*) FROM ${documents} AS d WHERE ${matching(shape, query, values)})`,
      };
    });
    return { count: rows[0]?.[0] ?? 0, stamp };
  }

  /** Runs a statement about the documents of the generation that is read, and says of which state the answer is. */
  async #ask<Row extends readonly unknown[]>(
    ref: ReadModelRef,
    values: Values,
    statementFor: (model: ReadModelInfo) => DocumentSql,
  ): Promise<{ readonly rows: Row[]; readonly stamp: ReadStamp | undefined }> {
    const shared = values.list.length;
    const id = "name" in ref ? ref.name : ref.generation;
    for (let model = this.#known.get(id) ?? (await this.#lookUp(ref)); ; model = await this.#lookUp(ref)) {
      if (model?.shape.kind !== "documents") return { rows: [], stamp: stampOf(model) };
      values.list.length = shared;
      const rows = await this.#tryAsk<Row>(model, values, statementFor(model));
      const [first] = rows ?? [];
      if (first === undefined || ("name" in ref && first[1] !== "active")) continue;
      const stamp = stampOf({ ...model, position: first[0] });
      return { rows: rows!.map((row) => row.slice(2) as unknown as Row), stamp };
    }
  }

  /** Undefined when the tables are gone, with their generation. */
  async #tryAsk<Row extends readonly unknown[]>(
    model: ReadModelInfo,
    values: Values,
    { columns, join = "", order }: DocumentSql,
  ): Promise<Stamped<Row>[] | undefined> {
    const { generation } = model;
    const sql = `SELECT m.position, m.state, ${columns} FROM ${this.#names.own("generations")} AS m ${join}
      WHERE m.generation = ${generation}${order === undefined ? "" : ` ORDER BY ${order}`}`;
    try {
      return await this.#session.query<Stamped<Row>>(sql, values.list);
    } catch (error) {
      // Should they be missing otherwise, the store is damaged.
      if (isTableMissing(error) && (await this.#lookUp({ generation })) === undefined) return undefined;
      throw error;
    }
  }

  async #lookUp(ref: ReadModelRef): Promise<ReadModelInfo | undefined> {
    const id = "name" in ref ? ref.name : ref.generation;
    const model = await findModel(this.#session, this.#names, ref);
    if (this.#known.size >= knownMax) this.#known.clear();
    if (model === undefined) this.#known.delete(id);
    else this.#known.set(id, model);
    return model;
  }
}

const knownMax = 1_000;

type RecordRow = [key: string, version: number, json: string];

function toRecord(space: string, [stored, version, json]: RecordRow, store: string): StoredRecord {
  const key = givenText(stored);
  return { space, key, version, value: parseStored(json, store, () => `the record ${key} of ${space}`) };
}

/** Keys of a space that begin so, and come after one, as a condition. */
function keyRange({ space, prefix, after }: ListRecordsPlan, values: Values): string {
  const indexed = (bound: string): string => `left(${bound}, ${recordKeyIndexed})`;
  const stored = orderedText(prefix);
  const from = values.add(stored);
  const parts = [
    `space = ${values.add(orderedText(space))}`,
    `${indexed("key")} >= ${indexed(from)}`,
    `key >= ${from}`,
  ];
  const end = endOfPrefix(stored);
  if (end !== undefined) {
    const to = values.add(end);
    parts.push(`${indexed("key")} <= ${indexed(to)}`, `key < ${to}`);
  }
  if (after !== undefined) {
    const place = values.add(orderedText(after));
    parts.push(`(${indexed("key")}, key) > (${indexed(place)}, ${place})`);
  }
  return parts.join(" AND ");
}

/** Where there is no document, its columns are null. */
function toDocuments(rows: readonly DocumentRow[]): StoredDocument[] {
  return rows
    .filter(([key]) => key !== null)
    .map(([key, json, position, fields]) => ({
      key: givenText(key!),
      json: fromStored(json),
      position,
      indexed: (JSON.parse(fields) as string[]).map(decodeIndexValue),
    }));
}

/** The stamp of an answer that is of the same state as `model`. */
export function stampOf(model: ReadModelInfo | undefined): ReadStamp | undefined {
  if (model === undefined) return undefined;
  const { generation, version, position } = model;
  return { generation, version, position };
}
