/**
 * Queries over documents as SQL. Documents hold their indexed values as texts (`index-values.ts`), so conditions on them are
 * comparisons of texts, and every value sorts where it belongs without a word about null.
 */
import { indexedFields } from "../../store/document-query.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import type { DocumentQuery, FieldCondition, IndexValue, ReadModelShape } from "../../store/read-side.ts";
import { encodeIndexValue, firstNumber, firstString, orderedText } from "./index-values.ts";

/** So many characters of a document's key are in the indexes of fields; those that agree in them are sorted when read. */
export const documentKeyIndexed = 64;

/** The values of a statement, in the order of their `$n`. */
export class Values {
  readonly list: unknown[] = [];

  /** What stands for the value in the statement. */
  add(value: unknown): string {
    return `$${this.list.push(value)}`;
  }
}

/** The condition that documents `d` match a query, its place to begin left aside; `TRUE` for all. */
export function matching(shape: ReadModelShape, query: DocumentQuery, values: Values): string {
  const parts = Object.entries(query.where).flatMap(([field, condition]) =>
    holding(fieldOf(shape, field), condition, values),
  );
  if (query.keyPrefix !== undefined) parts.push(...beginning("d.key", orderedText(query.keyPrefix), values));
  return allOf(parts);
}

/** The order of a query, for `ORDER BY`. */
export function orderOf(shape: ReadModelShape, query: DocumentQuery): string {
  return columnsOf(shape, query)
    .map(({ column, isDescending }) => (isDescending ? `${column} DESC` : column))
    .join(", ");
}

/** The condition that documents `d` come after the place where a query begins; `TRUE` if it begins at the first. */
export function afterPlace(shape: ReadModelShape, query: DocumentQuery, values: Values): string {
  const { sort, after } = query;
  if (after === undefined) return "TRUE";
  const place = [
    ...sort.map((_, index) => values.add(encodeIndexValue(after.values[index] ?? null))),
    ...keyColumns(query, values.add(orderedText(after.key))),
  ];
  const columns = columnsOf(shape, query);
  return later(columns.map((column, index) => ({ ...column, bound: place[index]! })));
}

interface Column {
  readonly column: string;
  readonly isDescending: boolean;
}

interface Bound extends Column {
  readonly bound: string;
}

/** What a query sorts by. */
function columnsOf(shape: ReadModelShape, query: DocumentQuery): Column[] {
  const { sort } = query;
  const isDescending = sort.at(-1)?.isDescending ?? false;
  const fields = sort.map((one) => ({ column: fieldOf(shape, one.field), isDescending: one.isDescending }));
  return [...fields, ...keyColumns(query, "d.key").map((column) => ({ column, isDescending }))];
}

/** The key, led by as much of it as the indexes of fields hold where one of those may be gone by. */
function keyColumns({ sort, where }: DocumentQuery, key: string): string[] {
  const goesByFields = sort.length > 0 || Object.keys(where).length > 0;
  return goesByFields ? [`left(${key}, ${documentKeyIndexed})`, key] : [key];
}

/** Everything later than some bounds: those of one direction are compared as a row, which an index can be asked for. */
function later(bounds: readonly Bound[]): string {
  const [first] = bounds;
  const turn = bounds.findIndex(({ isDescending }) => isDescending !== first!.isDescending);
  const [together, rest] = turn < 0 ? [bounds, []] : [bounds.slice(0, turn), bounds.slice(turn)];
  const columns = together.map(({ column }) => column).join(", ");
  const row = together.map(({ bound }) => bound).join(", ");
  const sign = first!.isDescending ? "<" : ">";
  if (rest.length === 0) return `(${columns}) ${sign} (${row})`;
  return `(${columns}) ${sign}= (${row}) AND ((${columns}) ${sign} (${row}) OR ${later(rest)})`;
}

function holding(column: string, condition: FieldCondition, values: Values): string[] {
  const { eq, in: list, prefix, gt, gte, lt, lte } = condition;
  const parts: string[] = [];
  if (eq !== undefined) parts.push(`${column} = ${values.add(encodeIndexValue(eq))}`);
  if (list !== undefined) parts.push(`${column} = ANY (${values.add(list.map(encodeIndexValue))}::text[])`);
  if (prefix !== undefined) parts.push(...beginning(column, encodeIndexValue(prefix), values));
  if (gt !== undefined) parts.push(...above(column, ">", gt, values));
  if (gte !== undefined) parts.push(...above(column, ">=", gte, values));
  if (lt !== undefined) parts.push(...below(column, "<", lt, values));
  if (lte !== undefined) parts.push(...below(column, "<=", lte, values));
  return parts;
}

function above(column: string, sign: ">" | ">=", bound: IndexValue, values: Values): string[] {
  if (bound === null) return ["FALSE"];
  const part = `${column} ${sign} ${values.add(encodeIndexValue(bound))}`;
  return typeof bound === "string" ? [part] : [part, `${column} < ${values.add(firstString)}`];
}

function below(column: string, sign: "<" | "<=", bound: IndexValue, values: Values): string[] {
  if (bound === null) return ["FALSE"];
  const least = typeof bound === "string" ? firstString : firstNumber;
  return [`${column} ${sign} ${values.add(encodeIndexValue(bound))}`, `${column} >= ${values.add(least)}`];
}

function beginning(column: string, prefix: string, values: Values): string[] {
  const end = endOfPrefix(prefix);
  const from = `${column} >= ${values.add(prefix)}`;
  return end === undefined ? [from] : [from, `${column} < ${values.add(end)}`];
}

function allOf(parts: readonly string[]): string {
  return parts.length === 0 ? "TRUE" : parts.join(" AND ");
}

function fieldOf(shape: ReadModelShape, field: string): string {
  return `d.fields[${indexedFields(shape).indexOf(field) + 1}]`;
}
