/**
 * Strict comparison of values, and the list of what differs between two of them.
 *
 * Strict means: -0 is not 0, NaN is NaN, a key whose value is `undefined` is not a missing key, two dates are equal
 * when they are the same moment, and a class instance equals only one of the same class. What hides its state in
 * private fields and offers no `toJSON` equals only itself.
 */

/** One difference. A side on which there is nothing at the path has no property here. */
export interface Change {
  /** Where: a JSON Pointer (RFC 6901), such as `/items/0/price`; the empty string is the whole value. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/**
 * What changed from one value to another, by keys and indexes. Plain objects and arrays are walked; anything else is
 * compared and reported as a whole. Made one after the other, the changes turn `before` into `after`: what an array
 * has lost at its end is listed from the end.
 *
 * @example
 * ```ts
 * import { changes } from "hitherto/core";
 * changes({ balance: 0, tags: ["a"] }, { balance: 5, tags: ["a"], open: true });
 * // [{ path: "/balance", before: 0, after: 5 }, { path: "/open", after: true }]
 * ```
 */
export function changes(before: unknown, after: unknown): readonly Change[] {
  const found: Change[] = [];
  collect("", before, after, { found, underWay: [] });
  return found;
}

/**
 * Whether two values are the same in every respect that can be seen; see the rules above. The order of keys, and of
 * the entries of maps and sets, does not matter. Cycles are compared by their shape.
 *
 * @example
 * ```ts
 * import { deepEqual } from "hitherto/core";
 * deepEqual({ at: new Date(0) }, { at: new Date(1) }); // false
 * ```
 */
export function deepEqual(left: unknown, right: unknown): boolean {
  return isEqual(left, right, []);
}

/** Pairs of objects that are being compared further up; a pair met again below itself closes a cycle. */
type UnderWay = Array<readonly [object, object]>;

interface Walk {
  readonly found: Change[];
  readonly underWay: UnderWay;
}

function collect(path: string, before: unknown, after: unknown, walk: Walk): void {
  if (!isWalkable(before) || !isWalkable(after) || Array.isArray(before) !== Array.isArray(after)) {
    if (!isEqual(before, after, [])) walk.found.push({ path, before, after });
    return;
  }
  if (isUnderWay(before, after, walk.underWay)) return;
  walk.underWay.push([before, after]);
  for (const key of keysOfBoth(before, after)) {
    const below = `${path}/${escapeKey(key)}`;
    if (!Object.hasOwn(after, key)) walk.found.push({ path: below, before: before[key] });
    else if (!Object.hasOwn(before, key)) walk.found.push({ path: below, after: after[key] });
    else collect(below, before[key], after[key], walk);
  }
  walk.underWay.pop();
}

/** The keys of `before`, then those that only `after` has; of an array's lost tail the last first. */
function keysOfBoth(before: Walkable, after: Walkable): readonly string[] {
  const old = Object.keys(before);
  const added = Object.keys(after).filter((key) => !Object.hasOwn(before, key));
  if (!Array.isArray(before) || !Array.isArray(after)) return [...old, ...added];
  const kept = old.filter((key) => Number(key) < after.length);
  return [...kept, ...old.slice(kept.length).toReversed(), ...added];
}

type Walkable = Readonly<Record<string, unknown>>;

function isWalkable(value: unknown): value is Walkable {
  return Array.isArray(value) || (typeof value === "object" && value !== null && isPlain(value));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** RFC 6901, section 4: `~` becomes `~0`, `/` becomes `~1`. */
function escapeKey(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}

function isEqual(left: unknown, right: unknown, underWay: UnderWay): boolean {
  if (Object.is(left, right)) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (!isSameClass(left, right)) return false;
  if (isUnderWay(left, right, underWay)) return true;
  underWay.push([left, right]);
  const areEqual = hasEqualContent(left, right, underWay) && hasEqualKeys(left, right, underWay);
  underWay.pop();
  return areEqual;
}

function isUnderWay(left: object, right: object, underWay: UnderWay): boolean {
  return underWay.some((pair) => pair[0] === left && pair[1] === right);
}

/** Objects without a prototype count as plain ones. */
function isSameClass(left: object, right: object): boolean {
  return (isPlain(left) && isPlain(right)) || Object.getPrototypeOf(left) === Object.getPrototypeOf(right);
}

/** Compares what objects hold besides their own keys. */
function hasEqualContent(left: object, right: object, underWay: UnderWay): boolean {
  if (Array.isArray(left)) return left.length === (right as unknown[]).length;
  if (isPlain(left)) return true;
  if (left instanceof Date) return Object.is(left.getTime(), (right as Date).getTime());
  if (left instanceof Map) return hasEqualEntries(left, right as Map<unknown, unknown>, underWay);
  if (left instanceof Set) return hasEqualEntries(left, right as Set<unknown>, underWay);
  if (left instanceof RegExp) return left.toString() === (right as RegExp).toString();
  if (left instanceof Error) return left.message === (right as Error).message;
  if (left instanceof ArrayBuffer) {
    return hasEqualBytes(new Uint8Array(left), new Uint8Array(right as ArrayBuffer));
  }
  if (ArrayBuffer.isView(left)) return hasEqualBytes(bytesOf(left), bytesOf(right as ArrayBufferView));
  return hasEqualJson(left, right, underWay);
}

/** A class that we know nothing about: its `toJSON` speaks for it, or else its own keys, if it has any. */
function hasEqualJson(left: object, right: object, underWay: UnderWay): boolean {
  if (!("toJSON" in left) || typeof left.toJSON !== "function") return ownKeys(left).length > 0;
  const toJSON = left.toJSON as (this: object) => unknown;
  return isEqual(toJSON.call(left), toJSON.call(right), underWay);
}

function hasEqualKeys(left: object, right: object, underWay: UnderWay): boolean {
  const keys = ownKeys(left);
  if (keys.length !== ownKeys(right).length) return false;
  return keys.every(
    (key) => Object.hasOwn(right, key) && isEqual(read(left, key), read(right, key), underWay),
  );
}

/** Each entry of the one has an equal one of its own in the other. */
function hasEqualEntries(left: Iterable<unknown>, right: Iterable<unknown>, underWay: UnderWay): boolean {
  const open = [...right];
  for (const entry of left) {
    const match = open.findIndex((other) => isEqual(entry, other, underWay));
    if (match < 0) return false;
    open.splice(match, 1);
  }
  return open.length === 0;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function hasEqualBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function ownKeys(value: object): ReadonlyArray<string | symbol> {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}

function read(value: object, key: string | symbol): unknown {
  return (value as Record<string | symbol, unknown>)[key];
}
