/**
 * SQL that users write: names of tables put in for those in braces, `$1`, `$2` … for `?`, and what it may do.
 */
import { HithertoError } from "../../core/errors.ts";

/** A statement as PostgreSQL takes it. */
export interface TranslatedSql {
  readonly sql: string;
  /** How many values it takes. */
  readonly values: number;
}

/**
 * Texts, quoted names and comments, in which nothing is replaced; a name in braces; a place for a value, or `??` for an
 * operator that is or holds `?`; a place for a value as PostgreSQL writes it.
 */
const parts =
  /(?<![\w$])E'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<![\w$])(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|--[^\n\r]*|\/\*(?:[^*/]|\*(?!\/)|\/(?!\*)|\/\*(?:[^*]|\*(?!\/))*\*\/)*\*\/|\{(\w+)\}|\?\??|(?<![\w$])\$\d+/gi;

/**
 * The statement with the tables' own names in place of those in braces, and with numbered places for values.
 *
 * @throws `SQL_FAILED` for a table that is not known, and for places with a number.
 */
export function translate(sql: string, tables: ReadonlyMap<string, string>): TranslatedSql {
  if (typeof sql !== "string") throw sqlFailed(String(sql), "it must be a string");
  let values = 0;
  const translated = sql.replaceAll(
    parts,
    (part: string, _tag: string | undefined, name: string | undefined) => {
      if (name !== undefined) return tableOf(sql, name, tables);
      if (part === "?") return `$${++values}`;
      if (part === "??") return "?";
      if (/^\$\d+$/.test(part)) throw sqlFailed(sql, `values go to ?, not to ${part}`);
      return part;
    },
  );
  return { sql: translated, values };
}

/** A part of a definition with the tables' own names in place of those in braces. @throws `SQL_FAILED` */
export function withTables(sql: string, tables: ReadonlyMap<string, string>): string {
  return sql.replaceAll(parts, (part: string, _tag: string | undefined, name: string | undefined) =>
    name === undefined ? part : tableOf(sql, name, tables),
  );
}

/** Refuses what is more than a question. What asks by WITH and then writes, PostgreSQL refuses. @throws `SQL_FAILED` */
export function checkReads(sql: string): void {
  checkCommand(sql, readCommands, "does not only read");
}

/** Refuses what would end the transaction or reach beyond it. @throws `SQL_FAILED` */
export function checkWithinTransaction(sql: string): void {
  checkCommand(sql, transactedCommands, "is not for use within a transaction");
}

/** The error for a statement. */
export function sqlFailed(sql: string, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("SQL_FAILED", { sql, problem }, cause === undefined ? undefined : { cause });
}

const readCommands: ReadonlySet<string> = new Set(["SELECT", "VALUES", "WITH", "TABLE", "EXPLAIN"]);
const transactedCommands: ReadonlySet<string> = new Set([
  ...readCommands,
  ...["INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "DROP", "ALTER"],
]);

function checkCommand(sql: string, allowed: ReadonlySet<string>, problem: string): void {
  const begin = sql.replace(/^(?:[\s(]|--[^\n\r]*(?:[\n\r]|$)|\/\*[\s\S]*?(?:\*\/|$))+/, "");
  const command = /^[a-z]+/i.exec(begin)?.[0].toUpperCase() ?? "";
  if (!allowed.has(command)) throw sqlFailed(sql, `${command || "this"} ${problem}`);
}

function tableOf(sql: string, name: string, tables: ReadonlyMap<string, string>): string {
  const table = tables.get(name);
  if (table !== undefined) return table;
  const known = [...tables.keys()].join(", ") || "none";
  throw sqlFailed(sql, `there is no table {${name}} here; known are ${known}`);
}
