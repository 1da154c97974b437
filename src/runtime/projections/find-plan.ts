/**
 * Checks what callers say about reads of documents, and makes of it what a store can answer. Plans share nothing with the
 * caller's objects.
 */
import { HithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { checkDefined } from "../../core/selections.ts";
import { inWords } from "../../store/check-input.ts";
import { checkOptions, checkSignal } from "../../store/read-options.ts";
import type { DocumentQuery, FieldCondition, IndexValue } from "../../store/read-side.ts";
import type { Condition, Filter, FindOptions, LiveOptions, WaitOptions } from "./read-model.ts";

/** What plans are checked against. */
export interface Queried {
  /** Name of the read model. */
  readonly name: string;
  /** Its indexed fields. */
  readonly fields: readonly string[];
}

/** A checked wait. */
export interface WaitPlan {
  /** Undefined waits for nothing; 0 for the first build. */
  readonly waitFor: number | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A query without a place to begin. */
export type DocumentSelection = Omit<DocumentQuery, "after">;

/** How long a read waits unless the caller says otherwise, in milliseconds. */
export const waitTimeoutMsDefault = 5_000;

const findLimitDefault = 100;
const liveLimitDefault = 1_000;

/** Checks the options of `find`, but for the cursor. @throws `ARGUMENT_INVALID`, `INDEX_MISSING` */
export function planFind(model: Queried, options: FindOptions<string>): DocumentSelection {
  checkOptions(options);
  const { limit = findLimitDefault } = options;
  checkLimit(limit, limits.findLimitMax);
  return { ...planFilter(model, options), sort: planSort(model, options.sort), limit };
}

/** Checks the options of `count`. @throws `ARGUMENT_INVALID`, `INDEX_MISSING` */
export function planCount(model: Queried, options: Filter<string>): DocumentSelection {
  checkOptions(options);
  return { ...planFilter(model, options), sort: [], limit: limits.findLimitMax };
}

/** Checks the options of `live`. @throws `ARGUMENT_INVALID`, `INDEX_MISSING` */
export function planLive(model: Queried, options: LiveOptions<string>): DocumentSelection {
  checkOptions(options);
  const { limit = liveLimitDefault } = options;
  checkLimit(limit, limits.liveEntriesMax);
  checkSignal(options.signal);
  return { ...planFilter(model, options), sort: planSort(model, options.sort), limit };
}

/** Checks how to wait. @throws `ARGUMENT_INVALID` */
export function planWait(options: WaitOptions): WaitPlan {
  checkOptions(options);
  const { waitFor, timeoutMs = waitTimeoutMsDefault, signal } = options;
  if (waitFor !== undefined) checkInteger("waitFor", waitFor, Number.MAX_SAFE_INTEGER);
  checkInteger("timeoutMs", timeoutMs, timerMsMax);
  checkSignal(signal);
  return { waitFor, timeoutMs, signal };
}

/** Refuses what can not be the key of a document. @throws `ARGUMENT_INVALID` */
export function checkKey(argument: string, key: unknown): asserts key is string {
  checkText(argument, key, limits.keyLengthMax);
  if (key === "") fail(argument, "it is empty");
}

/** Refuses what is no list of keys, or too long a one. @throws `ARGUMENT_INVALID` */
export function checkKeys(keys: unknown): asserts keys is readonly string[] {
  if (!Array.isArray(keys)) fail("keys", `it must be an array of strings, not ${inWords(keys)}`);
  const max = limits.findLimitMax;
  if (keys.length > max) fail("keys", `at most ${max} are allowed (findLimitMax), not ${keys.length}`);
  for (let index = 0; index < keys.length; index++) checkKey(`keys[${index}]`, keys[index]);
}

/** The longest that a timer can wait. */
const timerMsMax = 2 ** 31 - 1;

function planFilter(model: Queried, filter: Filter<string>): Pick<DocumentQuery, "where" | "keyPrefix"> {
  checkDefined(filter, ["where", "keyPrefix"]);
  const { where = {}, keyPrefix } = filter;
  checkOptions(where, "where");
  checkDefined(where, Object.keys(where), "where");
  if (keyPrefix !== undefined) checkText("keyPrefix", keyPrefix, limits.keyLengthMax);
  for (const field of Object.keys(where)) checkField(model, field);
  const conditions = Object.entries(where).map(
    ([field, condition]) => [field, planCondition(field, condition)] as const,
  );
  const values = conditions.reduce((sum, [, condition]) => sum + (condition.in?.length ?? 0), 0);
  if (values > limits.findValuesMax) {
    const max = limits.findValuesMax;
    fail("where", `at most ${max} values of \`in\` are allowed together (findValuesMax), not ${values}`);
  }
  return { where: Object.fromEntries(conditions), ...(keyPrefix !== undefined && { keyPrefix }) };
}

const parts = ["eq", "in", "gt", "gte", "lt", "lte", "prefix"] as const;
const bounds: ReadonlySet<string> = new Set(["gt", "gte", "lt", "lte"]);

function planCondition(field: string, condition: Condition | undefined): FieldCondition {
  const argument = `where.${field}`;
  if (typeof condition !== "object" || condition === null) return { eq: planValue(argument, condition) };
  const unknown = Object.keys(condition).find((part) => !(parts as readonly string[]).includes(part));
  if (Array.isArray(condition) || unknown !== undefined) {
    const found = Array.isArray(condition) ? "an array" : `"${unknown}"`;
    fail(argument, `a condition has the parts ${parts.join(", ")}, not ${found}`);
  }
  checkDefined(condition, parts, argument);
  const planned = parts.flatMap((part) => {
    const value = condition[part];
    return value === undefined ? [] : [[part, planPart(`${argument}.${part}`, part, value)] as const];
  });
  if (planned.length === 0) fail(argument, "the condition says nothing");
  return Object.fromEntries(planned);
}

function planPart(
  argument: string,
  part: (typeof parts)[number],
  value: unknown,
): IndexValue | readonly IndexValue[] {
  if (part === "in") return planValues(argument, value);
  if (part === "prefix" && typeof value !== "string") {
    fail(argument, `it must be a string, not ${inWords(value)}`);
  }
  if (bounds.has(part) && typeof value !== "string" && typeof value !== "number") {
    fail(argument, `it must be a string or a number, not ${inWords(value)}`);
  }
  return planValue(argument, value);
}

function planValues(argument: string, values: unknown): readonly IndexValue[] {
  if (!Array.isArray(values)) fail(argument, `it must be an array, not ${inWords(values)}`);
  const max = limits.queryItemsMax;
  if (values.length > max) fail(argument, `at most ${max} values are allowed, not ${values.length}`);
  return Array.from(values as readonly unknown[], (value, index) =>
    planValue(`${argument}[${index}]`, value),
  );
}

function planValue(argument: string, value: unknown): IndexValue {
  if (value === null) return null;
  if (typeof value === "boolean") return Number(value);
  // Adding 0 makes 0 of -0, as indexes do.
  if (typeof value === "number" && Number.isFinite(value)) return value + 0;
  if (typeof value !== "string") {
    fail(argument, `it must be a string, a finite number, true, false or null, not ${inWords(value)}`);
  }
  checkText(argument, value, limits.indexedLengthMax);
  return value;
}

function planSort(model: Queried, sort: FindOptions<string>["sort"]): DocumentQuery["sort"] {
  const given: readonly unknown[] = sort === undefined ? [] : [sort].flat();
  if (given.length > limits.indexesMax) {
    fail("sort", `at most ${limits.indexesMax} fields are allowed, not ${given.length}`);
  }
  const planned = given.map((one) => {
    if (typeof one !== "string") fail("sort", `it must be field names, not ${inWords(one)}`);
    const isDescending = one.startsWith("-");
    const field = isDescending ? one.slice(1) : one;
    checkField(model, field);
    return { field, isDescending };
  });
  const distinct = new Set(planned.map(({ field }) => field));
  if (distinct.size < planned.length) fail("sort", "it names a field twice");
  return planned;
}

function checkField({ name, fields }: Queried, field: string): void {
  if (fields.includes(field)) return;
  throw new HithertoError("INDEX_MISSING", { readModel: name, field: field.slice(0, 100), known: fields });
}

function checkLimit(limit: unknown, max: number): void {
  if (Number.isSafeInteger(limit) && (limit as number) >= 1 && (limit as number) <= max) return;
  fail("limit", `it must be an integer from 1 to ${max}, not ${inWords(limit)}`);
}

function checkInteger(argument: string, value: unknown, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max) return;
  fail(argument, `it must be an integer from 0 to ${max}, not ${inWords(value)}`);
}

function checkText(argument: string, value: unknown, lengthMax: number): asserts value is string {
  if (typeof value !== "string") fail(argument, `it must be a string, not ${inWords(value)}`);
  if (value.length > lengthMax) {
    fail(argument, `it has ${value.length} characters, more than ${lengthMax}`);
  }
  if (!value.isWellFormed()) fail(argument, "it holds half of a surrogate pair");
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
