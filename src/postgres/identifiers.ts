/**
 * Names in SQL: quoted, and with the schemas of a store.
 */
import { createHash } from "node:crypto";

/** PostgreSQL cuts names that are longer, in bytes. */
export const identifierBytesMax = 63;

const readModelsSuffix = "_read_models";

/** Whether a schema is one for read models, going by its name. */
export function isForReadModels(schema: string): boolean {
  return schema.endsWith(readModelsSuffix);
}

/**
 * The schema in which the read models of a store are: `hitherto_read_models` for `hitherto`. A name that would be too long
 * is cut, with a part of its hash, so that no two stores share one.
 */
export function readModelsSchema(schema: string): string {
  if (Buffer.byteLength(schema + readModelsSuffix) <= identifierBytesMax) return schema + readModelsSuffix;
  const hash = createHash("sha256").update(schema).digest("hex").slice(0, 8);
  // No character is longer than four bytes.
  let kept = schema;
  while (Buffer.byteLength(`${kept}_${hash}${readModelsSuffix}`) > identifierBytesMax) {
    kept = Array.from(kept).slice(0, -1).join("");
  }
  return `${kept}_${hash}${readModelsSuffix}`;
}

/**
 * An identifier, quoted: any text without U+0000 is one. A dollar is written by its number, so that the name can stand in
 * the body of a function, which dollars enclose.
 */
export function quoteName(name: string): string {
  const quoted = name.replaceAll('"', '""');
  if (!name.includes("$")) return `"${quoted}"`;
  return `U&"${quoted.replaceAll("\\", "\\\\").replaceAll("$", "\\0024")}"`;
}

/** A text, quoted, that means the same whatever `standard_conforming_strings` is, and in the body of a function too. */
export function quoteText(text: string): string {
  return `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("$", "\\x24")}'`;
}

/**
 * Puts the names of a store's schemas where SQL says `{schema}` and `{read_models}`; as texts, where it says `{schema_text}`
 * and `{read_models_text}`.
 */
export function inSchema(schema: string, sql: string): string {
  return sql.replaceAll(
    /\{(schema|read_models)(_text)?\}/gu,
    (_, which: string, asText: string | undefined) => {
      const name = which === "schema" ? schema : readModelsSchema(schema);
      return asText === undefined ? quoteName(name) : quoteText(name);
    },
  );
}
