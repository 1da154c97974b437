/**
 * SQL that users write: names of tables put in for those in braces, and what it may do.
 */
import { HithertoError } from "../../core/errors.ts";

/** Literals, quoted names and comments, in which nothing is replaced; a name in braces; the end of a statement. */
const parts = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\{(\w+)\}|;/g;

/**
 * The statement with the tables' own names in place of those in braces. Only one statement is taken: SQLite would run
 * the first one and leave out the others without a word.
 *
 * @throws `SQL_FAILED` for a table that is not known, and for several statements.
 */
export function withTables(sql: string, tables: ReadonlyMap<string, string>): string {
  if (typeof sql !== "string") throw sqlFailed(String(sql), "it must be a string");
  return sql.replaceAll(parts, (part: string, name: string | undefined, at: number) => {
    if (part === ";" && !isBlank(sql.slice(at + 1))) {
      throw sqlFailed(sql, "it holds several statements; run them one by one");
    }
    if (name === undefined) return part;
    const table = tables.get(name);
    if (table !== undefined) return table;
    const known = [...tables.keys()].join(", ") || "none";
    throw sqlFailed(sql, `there is no table ${part} here; known are ${known}`);
  });
}

/** What a statement begins with, as far as it matters. */
export function commandOf(sql: string): string {
  return /^[a-z]+/i.exec(withoutComments(sql))?.[0].toUpperCase() ?? "";
}

const dataCommands = new Set(["SELECT", "VALUES", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE"]);
const tableCommands = new Set(["CREATE", "DROP", "ALTER"]);
const readCommands = new Set(["SELECT", "VALUES", "WITH", "EXPLAIN"]);

/** Refuses what would end the transaction, or reach beyond it. @throws `SQL_FAILED` */
export function checkCommand(sql: string): void {
  const command = commandOf(sql);
  if (dataCommands.has(command) || tableCommands.has(command)) return;
  throw sqlFailed(sql, `${command || "this"} is not for use within a transaction`);
}

/** Refuses what is more than a question. What asks by WITH and then writes, SQLite refuses. @throws `SQL_FAILED` */
export function checkReads(sql: string): void {
  const command = commandOf(sql);
  if (!readCommands.has(command)) throw sqlFailed(sql, `${command || "this"} does not only read`);
}

/** The error for a statement. */
export function sqlFailed(sql: string, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("SQL_FAILED", { sql, problem }, cause === undefined ? undefined : { cause });
}

function isBlank(text: string): boolean {
  return withoutComments(text) === "";
}

/** From the first sign that is neither blank, nor comment, nor the end of an empty statement. */
function withoutComments(text: string): string {
  return text.replace(/^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, "");
}
