/**
 * The rows of tables of documents, each with its checksum, and what a query may say about them.
 */
import { documentOrder, indexedFields, matches } from "../../store/document-query.ts";
import type { DocumentQuery, IndexValue, ReadModelInfo, StoredDocument } from "../../store/read-side.ts";
import { checkChecksum, rowDamaged } from "../row-checksum.ts";
import { documentChecksum } from "./model-tables.ts";

/** The columns of a document, as `documentColumns` selects them. */
export type DocumentRow = [key: string, json: string, position: number, ...indexedAndChecksum: IndexValue[]];

/** The document that a query found, if it is there and as it was written. @throws `STORE_DAMAGED` */
export function toFound(
  row: DocumentRow | [key: null, ...IndexValue[]],
  model: ReadModelInfo,
  store: string,
): StoredDocument {
  if (row[0] === null) throw rowDamaged(store, `a document of the read model "${model.name}" is missing`);
  return toDocument(row, model, store);
}

/** The document in a row, if the row is as it was written. @throws `STORE_DAMAGED` */
export function toDocument(row: DocumentRow, model: ReadModelInfo, store: string): StoredDocument {
  const [key, json, position, ...indexed] = row;
  const checksum = indexed.pop()!;
  checkChecksum(
    checksum,
    documentChecksum(model.generation, [key, position, ...indexed], json),
    store,
    () => {
      return `the document "${key}" of the read model "${model.name}"`;
    },
  );
  return { key, json, position, indexed };
}

/** Refuses documents that an index gave for others: its entries have no checksums. @throws `STORE_DAMAGED` */
export function checkAnswer(
  { name, shape }: ReadModelInfo,
  query: DocumentQuery,
  documents: readonly StoredDocument[],
  store: string,
): void {
  const fields = indexedFields(shape);
  const compare = documentOrder(query, fields);
  for (const [index, document] of documents.entries()) {
    const before = documents[index - 1];
    const isInOrder = before === undefined || compare(before, document) <= 0;
    if (isInOrder && matches(query, fields, document)) continue;
    throw rowDamaged(
      store,
      `an index of the read model "${name}" does not fit the document "${document.key}"`,
    );
  }
}
