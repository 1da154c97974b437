/**
 * SQL that users write: names of tables put in for those in braces, `$1`, `$2` … for `?`, and what it may do.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";
import { readModelsSchema } from "../identifiers.ts";

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

/**
 * Refuses what would end the transaction or reach beyond it, and what would write to the store's own tables by their
 * names: the log is changed by appending to it. What names them with art is for the rights of the role to refuse.
 *
 * @throws `SQL_FAILED`
 */
export function checkWithinTransaction(sql: string, schema: string): void {
  const readModels = readModelsSchema(schema);
  checkCommand(sql, transactedCommands, "is not for use within a transaction");
  for (const [, found, table] of withoutLiterals(sql).matchAll(targets)) {
    if ((found !== schema && found !== readModels) || table === undefined || !ownNames.test(table)) continue;
    throw sqlFailed(sql, `${table} is not to be written to by SQL`);
  }
}

/** The error for a statement. */
export function sqlFailed(sql: string, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("SQL_FAILED", { sql, problem }, cause === undefined ? undefined : { cause });
}

const reads = ["SELECT", "VALUES", "WITH", "TABLE", "EXPLAIN"];
const writes = ["INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER"];
const readCommands: ReadonlySet<string> = new Set(reads);
const transactedCommands: ReadonlySet<string> = new Set(reads.concat(writes));

/** What is written to, made or dropped; of a name with a schema, both. */
const targets =
  /\b(?:INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM(?:\s+ONLY)?|(?:INDEX|TRIGGER)\s[^(]*?\sON|TABLE(?:\s+IF\s+EXISTS)?|VIEW(?:\s+IF\s+EXISTS)?)\s+(\S+)\s*\.\s*(\w+)/gi;

const ownNames =
  /^(?:meta|log|events|event_tags|stream_policies|snapshots|read_side|records|generations|documents_\d\w*|table_\d\w*|read_\w+)$/;

/** Without comments and texts, and with quoted names as bare ones. */
function withoutLiterals(sql: string): string {
  return sql.replaceAll(parts, (part) => {
    if (part.startsWith('"')) return part.slice(1, -1).replaceAll('""', '"');
    return /^(?:--|\/\*|[Ee]?'|\$)/.test(part) ? " " : part;
  });
}

function checkCommand(sql: string, allowed: ReadonlySet<string>, problem: string): void {
  if (typeof sql !== "string") throw sqlFailed(inWords(sql), "it must be a string");
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
