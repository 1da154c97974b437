/**
 * SQL that users write: names of tables put in for those in braces, and what it may do.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";

/** Literals, quoted names and comments, in which nothing is replaced; a name in braces; the end of a statement. */
const parts = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\{(\w+)\}|;/g;

/**
 * The statement with the tables' own names in place of those in braces. Only one statement is taken: SQLite would run
 * the first one and leave out the others without a word.
 *
 * @throws `SQL_FAILED` for a table that is not known, and for several statements.
 */
export function withTables(sql: string, tables: ReadonlyMap<string, string>): string {
  if (typeof sql !== "string") throw sqlFailed(inWords(sql), "it must be a string");
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

/**
 * How many values a statement takes: one for each `?`.
 *
 * @throws `SQL_FAILED` for places with a number or a name, which would stay null.
 */
export function placesOf(sql: string): number {
  const places = withoutLiterals(sql).match(/\?\d*|(?<![\w$])[:@$]\w+/g) ?? [];
  const other = places.find((place) => place !== "?");
  if (other !== undefined) throw sqlFailed(sql, `values go to ?, not to ${other}`);
  return places.length;
}

/** What a statement begins with, as far as it matters. */
export function commandOf(sql: string): string {
  return /^[a-z]+/i.exec(withoutComments(sql))?.[0].toUpperCase() ?? "";
}

const dataCommands = new Set(["SELECT", "VALUES", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE"]);
const tableCommands = new Set(["CREATE", "DROP", "ALTER"]);
const readCommands = new Set(["SELECT", "VALUES", "WITH", "EXPLAIN"]);

/**
 * Refuses what would end the transaction or reach beyond it, and what would write to the store's own tables by their own
 * names: the log is changed by appending to it.
 *
 * @param sql - As it was written, names in braces and all.
 * @throws `SQL_FAILED`
 */
export function checkCommand(sql: string): void {
  const command = commandOf(sql);
  if (!dataCommands.has(command) && !tableCommands.has(command)) {
    throw sqlFailed(sql, `${command || "this"} is not for use within a transaction`);
  }
  const plain = withoutLiterals(sql);
  for (const [, name] of [...plain.matchAll(targets), ...plain.matchAll(indexedTables)]) {
    if (name === undefined || !ownNames.test(name)) continue;
    throw sqlFailed(sql, `${name} is not to be written to by SQL`);
  }
}

/** What is written to, made or dropped; of a name with a schema, the name. */
const targets =
  /\b(?:INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM|RENAME\s+TO|(?:TABLE|VIEW|INDEX|TRIGGER)(?:\s+IF(?:\s+NOT)?\s+EXISTS)?)\s+(?:\w+\s*\.\s*)?(\w+)/gi;

/** What gets an index, which could refuse what the store writes. */
const indexedTables = /\bINDEX\s[^(]*\sON\s+(\w+)/gi;

const ownNames =
  /^(?:commits\w*|term_commits|term_blocks|explicit_ids|holes|stream_policies\w*|snapshots|counters|records|generations|active_generations|events|sqlite_\w+|documents_\d\w*|table_\d\w*|read_\w+)$/i;

/**
 * Without comments and texts, and with quoted names as bare ones. SQLite takes what looks like a text for a name where it
 * wants one, and needs no blank beside quotes.
 */
function withoutLiterals(sql: string): string {
  return sql.replaceAll(parts, (part) => {
    if (part.startsWith("--") || part.startsWith("/*")) return " ";
    if (/^'\w+'$/.test(part) || /^["`[]/.test(part)) return ` ${part.slice(1, -1)} `;
    return part.startsWith("'") ? " '' " : part;
  });
}

/** Whether it writes rows; if not, SQLite goes on telling how many the last statement changed that did. */
export function writesRows(sql: string): boolean {
  const command = commandOf(sql);
  if (command === "WITH") return /\b(?:INTO|UPDATE|DELETE)\b/i.test(withoutLiterals(sql));
  return /^(?:INSERT|REPLACE|UPDATE|DELETE)$/.test(command);
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
