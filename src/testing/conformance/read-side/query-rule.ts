/**
 * What a query finds, by the plainest means: documents are looked at whole, nothing is indexed, and nothing is shared with
 * the code that stores use.
 */
import type { DocumentQuery, FieldCondition } from "../../../store/read-side.ts";
import { byCodePoint } from "./helpers.ts";

/** A document of a test. */
export interface PlainDocument {
  readonly key: string;
  readonly document: unknown;
}

/** All that a query finds, its limit and place to begin left aside, in its order. */
export function found(documents: readonly PlainDocument[], query: DocumentQuery): PlainDocument[] {
  return documents
    .filter(({ key }) => key.startsWith(query.keyPrefix ?? ""))
    .filter(({ document }) =>
      Object.entries(query.where).every(([field, condition]) => holds(condition, fieldOf(document, field))),
    )
    .toSorted((one, other) => inOrder(one, other, query));
}

function inOrder(one: PlainDocument, other: PlainDocument, { sort }: DocumentQuery): number {
  for (const { field, isDescending } of sort) {
    const order = compare(fieldOf(one.document, field), fieldOf(other.document, field));
    if (order !== 0) return isDescending ? -order : order;
  }
  const order = byCodePoint(one.key, other.key);
  return sort.at(-1)?.isDescending === true ? -order : order;
}

/** What an index makes of a field, but for the length of strings. */
function fieldOf(document: unknown, field: string): string | number | null {
  let value = document;
  for (const part of field.split(".")) {
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    value = isObject ? new Map(Object.entries(value as object)).get(part) : undefined;
  }
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function compare(one: string | number | null, other: string | number | null): number {
  const kinds = ["null", "number", "string"];
  const kindOf = (value: unknown): number => kinds.indexOf(value === null ? "null" : typeof value);
  if (kindOf(one) !== kindOf(other)) return kindOf(one) - kindOf(other);
  if (typeof one === "string") return byCodePoint(one, String(other));
  return Number(one) - Number(other);
}

function holds(condition: FieldCondition, value: string | number | null): boolean {
  const { eq, in: list, gt, gte, lt, lte, prefix } = condition;
  const isComparable = (bound: unknown): boolean => value !== null && typeof bound === typeof value;
  return [
    eq === undefined || value === eq,
    list === undefined || list.some((one) => one === value),
    gt === undefined || (isComparable(gt) && compare(value, gt) > 0),
    gte === undefined || (isComparable(gte) && compare(value, gte) >= 0),
    lt === undefined || (isComparable(lt) && compare(value, lt) < 0),
    lte === undefined || (isComparable(lte) && compare(value, lte) <= 0),
    prefix === undefined || (typeof value === "string" && value.startsWith(prefix)),
  ].every(Boolean);
}
