/**
 * Queries over documents as SQL. SQLite orders null before numbers before text, and text by its bytes in UTF-8, which is
 * by code point: the order that the port wants.
 */
import { indexedFields } from "../../store/document-query.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import type { DocumentQuery, FieldCondition, IndexValue, ReadModelShape } from "../../store/read-side.ts";
import { checksumColumn, documentTable, fieldColumns, quote, shownColumns } from "./names.ts";

/** A statement and the values for its `?`, in order. */
export interface BoundSql {
  readonly sql: string;
  readonly values: readonly IndexValue[];
}

/** A generation whose documents are asked for. */
export interface QuerySource {
  readonly generation: number;
  readonly shape: ReadModelShape;
}

/** The columns of a stored document, in the order in which it is read. */
export function documentColumns(shape: ReadModelShape): string {
  return [...shownColumns(shape), quote(checksumColumn)].map((column) => `d.${column}`).join(", ");
}

/** Counts what matches a query, whatever its limit and the place to begin. */
export function countSql(source: QuerySource, query: DocumentQuery): BoundSql {
  const where = matching(source, query);
  return {
    sql: `SELECT count(*) FROM ${documentTable(source.generation)} AS d${whereOf(where)}`,
    values: where.values,
  };
}

/**
 * The statements that find the documents of a query, to be run one after the other until its limit is reached: mostly
 * one. Where a page begins after a value, descending, what holds nothing comes last and is a range of its own in the index.
 */
export function findSql(source: QuerySource, query: DocumentQuery): BoundSql[] {
  const { sort, after } = query;
  const columns = sort.map(({ field }) => columnOf(source, field));
  const direction = (index: number): string => (sort[index]?.isDescending === true ? " DESC" : "");
  const keyDirection = sort.length === 0 ? "" : direction(sort.length - 1);
  const order = [...columns.map((column, index) => column + direction(index)), `d.key${keyDirection}`];
  const table = documentTable(source.generation);
  // First the keys, which the index knows, then the documents: one that the index names and the table lacks is damage, which
  // SQLite would leave out.
  const select = `SELECT ${documentColumns(source.shape)} FROM (SELECT d.key AS found FROM ${table} AS d`;
  const where = matching(source, query);
  const finish = (place: Where): BoundSql => {
    const all = both(where, place);
    const keys = `${select}${whereOf(all)} ORDER BY ${order.join(", ")} LIMIT ?)`;
    return { sql: `${keys} LEFT JOIN ${table} AS d ON d.key = found`, values: all.values };
  };
  if (after === undefined) return [finish(everything)];
  const steps = columns.map((column, index) => {
    return { column, value: after.values[index] ?? null, isDescending: sort[index]!.isDescending };
  });
  const isKeyDescending = sort.at(-1)?.isDescending ?? false;
  const place = later([...steps, { column: "d.key", value: after.key, isDescending: isKeyDescending }]);
  const first = steps[0];
  if (first === undefined || (first.value === null && !first.isDescending)) return [finish(place)];
  // What the index can jump to; `place` says the same again, and more.
  const bound = { parts: [`${first.column} ${first.isDescending ? "<=" : ">="} ?`], values: [first.value] };
  if (!first.isDescending) return [finish(both(bound, place))];
  const empty = { parts: [`${first.column} IS NULL`], values: [] };
  return first.value === null ? [finish(both(empty, place))] : [finish(both(bound, place)), finish(empty)];
}

/** Conditions that all hold, and their values in order. */
interface Where {
  readonly parts: readonly string[];
  readonly values: readonly IndexValue[];
}

const everything: Where = { parts: [], values: [] };

function both(one: Where, other: Where): Where {
  return { parts: [...one.parts, ...other.parts], values: [...one.values, ...other.values] };
}

function whereOf({ parts }: Where): string {
  return parts.length === 0 ? "" : ` WHERE ${parts.join(" AND ")}`;
}

interface Step {
  readonly column: string;
  readonly value: IndexValue;
  readonly isDescending: boolean;
}

/** Everything that sorts after the values of some columns: later in the first, or as late there and later in the rest. */
function later([step, ...rest]: readonly Step[]): Where {
  const { column, value, isDescending } = step!;
  const beyond = beyondOf(column, value, isDescending);
  if (rest.length === 0) return beyond;
  const next = later(rest);
  return {
    parts: [`(${beyond.parts.join()} OR (${column} IS ? AND ${next.parts.join()}))`],
    values: [...beyond.values, value, ...next.values],
  };
}

function beyondOf(column: string, value: IndexValue, isDescending: boolean): Where {
  if (value === null) return { parts: [isDescending ? "FALSE" : `${column} IS NOT NULL`], values: [] };
  if (!isDescending) return { parts: [`${column} > ?`], values: [value] };
  const isNullBehind = column !== "d.key";
  return {
    parts: [isNullBehind ? `(${column} < ? OR ${column} IS NULL)` : `${column} < ?`],
    values: [value],
  };
}

function matching(source: QuerySource, { where, keyPrefix }: DocumentQuery): Where {
  const conditions = Object.entries(where).map(([field, condition]) =>
    holding(columnOf(source, field), condition),
  );
  if (keyPrefix !== undefined) conditions.push(beginning("d.key", keyPrefix));
  return conditions.reduce(both, everything);
}

function holding(column: string, condition: FieldCondition): Where {
  const parts: Where[] = [];
  if (condition.eq !== undefined) parts.push({ parts: [`${column} IS ?`], values: [condition.eq] });
  if (condition.in !== undefined) parts.push(among(column, condition.in));
  if (condition.prefix !== undefined) parts.push(beginning(column, condition.prefix));
  if (condition.gt !== undefined) parts.push(above(column, ">", condition.gt));
  if (condition.gte !== undefined) parts.push(above(column, ">=", condition.gte));
  if (condition.lt !== undefined) parts.push(below(column, "<", condition.lt));
  if (condition.lte !== undefined) parts.push(below(column, "<=", condition.lte));
  return parts.reduce(both, everything);
}

function among(column: string, values: readonly IndexValue[]): Where {
  const listed = values.filter((value) => value !== null);
  const list = `${column} IN (${listed.map(() => "?").join(", ")})`;
  const isNullToo = listed.length < values.length;
  return { parts: [isNullToo ? `(${list} OR ${column} IS NULL)` : list], values: listed };
}

const nothing: Where = { parts: ["FALSE"], values: [] };

/** Text begins at the empty text, which so ends the numbers. */
const firstText = "";

function above(column: string, sign: ">" | ">=", bound: IndexValue): Where {
  if (bound === null) return nothing;
  if (typeof bound === "string") return { parts: [`${column} ${sign} ?`], values: [bound] };
  return { parts: [`${column} ${sign} ?`, `${column} < ?`], values: [bound, firstText] };
}

function below(column: string, sign: "<" | "<=", bound: IndexValue): Where {
  if (bound === null) return nothing;
  if (typeof bound === "number") return { parts: [`${column} ${sign} ?`], values: [bound] };
  return { parts: [`${column} ${sign} ?`, `${column} >= ?`], values: [bound, firstText] };
}

function beginning(column: string, prefix: string): Where {
  const end = endOfPrefix(prefix);
  if (end === undefined) return { parts: [`${column} >= ?`], values: [prefix] };
  return { parts: [`${column} >= ?`, `${column} < ?`], values: [prefix, end] };
}

function columnOf({ shape }: QuerySource, field: string): string {
  return `d.${fieldColumns(shape)[indexedFields(shape).indexOf(field)]!}`;
}
