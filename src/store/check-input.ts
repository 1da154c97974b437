/**
 * Checks of names, queries and moments, shared by everything that takes them from a caller.
 */
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import type { AppendCondition, Query, QueryItem } from "../core/query.ts";
import { checkDefined } from "../core/selections.ts";
import type { Expectation } from "./event-store.ts";

/** A UUID in its canonical form, of any version (RFC 9562). */
export const uuidPattern: RegExp = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const lengthMax = {
  stream: limits.streamNameLengthMax,
  type: limits.typeLengthMax,
  tag: limits.tagLengthMax,
} as const;

/**
 * Refuses a name that is not a string, is empty, too long, holds control characters or lone surrogates, or, for
 * streams, begins with the reserved `$`.
 *
 * @throws `NAME_INVALID`
 */
export function checkName(kind: "stream" | "type" | "tag", name: unknown): asserts name is string {
  const problem = nameProblem(kind, name);
  if (problem === undefined) return;
  const shown = typeof name === "string" ? name.slice(0, 100) : inWords(name);
  throw new HithertoError("NAME_INVALID", { kind, name: shown, problem });
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;

function nameProblem(kind: "stream" | "type" | "tag", name: unknown): string | undefined {
  if (typeof name !== "string") return `it must be a string, not ${name === null ? "null" : typeof name}`;
  if (name === "") return "it is empty";
  if (name.length > lengthMax[kind]) return `it has ${name.length} characters, more than ${lengthMax[kind]}`;
  if (controlCharacter.test(name)) return "it holds control characters";
  if (!name.isWellFormed()) return "it holds half of a surrogate pair";
  if (kind === "stream" && name.startsWith("$")) return "names that begin with $ are reserved";
  return undefined;
}

/** Refuses what is no expectation. @throws `ARGUMENT_INVALID` */
export function checkExpectation(expect: unknown): asserts expect is Expectation {
  if (expect === "any" || expect === "none" || expect === "exists") return;
  if (Number.isSafeInteger(expect) && (expect as number) >= 0) return;
  fail("expect", `it must be "any", "none", "exists" or a revision from 0, not ${inWords(expect)}`);
}

/** A copy of a well-formed query, without anything else that hangs on it. @throws `ARGUMENT_INVALID` */
export function planQuery(query: unknown, argument: string): Query {
  if (!Array.isArray(query)) fail(argument, "it must be an array of items");
  if (query.length > limits.queryItemsMax) {
    fail(argument, `at most ${limits.queryItemsMax} items are allowed`);
  }
  return Array.from(query as readonly unknown[], (item, index) => {
    if (typeof item !== "object" || item === null) fail(`${argument}[${index}]`, "it must be an object");
    checkDefined(item, ["types", "tags"], `${argument}[${index}]`);
    const types = planStrings((item as QueryItem).types, `${argument}[${index}].types`);
    const tags = planStrings((item as QueryItem).tags, `${argument}[${index}].tags`);
    return { ...(types !== undefined && { types }), ...(tags !== undefined && { tags }) };
  });
}

/** A copy of a well-formed append condition; see {@link planQuery}. @throws `ARGUMENT_INVALID` */
export function planCondition(condition: AppendCondition): AppendCondition {
  if (typeof condition !== "object" || condition === null) fail("condition", "it must be an object");
  const failIfMatch = planQuery(condition.failIfMatch, "condition.failIfMatch");
  checkDefined(condition, ["after"], "condition");
  const { after } = condition;
  if (after === undefined) return { failIfMatch };
  if (Number.isSafeInteger(after) && after >= 0) return { failIfMatch, after };
  fail("condition.after", "it must be a position: an integer from 0");
}

/**
 * A copy of an array of strings; undefined for undefined. An empty one is refused: whether it stands for everything or
 * for nothing, each reader would say differently.
 *
 * @throws `ARGUMENT_INVALID`
 */
export function planStrings(value: unknown, argument: string): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) fail(argument, "it must be an array of strings");
  if (value.length === 0) fail(argument, "it is empty; name at least one, or leave it out");
  const max = limits.queryItemsMax;
  if (value.length > max) fail(argument, `at most ${max} are allowed, not ${value.length}`);
  const strings: readonly unknown[] = Array.from(value as readonly unknown[]);
  if (strings.some((one) => typeof one !== "string")) fail(argument, "it must be an array of strings");
  return strings as readonly string[];
}

const momentPattern = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/;
/** The last moment that a year of four digits can write. */
export const lastMomentMs: number = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Milliseconds since 1970 of an ISO 8601 moment: a date (its beginning in UTC) or a date and time with its zone;
 * undefined when it is malformed or outside the years 1970 to 9999. Fractions below a millisecond are dropped.
 */
export function momentMs(text: string): number | undefined {
  if (!momentPattern.test(text) || !hasRealDay(text)) return undefined;
  const ms = Date.parse(text);
  return isMoment(ms) ? ms : undefined;
}

/** Whether a number of milliseconds since 1970 lies in the years 1970 to 9999, which four digits can write. */
export function isMoment(ms: number): boolean {
  return ms >= 0 && ms <= lastMomentMs;
}

/** Says what a value is without calling into it. */
export function inWords(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** `Date.parse` takes a 30th of February for the 2nd of March. */
function hasRealDay(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return day <= 28 || new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === day;
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
