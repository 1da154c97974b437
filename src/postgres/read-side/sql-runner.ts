/**
 * Runs SQL that users write, and gives its results as the values that every store gives.
 *
 * Numbers come as numbers, `numeric` too. One that a number cannot hold is refused: a caller that needs every digit casts it to
 * text. Booleans come as 1 and 0, `bytea` as bytes, and everything else as PostgreSQL writes it.
 */
import { problemOfSqlNumber } from "../../core/exact-number.ts";
import type { SqlRow, SqlValue } from "../../core/sql.ts";
import { inWords } from "../../store/check-input.ts";
import { isStatementError, sqlStateOf } from "../postgres-errors.ts";
import type { Session, StatementResult } from "../session.ts";
import { sqlFailed, translate } from "./sql-text.ts";

/** A statement of a user's, with its values and the tables that it may name in braces. */
export interface UserSql {
  readonly sql: string;
  readonly values: readonly SqlValue[] | undefined;
  readonly tables: ReadonlyMap<string, string>;
}

/** Runs for the effect; says how many rows were changed. @throws `SQL_FAILED` */
export async function runSql(session: Session, statement: UserSql): Promise<number> {
  const { command, count } = await execute(session, statement);
  return /^(?:INSERT|UPDATE|DELETE|MERGE)$/.test(command) ? count : 0;
}

/** @throws `SQL_FAILED` */
export async function allRows(session: Session, statement: UserSql): Promise<SqlRow[]> {
  const { columns, rows } = await execute(session, statement);
  return rows.map((row) =>
    Object.fromEntries(columns.map((name, index) => [name, heldValue(statement.sql, row[index])])),
  );
}

/** Stands for a number that JavaScript cannot hold until it is known what statement returned it. */
class InexactNumber {
  readonly problem: string;

  constructor(problem: string) {
    this.problem = problem;
  }
}

function heldValue(sql: string, value: unknown): SqlValue {
  if (value instanceof InexactNumber) throw sqlFailed(sql, value.problem);
  return value as SqlValue;
}

/** Whether a statement failed since there is no such table: of a generation, perhaps, that has gone meanwhile. */
export function isTableMissing(error: unknown): boolean {
  return sqlStateOf(error) === "42P01";
}

async function execute(session: Session, { sql, values = [], tables }: UserSql): Promise<StatementResult> {
  const translated = translate(sql, tables);
  if (!sql.isWellFormed()) throw sqlFailed(sql, "it holds half of a surrogate pair");
  if (!Array.isArray(values)) throw sqlFailed(sql, "the values must be an array");
  if (values.length !== translated.values) {
    throw sqlFailed(sql, `it takes ${translated.values} values, not ${values.length}`);
  }
  const bound = values.map((value) => checkValue(sql, value));
  try {
    return await session.execute(translated.sql, bound, parserOf);
  } catch (error) {
    if (!isStatementError(error)) throw error;
    throw sqlFailed(sql, error.message, error);
  }
}

function checkValue(sql: string, value: unknown): unknown {
  if (typeof value === "string") {
    // PostgreSQL would be sent another text.
    if (value.isWellFormed()) return value;
    throw sqlFailed(sql, "a value holds half of a surrogate pair");
  }
  if (value === null || value instanceof Uint8Array) return value;
  if (Number.isFinite(value)) return value;
  throw sqlFailed(sql, `${inWords(value)} is no value for SQL`);
}

/** Object identifiers of types (`pg_type.dat`). */
const oid = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  float4: 700,
  float8: 701,
  numeric: 1700,
};

/** Numbers that JavaScript holds as they are. */
const doubles: ReadonlySet<number> = new Set([oid.int2, oid.int4, oid.oid, oid.float4, oid.float8]);

function parserOf(type: number): (value: string) => SqlValue {
  if (doubles.has(type)) return Number;
  if (type === oid.int8 || type === oid.numeric) return readNumber as (value: string) => SqlValue;
  if (type === oid.bool) return (value) => (value === "t" ? 1 : 0);
  // After `\x`, two digits a byte.
  if (type === oid.bytea) return (value) => new Uint8Array(Buffer.from(value.slice(2), "hex"));
  return (value) => value;
}

function readNumber(text: string): number | InexactNumber {
  const problem = problemOfSqlNumber(text);
  return problem === undefined ? Number(text) : new InexactNumber(problem);
}
