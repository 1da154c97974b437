/**
 * What the tables, indexes and views of a generation are called, and what goes into SQL between quotes.
 */
import { indexedFields } from "../../store/document-query.ts";
import type { ReadModelInfo } from "../../store/read-side.ts";

/** The part of a generation that its tables follow from. */
export type TableSource = Pick<ReadModelInfo, "generation" | "name" | "shape">;

/** The table of the documents of a generation. */
export function documentTable(generation: number): string {
  return quote(`documents_${generation}`);
}

/** An SQL table of a generation. */
export function sqlTable(generation: number, table: string): string {
  return quote(`table_${generation}_${table}`);
}

/** The tables of a generation as the file calls them. */
export function physicalTables(model: TableSource): string[] {
  return Array.from(tablesOf(model).values(), (quoted) => quoted.slice(1, -1));
}

/** The view of an active read model, or of one of its SQL tables, for people. */
export function viewOf(name: string): string {
  return quote(`read_${name}`);
}

/** The tables of a generation by the name that statements call them by, in braces. */
export function tablesOf({ generation, name, shape }: TableSource): Map<string, string> {
  if (shape.kind === "documents") return new Map([[name, documentTable(generation)]]);
  return new Map(Object.keys(shape.tables).map((table) => [table, sqlTable(generation, table)]));
}

/** Columns that every table of documents has, and that people see. */
const ownColumns = ["key", "document", "position"];

/** The column of the checksum, which queries leave out. No column of a field has a dot in its name. */
export const checksumColumn = "row.checksum";

/** The columns of a table of documents that people see. */
export function shownColumns(shape: ReadModelInfo["shape"]): readonly string[] {
  return [...ownColumns, ...fieldColumns(shape)];
}

/**
 * The columns of the indexed fields: the path with `_` for `.`. Where two would be the same, as SQL compares names, the
 * later one gets `_` at its end.
 */
export function fieldColumns(shape: ReadModelInfo["shape"]): readonly string[] {
  const taken = new Set(ownColumns);
  return indexedFields(shape).map((field) => {
    let column = field.replaceAll(".", "_");
    while (taken.has(column.toLowerCase())) column += "_";
    taken.add(column.toLowerCase());
    return quote(column);
  });
}

/** A name as an identifier in SQL, whatever it holds. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
