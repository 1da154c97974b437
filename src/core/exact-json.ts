/**
 * Reading JSON that others wrote, without changing what it says: `JSON.parse` makes 9007199254740992 of 9007199254740993
 * and Infinity of 1e400.
 */
import { isExact } from "./exact-number.ts";
import { findJsonFault } from "./json-check.ts";

/** A value, or why there is none: half a sentence about the text. */
export type ExactJson =
  | { readonly value: unknown; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/** Only literals of more than 15 digits, or with an exponent, can be inexact; what is within a string does no harm here. */
const suspicious = /(?:^|[:,[\s])-?(?:\d+(?:\.\d+)?e|\d[\d.]{15})/i;

const literalShownMax = 60;

/** Parses JSON and refuses a number that JavaScript cannot hold, with its place in the value. */
export function parseExactJson(text: string): ExactJson {
  try {
    return suspicious.test(text) ? parseSlowly(text) : { value: JSON.parse(text) as unknown };
  } catch (error) {
    // The reviver calls itself for each level.
    if (error instanceof RangeError) return { problem: "it is nested too deeply" };
    return { problem: `it is not JSON (${(error as Error).message})` };
  }
}

/** Stands in the value for a number that cannot be held, so that it is found there. */
class Inexact {
  readonly literal: string;

  constructor(literal: string) {
    this.literal = literal;
  }
}

/** What a reviver is told besides the value (https://github.com/tc39/proposal-json-parse-with-source). */
interface ReviverContext {
  readonly source?: string;
}

function parseSlowly(text: string): ExactJson {
  let first: Inexact | undefined;
  const revive = (_key: string, value: unknown, { source }: ReviverContext): unknown => {
    if (typeof value !== "number" || source === undefined || isExact(source)) return value;
    const inexact = new Inexact(source);
    first ??= inexact;
    return inexact;
  };
  const value: unknown = JSON.parse(text, revive as (key: string, value: unknown) => unknown);
  if (first === undefined) return { value };
  const { literal } = first;
  const shown = literal.length > literalShownMax ? `${literal.slice(0, literalShownMax)}…` : literal;
  const place = findJsonFault(value, "")?.path.replace(/^\./, "") ?? "";
  const where = place === "" ? "" : ` at ${place}`;
  const problem = `the number ${shown}${where} would become ${Number(literal)}: write it as a string`;
  return { problem: `it holds a number that JavaScript cannot hold: ${problem}` };
}
