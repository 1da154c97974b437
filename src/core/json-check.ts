/**
 * Finds what JSON would drop or change without saying so.
 */
import { limits } from "./limits.ts";

/** Where and what a value is that JSON cannot carry. */
export interface JsonFault {
  /** Path from the root, such as `data.items[2].price`. */
  readonly path: string;
  /** In words, such as `a function`, `NaN` or `a Date`. */
  readonly found: string;
}

/** Characters shown of a path that is too deep. */
const pathShownMax = 40;

/**
 * The first place in `value` that JSON cannot carry faithfully; undefined if there is none.
 *
 * Accepted are null, booleans, strings, finite numbers, arrays without holes and plain objects. An object's property
 * whose value is `undefined` counts as absent. Refused are functions, symbols, bigints, NaN and infinities, class
 * instances (Date and Map among them), cycles, and nesting beyond `limits.jsonDepthMax`. -0 becomes 0.
 */
export function findJsonFault(value: unknown, root: string): JsonFault | undefined {
  return isJson(value, limits.jsonDepthMax) ? undefined : locateFault(value, root, limits.jsonDepthMax);
}

/** The hot path: every value of every event goes through here, so it only answers yes or no. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      if (value === null) return true;
      if (depth === 0) return false;
      return Array.isArray(value) ? isJsonArray(value, depth) : isJsonObject(value, depth);
    default:
      return false;
  }
}

function isJsonArray(array: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < array.length; index++) {
    if (!isJson(array[index], depth - 1)) return false;
  }
  return true;
}

function isJsonObject(object: object, depth: number): boolean {
  if (!isPlain(object)) return false;
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key];
    if (value !== undefined && !isJson(value, depth - 1)) return false;
  }
  return true;
}

/** Plain means made by a literal or `Object.create(null)`, in this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function locateFault(value: unknown, path: string, depth: number): JsonFault | undefined {
  if (isJson(value, depth)) return undefined;
  if (typeof value !== "object" || value === null) return { path, found: inWords(value) };
  if (depth === 0) {
    // The beginning tells where to look; a path of two hundred steps tells nothing more.
    const begin = path.slice(0, pathShownMax);
    return { path: `${begin}…`, found: `a cycle or nesting beyond ${limits.jsonDepthMax} levels` };
  }
  if (!Array.isArray(value) && !isPlain(value)) return { path, found: inWords(value) };
  for (const [key, child] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (child === undefined && !Array.isArray(value)) continue;
    const fault = locateFault(child, childPath(path, key), depth - 1);
    if (fault !== undefined) return fault;
  }
  return { path, found: "an inherited property" };
}

function childPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function inWords(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (value === undefined) return "undefined";
  if (typeof value === "object" && value !== null) {
    const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an object with a prototype";
  }
  return `a ${typeof value}`;
}
