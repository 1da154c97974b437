/**
 * What the tables, indexes and views of a generation are called.
 *
 * PostgreSQL cuts identifiers at 63 bytes. Names that would be longer are made otherwise here, so that no two are the same.
 */
import { indexedFields } from "../../store/document-query.ts";
import type { ReadModelInfo } from "../../store/read-side.ts";
import { identifierBytesMax, quoteName, readModelsSchema } from "../identifiers.ts";

/** The part of a generation that its tables follow from. */
export type TableSource = Pick<ReadModelInfo, "generation" | "name" | "shape">;

/** Where the tables of generations are. */
export interface Schemas {
  /** Names the store in errors. */
  readonly store: string;
  /** The store's, as the user wrote it. */
  readonly schema: string;
  /** Generations up to this one have their tables in the store's schema, the later ones in that of read models. */
  readonly lastInSchema: number;
}

/** Names within the schemas of a store, quoted and qualified. */
export class Names {
  /** Names the store in errors. */
  readonly store: string;
  readonly #schema: string;
  readonly #readModels: string;
  readonly #lastInSchema: number;

  constructor({ store, schema, lastInSchema }: Schemas) {
    this.store = store;
    this.#schema = quoteName(schema);
    this.#readModels = quoteName(readModelsSchema(schema));
    this.#lastInSchema = lastInSchema;
  }

  /** A table or function of the store itself. */
  own(name: string): string {
    return `${this.#schema}.${quoteName(name)}`;
  }

  /** A table or view of a generation. */
  of(generation: number, name: string): string {
    const schema = generation > this.#lastInSchema ? this.#readModels : this.#schema;
    return `${schema}.${quoteName(name)}`;
  }

  /** The table of the documents of a generation. */
  documents(generation: number): string {
    return this.of(generation, `documents_${generation}`);
  }

  /** The tables of a generation, in the order in which they are made. */
  tables(model: TableSource): string[] {
    const { generation, shape } = model;
    if (shape.kind === "documents") return [this.documents(generation)];
    return Object.keys(shape.tables).map((table) => this.sqlTable(model, table));
  }

  /** An SQL table of a generation; one whose name is too long is called by its number. */
  sqlTable({ generation, shape }: TableSource, table: string): string {
    const name = `table_${generation}_${table}`;
    if (fits(name)) return this.of(generation, name);
    const tables = shape.kind === "sql" ? Object.keys(shape.tables) : [];
    return this.of(generation, `table_${generation}_${tables.indexOf(table)}`);
  }

  /** What statements that name a table or a read model in braces are about. */
  shown({ generation, name, shape }: TableSource): Map<string, string> {
    if (shape.kind === "documents") {
      return new Map([[name, this.of(generation, `documents_${generation}_shown`)]]);
    }
    const model = { generation, name, shape };
    return new Map(Object.keys(shape.tables).map((table) => [table, this.sqlTable(model, table)]));
  }

  /** The view of an active read model, or of one of its SQL tables, for people. */
  view(name: string): string {
    return `${this.#readModels}.${quoteName(`read_${name}`.slice(0, identifierBytesMax))}`;
  }
}

const ownColumns = ["key", "document", "position"];

/**
 * The columns in which people see the indexed fields, quoted: the path with `_` for `.`, in small letters, as SQL reads
 * names without quotes. Where two would be the same, the later one gets `_` at its end.
 */
export function fieldColumns(shape: ReadModelInfo["shape"]): readonly string[] {
  const taken = new Set(ownColumns);
  return indexedFields(shape).map((field, index) => {
    let column = field.replaceAll(/[.\0]/gu, "_").toLowerCase();
    if (column === "" || !fits(column)) column = `field_${index}`;
    while (taken.has(column)) column += "_";
    taken.add(column);
    return quoteName(column);
  });
}

/** With room for a few `_`. */
function fits(name: string): boolean {
  return Buffer.byteLength(name) < identifierBytesMax - 3;
}
