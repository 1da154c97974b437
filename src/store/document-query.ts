/**
 * Queries over documents: what adapters share with the runtime, so that every store finds the same.
 *
 * An index does not hold all of a long string, but its first `limits.indexedLengthMax` characters and a mark above every
 * other character. Filters nevertheless are exact, since they take no string longer than that: none equals, or begins with,
 * more than an index holds, and a string that was cut compares with all of them as the whole of it would. Only among strings
 * that agree in so many characters, the order of the index is not that of the strings: they go by what comes next in the
 * sort, and by key.
 */
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { checkDefined } from "../core/selections.ts";
import type {
  DocumentQuery,
  FieldCondition,
  IndexValue,
  ReadModelShape,
  StoredDocument,
} from "./read-side.ts";

/** The part of a document that queries look at. */
export type IndexedDocument = Pick<StoredDocument, "key" | "indexed">;

/**
 * The indexed fields of a read model, each once, in order of first mention; none for one of SQL tables.
 *
 * @example
 * ```ts
 * import { indexedFields } from "hitherto/store";
 * indexedFields({ kind: "documents", indexes: [["status", "placedAt"], ["customer.id", "placedAt"]] });
 * // ["status", "placedAt", "customer.id"]
 * ```
 */
export function indexedFields(shape: ReadModelShape): readonly string[] {
  return pathsOf(shape).fields;
}

/**
 * What the indexed fields of a document hold, in the order of {@link indexedFields}. Paths lead through objects, not into
 * arrays; what is not there counts as null. Half of a surrogate pair counts as U+FFFD, and -0 as 0.
 *
 * @example
 * ```ts
 * import { indexValues } from "hitherto/store";
 * const shape = { kind: "documents", indexes: [["customer.id", "isPaid"], ["tags"]] } as const;
 * indexValues(shape, { customer: { id: "c-1" }, isPaid: true, tags: ["new"] }); // ["c-1", 1, null]
 * ```
 */
export function indexValues(shape: ReadModelShape, document: unknown): readonly IndexValue[] {
  return pathsOf(shape).paths.map((path) => indexValue(valueAt(document, path)));
}

/**
 * Compares as indexes do: null, then numbers by value, then strings by code point. Negative when `one` comes first.
 *
 * @example
 * ```ts
 * import { compareIndexValues } from "hitherto/store";
 * ["b", 10, null, "a", 9].sort(compareIndexValues); // [null, 9, 10, "a", "b"]
 * ```
 */
export function compareIndexValues(one: IndexValue, other: IndexValue): number {
  if (typeof one === "string" && typeof other === "string") return compareText(one, other);
  if (typeof one === "number" && typeof other === "number") return one - other;
  return rank(one) - rank(other);
}

/** Compares strings by code point, as UTF-8 does; JavaScript's own order differs beyond U+FFFF. */
export function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const [a, b] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (a !== b) return inCodePointOrder(a) - inCodePointOrder(b);
  }
  return one.length - other.length;
}

/**
 * Whether a document matches a query, its limit and place to begin left aside.
 *
 * @param fields - The indexed fields of the read model, all that the query names among them.
 */
export function matches(query: DocumentQuery, fields: readonly string[], document: IndexedDocument): boolean {
  if (query.keyPrefix !== undefined && !document.key.startsWith(query.keyPrefix)) return false;
  for (const [field, condition] of Object.entries(query.where)) {
    if (!holds(condition, document.indexed[fields.indexOf(field)] ?? null)) return false;
  }
  return true;
}

/** The order in which a query wants documents, for sorting; `fields` as for {@link matches}. */
export function documentOrder(
  query: Pick<DocumentQuery, "sort">,
  fields: readonly string[],
): (one: IndexedDocument, other: IndexedDocument) => number {
  const columns = query.sort.map(({ field, isDescending }) => ({
    index: fields.indexOf(field),
    sign: isDescending ? -1 : 1,
  }));
  const keySign = columns.at(-1)?.sign ?? 1;
  return (one, other) => {
    for (const { index, sign } of columns) {
      const order = compareIndexValues(one.indexed[index] ?? null, other.indexed[index] ?? null);
      if (order !== 0) return order * sign;
    }
    return compareText(one.key, other.key) * keySign;
  };
}

/** Refuses a query that names a field without an index, or says nothing of it. @throws `INDEX_MISSING`, `ARGUMENT_INVALID` */
export function checkQueryFields(
  readModel: string,
  fields: readonly string[],
  query: Pick<DocumentQuery, "where" | "sort">,
): void {
  checkDefined(query.where, Object.keys(query.where), "where");
  for (const [field, condition] of Object.entries(query.where)) {
    checkDefined(condition, Object.keys(condition), `where.${field}`);
  }
  for (const field of [...Object.keys(query.where), ...query.sort.map((one) => one.field)]) {
    if (fields.includes(field)) continue;
    throw new HithertoError("INDEX_MISSING", { readModel, field, known: fields });
  }
}

interface Paths {
  readonly fields: readonly string[];
  readonly paths: ReadonlyArray<readonly string[]>;
}

const pathsByShape = new WeakMap<ReadModelShape, Paths>();

/** Every document that is written asks for them. */
function pathsOf(shape: ReadModelShape): Paths {
  const known = pathsByShape.get(shape);
  if (known !== undefined) return known;
  const fields = Object.freeze(shape.kind === "documents" ? [...new Set(shape.indexes.flat())] : []);
  const paths = { fields, paths: fields.map((field) => field.split(".")) };
  pathsByShape.set(shape, paths);
  return paths;
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  let value = document;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

function indexValue(value: unknown): IndexValue {
  if (typeof value === "string") return cut(value.toWellFormed());
  if (typeof value === "boolean") return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value + 0 : null;
}

/** Comes after every other character, and is none that texts hold. */
const cutMark = "\u{10ffff}";

function cut(text: string): string {
  const max = limits.indexedLengthMax;
  if (text.length <= max) return text;
  return `${text.slice(0, isHighSurrogate(text.charCodeAt(max - 1)) ? max - 1 : max)}${cutMark}`;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

/** UTF-16 puts surrogates, which stand for the highest code points, before U+E000 to U+FFFF. */
function inCodePointOrder(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function rank(value: IndexValue): number {
  if (value === null) return 0;
  return typeof value === "number" ? 1 : 2;
}

function holds(condition: FieldCondition, value: IndexValue): boolean {
  const { eq, in: list, prefix } = condition;
  if (eq !== undefined && value !== eq) return false;
  if (list !== undefined && !list.includes(value)) return false;
  if (prefix !== undefined && !(typeof value === "string" && value.startsWith(prefix))) return false;
  return (
    isInRange(value, condition.gt, (order) => order > 0) &&
    isInRange(value, condition.gte, (order) => order >= 0) &&
    isInRange(value, condition.lt, (order) => order < 0) &&
    isInRange(value, condition.lte, (order) => order <= 0)
  );
}

/** Null is in no range, and no value is in one that begins or ends at null. */
function isInRange(
  value: IndexValue,
  bound: IndexValue | undefined,
  fits: (order: number) => boolean,
): boolean {
  if (bound === undefined) return true;
  if (value === null || typeof value !== typeof bound) return false;
  return fits(compareIndexValues(value, bound));
}
