/**
 * Runs SQL that users write, through one connection.
 */
import type { SqlRow, SqlValue } from "../../core/sql.ts";
import type { BoundValue, Database, Statement } from "../driver.ts";
import { isStatementError } from "../sql-errors.ts";
import { sqlFailed } from "./sql-text.ts";

/** Statements that are kept prepared. */
const statementsMax = 100;

/** Prepares each statement once and keeps it for a while. */
export class SqlRunner {
  readonly #db: Database;
  readonly #prepared = new Map<string, Statement>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Runs for the effect; says how many rows were changed. @throws `SQL_FAILED` */
  run(sql: string, values: readonly SqlValue[] = []): number {
    return this.#guard(sql, () => Number(this.#prepare(sql).run(...bound(values)).changes));
  }

  /** @throws `SQL_FAILED` */
  all(sql: string, values: readonly SqlValue[] = []): SqlRow[] {
    return this.#guard(sql, () => {
      const statement = this.#prepare(sql);
      const rows = statement.all(...bound(values));
      // Asked after it has run: the tables may have changed since it was prepared.
      const names = rows.length === 0 ? [] : statement.columns().map(({ name }) => name);
      return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]!])));
    });
  }

  #prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      if (this.#prepared.size >= statementsMax) this.#prepared.clear();
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  #guard<Result>(sql: string, body: () => Result): Result {
    try {
      return body();
    } catch (error) {
      if (!isStatementError(error)) throw error;
      throw sqlFailed(sql, error.message, error);
    }
  }
}

/** Whole numbers go in as such: as floating-point ones they would divide, and turn to text, otherwise than they look. */
function bound(values: readonly SqlValue[]): BoundValue[] {
  return values.map((value) => (Number.isSafeInteger(value) ? BigInt(value as number) : value));
}
