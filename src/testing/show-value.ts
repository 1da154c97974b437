/**
 * Values in words, for the messages of failed expectations: what differs must look different, so a date is not a
 * string, -0 not 0, and a key set to `undefined` not a missing one.
 */

/** Longest text of one value; the rest is cut. */
const lengthMax = 300;

/** A value on one line, like the expression that makes it; cut after 300 characters. */
export function showValue(value: unknown): string {
  const text = show(value, []);
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
}

function show(value: unknown, above: readonly object[]): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name}`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  return above.includes(value) ? "a cycle" : showObject(value, [...above, value]);
}

function showObject(value: object, above: readonly object[]): string {
  if (value instanceof Date) {
    return `Date(${Number.isNaN(value.getTime()) ? "invalid" : value.toISOString()})`;
  }
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (Array.isArray(value)) {
    return list(
      "[",
      value.map((item) => show(item, above)),
      "]",
    );
  }
  if (value instanceof Map) {
    return list(
      "Map(",
      [...value].map((entry) => show(entry, above)),
      ")",
    );
  }
  if (value instanceof Set) {
    return list(
      "Set(",
      [...value].map((entry) => show(entry, above)),
      ")",
    );
  }
  const fields = Object.entries(value).map(([key, field]) => `${showKey(key)}: ${show(field, above)}`);
  return list(`${className(value)}{ `, fields, " }");
}

function list(open: string, items: readonly string[], close: string): string {
  return items.length === 0 ? `${open.trimEnd()}${close.trimStart()}` : `${open}${items.join(", ")}${close}`;
}

function showKey(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(key);
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name !== "string" || name === "Object" ? "" : `${name} `;
}
