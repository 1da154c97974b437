/**
 * What projections are checked for when they are defined.
 */
import {
  refuseDefinition,
  requireCount,
  requireFunction,
  requireFunctions,
  requireObject,
  requireSelecting,
  requireStrings,
} from "./check-definition.ts";
import { requireEventTypes } from "./event-type.ts";
import { limits } from "./limits.ts";

const namePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const pathPattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const pathLengthMax = 64;

/** Columns that a table of documents has beside those of its fields. */
const ownColumns: readonly string[] = ["key", "document", "position"];

/** Refuses what `projection` cannot be made of. */
export function requireProjection(name: unknown, options: unknown): void {
  requireName(name, "projection");
  requireObject(name, "the second argument", options);
  const { initial, evolve, key, indexes } = options as Readonly<Record<string, unknown>>;
  requireFunction(name, "initial", initial);
  requireSteps(name, "evolve", evolve);
  if (key !== undefined) requireFunction(name, "key", key);
  requireIndexes(name, indexes);
  requireCommon(name, options, evolve);
}

/** Refuses what `sqlProjection` cannot be made of. */
export function requireSqlProjection(name: unknown, options: unknown): void {
  requireName(name, "SQL projection");
  requireObject(name, "the second argument", options);
  const { tables, indexes, on } = options as Readonly<Record<string, unknown>>;
  requireTables(name, tables);
  requireTableIndexes(name, indexes, tables);
  requireSteps(name, "on", on);
  requireCommon(name, options, on);
}

function requireName(name: unknown, kind: string): asserts name is string {
  if (typeof name === "string" && namePattern.test(name)) return;
  const found = typeof name === "string" ? JSON.stringify(name) : "what was given";
  refuseDefinition(kind, `its name ${found} is not made of 1 to 64 letters, digits and _, a letter first`);
}

function requireSteps(name: string, field: string, steps: unknown): asserts steps is object {
  requireFunctions(name, field, steps);
  const types = Object.keys(steps);
  if (types.length === 0) refuseDefinition(name, `${field} is empty, so it would look at no event`);
  if (types.length <= limits.queryItemsMax) return;
  refuseDefinition(
    name,
    `${field} has ${types.length} functions; at most ${limits.queryItemsMax} are allowed`,
  );
}

function requireCommon(name: string, options: object, steps: object): void {
  const { version, events, categories, ignore } = options as Readonly<Record<string, unknown>>;
  requireCount(name, "version", version ?? 1, Number.MAX_SAFE_INTEGER);
  requireEventTypes(name, events);
  requireSelecting(name, options, ["categories"]);
  requireCategories(name, categories);
  requireStrings(name, "ignore", ignore);
  if (ignore === undefined) return;
  if (categories === undefined) {
    refuseDefinition(name, "ignore has a meaning only with categories; without them, other types pass by");
  }
  const both = (ignore as readonly string[]).find((type) => Object.hasOwn(steps, type));
  if (both !== undefined) refuseDefinition(name, `ignore names ${both}, which has a function`);
}

function requireCategories(name: string, categories: unknown): void {
  requireStrings(name, "categories", categories);
  if (categories === undefined) return;
  const list = categories as readonly string[];
  if (list.length === 0) refuseDefinition(name, "categories is empty, so it would look at no event");
  const wrong = list.find((category) => category.includes("-"));
  if (wrong !== undefined) refuseDefinition(name, `the category ${JSON.stringify(wrong)} holds "-"`);
  if (list.length > limits.queryItemsMax) {
    refuseDefinition(
      name,
      `categories has ${list.length} names; at most ${limits.queryItemsMax} are allowed`,
    );
  }
}

function requireIndexes(name: string, indexes: unknown): void {
  if (indexes === undefined) return;
  if (!Array.isArray(indexes)) refuseDefinition(name, "indexes is not an array");
  requireAtMost(name, "indexes", indexes);
  for (const index of indexes as unknown[]) requireIndex(name, index);
  const columns = new Map<string, string>();
  for (const field of new Set((indexes as string[][]).flat())) {
    // Columns of a database know no upper and lower case.
    const column = field.replaceAll(".", "_").toLowerCase();
    const other = columns.get(column) ?? ownColumns.find((own) => own === column);
    if (other !== undefined) {
      refuseDefinition(name, `the indexed field ${field} and ${other} would both be the column ${column}`);
    }
    columns.set(column, field);
  }
}

function requireIndex(name: string, index: unknown): void {
  const fields: readonly unknown[] = Array.isArray(index) ? index : [index];
  if (fields.length === 0) refuseDefinition(name, "an index has no fields");
  requireAtMost(name, "an index", fields);
  for (const field of fields) {
    if (typeof field === "string" && field.length <= pathLengthMax && pathPattern.test(field)) continue;
    const found = typeof field === "string" ? JSON.stringify(field) : "what indexes holds";
    refuseDefinition(name, `${found} is not a path such as customer.name, at most ${pathLengthMax} long`);
  }
  if (new Set(fields).size < fields.length) refuseDefinition(name, "an index names a field twice");
}

function requireAtMost(name: string, what: string, list: readonly unknown[]): void {
  if (list.length <= limits.indexesMax) return;
  refuseDefinition(name, `${what} has ${list.length} entries; at most ${limits.indexesMax} are allowed`);
}

function requireTables(name: string, tables: unknown): void {
  requireObject(name, "tables", tables);
  const entries = Object.entries(tables as Readonly<Record<string, unknown>>);
  if (entries.length === 0) refuseDefinition(name, "tables is empty");
  for (const [table, columns] of entries) {
    if (!namePattern.test(table)) {
      const problem = "is not made of 1 to 64 letters, digits and _, a letter first";
      refuseDefinition(name, `the table name ${JSON.stringify(table)} ${problem}`);
    }
    if (typeof columns !== "string" || columns.trim() === "") {
      refuseDefinition(name, `tables.${table} is not a string of column definitions`);
    }
  }
  const distinct = new Set(entries.map(([table]) => table.toLowerCase()));
  if (distinct.size === entries.length) return;
  refuseDefinition(name, "two tables differ in upper and lower case only");
}

function requireTableIndexes(name: string, indexes: unknown, tables: unknown): void {
  if (indexes === undefined) return;
  requireObject(name, "indexes", indexes);
  for (const [table, list] of Object.entries(indexes as Readonly<Record<string, unknown>>)) {
    if (!Object.hasOwn(tables as object, table)) {
      refuseDefinition(name, `indexes names the table ${table}, which tables does not define`);
    }
    if (!Array.isArray(list)) refuseDefinition(name, `indexes.${table} is not an array`);
    requireStrings(name, `indexes.${table}`, list);
  }
}
