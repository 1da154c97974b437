/**
 * The tables of generations: made, filled, emptied, shown by views, and dropped.
 *
 * Tables of documents have no rowid: one tree leads from the key to the document, and every index ends in the key, which
 * is the order that queries want.
 */
import { indexedFields } from "../../store/document-query.ts";
import type { DocumentWrite, ReadModelInfo } from "../../store/read-side.ts";
import type { Database, SqlValue, Statement } from "../driver.ts";
import { rowChecksum } from "../row-checksum.ts";
import { isStatementError } from "../sql-errors.ts";
import {
  checksumColumn,
  documentTable,
  fieldColumns,
  quote,
  shownColumns,
  sqlTable,
  tablesOf,
  viewOf,
} from "./names.ts";
import type { TableSource } from "./names.ts";
import { sqlFailed, withTables } from "./sql-text.ts";

/** Makes the tables of a generation. @throws `SQL_FAILED` */
export function createTables(db: Database, model: TableSource): void {
  for (const sql of creation(model)) run(db, sql);
}

/** Empties them. */
export function clearTables(db: Database, model: TableSource): void {
  runAll(
    db,
    Array.from(tablesOf(model).values(), (table) => `DELETE FROM ${table}`),
  );
}

/** Drops them, and the views that show them. */
export function dropTables(db: Database, model: ReadModelInfo): void {
  if (model.state === "active") dropViews(db, model);
  runAll(
    db,
    Array.from(tablesOf(model).values(), (table) => `DROP TABLE IF EXISTS ${table}`),
  );
}

/** Points the views of a read model to this generation. */
export function showTables(db: Database, model: TableSource): void {
  const columns = model.shape.kind === "documents" ? shownColumns(model.shape).join(", ") : "*";
  for (const [name, table] of tablesOf(model)) {
    run(db, `DROP VIEW IF EXISTS ${viewOf(name)}`);
    run(db, `CREATE VIEW ${viewOf(name)} AS SELECT ${columns} FROM ${table}`);
  }
}

/** Another read model may have tables of the same name, and show them since. */
function dropViews(db: Database, model: TableSource): void {
  const definition = db.prepare<[string]>("SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?");
  for (const [name, table] of tablesOf(model)) {
    const sql = definition.get(`read_${name}`)?.[0];
    if (sql?.endsWith(table) === true) run(db, `DROP VIEW ${viewOf(name)}`);
  }
}

function creation(model: TableSource): string[] {
  return model.shape.kind === "documents" ? documentCreation(model) : sqlCreation(model);
}

function documentCreation({ generation, shape }: TableSource): string[] {
  const table = documentTable(generation);
  const columns = fieldColumns(shape);
  const fields = columns.map((column) => `, ${column}`).join("");
  const indexes = shape.kind === "documents" ? shape.indexes : [];
  const allFields = indexedFields(shape);
  return [
    `CREATE TABLE ${table} (key TEXT NOT NULL PRIMARY KEY, document TEXT NOT NULL, position INTEGER NOT NULL${fields},
     ${quote(checksumColumn)} INTEGER NOT NULL) WITHOUT ROWID`,
    ...indexes.map((index, at) => {
      const indexed = index.map((field) => columns[allFields.indexOf(field)]).join(", ");
      return `CREATE INDEX ${quote(`documents_${generation}_by_${at}`)} ON ${table} (${indexed})`;
    }),
  ];
}

function sqlCreation(model: TableSource): string[] {
  const { generation, shape } = model;
  if (shape.kind !== "sql") return [];
  const tables = tablesOf(model);
  return [
    ...Object.entries(shape.tables).map(([table, columns]) => {
      return `CREATE TABLE ${sqlTable(generation, table)} (${withTables(columns, tables)}\n)`;
    }),
    ...Object.entries(shape.indexes).flatMap(([table, indexes]) =>
      indexes.map((index, at) => {
        const name = quote(`table_${generation}_${table}_by_${at}`);
        return `CREATE INDEX ${name} ON ${sqlTable(generation, table)} ${withTables(index, tables)}`;
      }),
    ),
  ];
}

/** Whether rows refer to rows that there are, is looked at after the last statement only: tables may refer to each other. */
function runAll(db: Database, statements: readonly string[]): void {
  db.exec("PRAGMA defer_foreign_keys = ON");
  for (const sql of statements) run(db, sql);
  db.exec("PRAGMA defer_foreign_keys = OFF");
}

/** Only a single statement is prepared, whatever a definition may hold. @throws `SQL_FAILED` */
function run(db: Database, sql: string): void {
  try {
    db.prepare(withTables(sql, new Map())).run();
  } catch (error) {
    if (!isStatementError(error)) throw error;
    throw sqlFailed(sql, error.message, error);
  }
}

/**
 * The checksum of a row of a table of documents.
 *
 * @param columns - All but the document, in the table's order.
 */
export function documentChecksum(generation: number, columns: readonly SqlValue[], json: SqlValue): number {
  return rowChecksum(`documents_${generation}`, columns, json);
}

/**
 * Writes documents of one generation. Most changes of a document leave its indexed fields as they were; then the indexes
 * are not touched, which SQLite by itself would do: that makes such changes several times faster, and others hardly slower.
 */
export class DocumentTable {
  readonly #update: Statement;
  readonly #upsert: Statement;
  readonly #remove: Statement;

  readonly #generation: number;

  constructor(db: Database, { generation, shape }: TableSource) {
    this.#generation = generation;
    const table = documentTable(generation);
    const fields = fieldColumns(shape);
    const checksum = quote(checksumColumn);
    const columns = [...shownColumns(shape), checksum];
    const changes = columns.slice(1).map((column) => `${column} = excluded.${column}`);
    const unchanged = fields.map((column) => ` AND ${column} IS ?`).join("");
    this.#update = db.prepare(
      `UPDATE ${table} SET document = ?, position = ?, ${checksum} = ? WHERE key = ?${unchanged}`,
    );
    this.#upsert = db.prepare(
      `INSERT INTO ${table} VALUES (${columns.map(() => "?").join(", ")})
       ON CONFLICT (key) DO UPDATE SET ${changes.join(", ")}`,
    );
    this.#remove = db.prepare(`DELETE FROM ${table} WHERE key = ?`);
  }

  write(documents: readonly DocumentWrite[]): void {
    for (const { key, json, position, indexed } of documents) {
      if (json === null) {
        this.#remove.run(key);
        continue;
      }
      const checksum = documentChecksum(this.#generation, [key, position, ...indexed], json);
      if (this.#update.run(json, position, checksum, key, ...indexed).changes === 0) {
        this.#upsert.run(key, json, position, ...indexed, checksum);
      }
    }
  }
}
