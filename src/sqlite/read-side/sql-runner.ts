/**
 * Runs SQL that users write, through one connection.
 */
import { problemOfSqlNumber } from "../../core/exact-number.ts";
import type { SqlRow, SqlValue } from "../../core/sql.ts";
import { inWords } from "../../store/check-input.ts";
import type { BoundValue, Database, Statement } from "../driver.ts";
import { isStatementError } from "../sql-errors.ts";
import { checksumColumn } from "./names.ts";
import { checkCommand, placesOf, sqlFailed, withTables, writesRows } from "./sql-text.ts";

/** Statements that are kept prepared. */
const statementsMax = 100;

/** A statement as it was written, and with the names of its tables. */
export interface SqlText {
  readonly given: string;
  readonly physical: string;
}

/** A statement, and how many values it takes. */
interface Prepared {
  readonly statement: Statement;
  readonly places: number;
}

/** Checks and prepares each statement once and keeps it for a while. */
export class SqlRunner {
  readonly #db: Database;
  readonly #prepared = new Map<string, Prepared>();
  /** What statements written with names in braces came to, for each generation, whose tables never change. */
  readonly #translated = new Map<number, Map<string, SqlText>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Runs for the effect; says how many rows were changed. @throws `SQL_FAILED` */
  run(sql: SqlText, values: readonly SqlValue[] = []): number {
    return this.#guard(sql, () => {
      const { statement, places } = this.#prepare(sql);
      const { changes } = statement.run(...bound(sql.given, values, places));
      return writesRows(sql.given) ? Number(changes) : 0;
    });
  }

  /** @throws `SQL_FAILED` */
  all(sql: SqlText, values: readonly SqlValue[] = []): SqlRow[] {
    return this.#guard(sql, () => {
      const { statement, places } = this.#prepare(sql);
      const rows = statement.all(...bound(sql.given, values, places));
      // Asked after it has run: the tables may have changed since it was prepared.
      const names = rows.length === 0 ? [] : statement.columns().map(({ name }) => name);
      const shown = [...names.entries()].filter(([, name]) => name !== checksumColumn);
      return rows.map((row) => Object.fromEntries(shown.map(([index, name]) => [name, row[index]!])));
    });
  }

  /** The statement for the tables of a generation (0: none), checked for use in a transaction. @throws `SQL_FAILED` */
  translate(sql: string, generation: number, tables: () => ReadonlyMap<string, string>): SqlText {
    let known = this.#translated.get(generation);
    if (known === undefined || known.size >= statementsMax) {
      if (this.#translated.size >= statementsMax) this.#translated.clear();
      this.#translated.set(generation, (known = new Map<string, SqlText>()));
    }
    let translated = known.get(sql);
    if (translated === undefined) {
      translated = { given: sql, physical: withTables(sql, tables()) };
      checkCommand(sql);
      known.set(sql, translated);
    }
    return translated;
  }

  /** After a transaction that was undone, and with it the generations that it made. */
  forget(): void {
    this.#translated.clear();
  }

  #prepare({ given, physical: sql }: SqlText): Prepared {
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      if (!sql.isWellFormed()) throw sqlFailed(given, "it holds half of a surrogate pair");
      prepared = { statement: this.#db.prepare(sql), places: placesOf(sql) };
      if (this.#prepared.size >= statementsMax) this.#prepared.clear();
      this.#prepared.set(sql, prepared);
    }
    return prepared;
  }

  #guard<Result>(sql: SqlText, body: () => Result): Result {
    try {
      return body();
    } catch (error) {
      if (!isStatementError(error)) throw error;
      throw sqlFailed(sql.given, problemOf(error), error);
    }
  }
}

/** `node:sqlite` says it of an integer that is no safe one, which it does not return. */
function problemOf(error: Error): string {
  const integer =
    (error as NodeJS.ErrnoException).code === "ERR_OUT_OF_RANGE" && /-?\d+$/.exec(error.message);
  const problem = integer ? problemOfSqlNumber(integer[0]) : undefined;
  return problem ?? error.message;
}

/** Whole numbers go in as such: as floating-point ones they would divide, and turn to text, otherwise than they look. */
function bound(sql: string, values: readonly SqlValue[], places: number): BoundValue[] {
  if (!Array.isArray(values)) throw sqlFailed(sql, "the values must be an array");
  // SQLite would take null for those that are missing.
  if (values.length !== places) throw sqlFailed(sql, `it takes ${places} values, not ${values.length}`);
  return values.map((value: unknown) => {
    if (Number.isSafeInteger(value)) return BigInt(value as number);
    if (typeof value === "string") {
      // SQLite would keep another text.
      if (value.isWellFormed()) return value;
      throw sqlFailed(sql, "a value holds half of a surrogate pair");
    }
    // An object in the first place would be taken for values by name.
    if (value === null || value instanceof Uint8Array) return value;
    if (Number.isFinite(value)) return value as number;
    throw sqlFailed(sql, `${inWords(value)} is no value for SQL`);
  });
}
