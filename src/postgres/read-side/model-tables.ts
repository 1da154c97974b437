/**
 * The tables of generations: made and emptied, within a transaction that holds the right to commit. `tidy-tables.ts` drops
 * them. What users wrote (columns, indexes) is run as a single statement each, whatever it holds.
 */
import { indexedFields } from "../../store/document-query.ts";
import { quoteText } from "../identifiers.ts";
import { isStatementError } from "../postgres-errors.ts";
import type { Session } from "../session.ts";
import { storedText } from "../stored-text.ts";
import { documentKeyIndexed } from "./document-sql.ts";
import { fieldColumns } from "./names.ts";
import type { Names, TableSource } from "./names.ts";
import { sqlFailed, withTables } from "./sql-text.ts";

/**
 * So many fields of an index are in it: three at their longest, and the beginning of the key, fit into an entry. What is
 * beyond is filtered and sorted when it is read.
 */
const fieldsIndexedMax = 3;

/** Makes the tables of a generation. @throws `SQL_FAILED` */
export async function createTables(session: Session, names: Names, model: TableSource): Promise<void> {
  const statements =
    model.shape.kind === "documents" ? documentCreation(names, model) : sqlCreation(names, model);
  for (const sql of statements) await run(session, sql);
}

/** Empties them: tables may refer to those before them, so the last goes first. */
export async function clearTables(session: Session, names: Names, model: TableSource): Promise<void> {
  // Not TRUNCATE: whoever reads an older state would see no rows in it.
  for (const table of names.tables(model).toReversed()) await run(session, `DELETE FROM ${table}`);
}

function documentCreation(names: Names, model: TableSource): string[] {
  const { generation, shape } = model;
  const table = names.documents(generation);
  const fields = indexedFields(shape);
  const indexes = shape.kind === "documents" ? shape.indexes : [];
  const columns = fieldColumns(shape).map(
    (column, index) => `, ${names.own("document_field")}(d.document, ${pathOf(fields[index]!)}) AS ${column}`,
  );
  return [
    `CREATE TABLE ${table} (
       key text COLLATE "C" PRIMARY KEY, document json NOT NULL, position bigint NOT NULL,
       fields text[] COLLATE "C" NOT NULL) WITH (fillfactor = 85)`,
    ...indexes.map((index) => {
      const indexed = index
        .slice(0, fieldsIndexedMax)
        .map((field) => `(fields[${fields.indexOf(field) + 1}])`);
      return `CREATE INDEX ON ${table} (${indexed.join(", ")}, left(key, ${documentKeyIndexed}))`;
    }),
    ...Array.from(
      names.shown(model).values(),
      (view) =>
        `CREATE VIEW ${view} AS SELECT d.key, d.document, d.position${columns.join("")} FROM ${table} AS d`,
    ),
  ];
}

function sqlCreation(names: Names, model: TableSource): string[] {
  const { shape } = model;
  if (shape.kind !== "sql") return [];
  const tables = names.shown(model);
  return [
    ...Object.entries(shape.tables).map(
      ([table, columns]) => `CREATE TABLE ${tables.get(table)!} (${withTables(columns, tables)}\n)`,
    ),
    ...Object.entries(shape.indexes).flatMap(([table, indexes]) =>
      indexes.map((index) => `CREATE INDEX ON ${tables.get(table)!} ${withTables(index, tables)}`),
    ),
  ];
}

/** The path of a field as an array of texts; the names are the user's own. A view takes no parameters. */
function pathOf(field: string): string {
  const parts = field.split(".").map((part) => quoteText(storedText(part)));
  return `ARRAY[${parts.join(", ")}]`;
}

/** @throws `SQL_FAILED` */
async function run(session: Session, sql: string): Promise<void> {
  try {
    await session.execute(sql);
  } catch (error) {
    if (!isStatementError(error)) throw error;
    throw sqlFailed(sql, error.message, error);
  }
}
