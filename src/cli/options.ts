/**
 * Options that several commands share, and the parsers of their values.
 */
import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { parseExactJson } from "../core/exact-json.ts";
import { definedParts } from "../core/selections.ts";
import { momentMs } from "../store/check-input.ts";
import type { Expectation, ReadOptions } from "../store/event-store.ts";

/** An integer from `min` to `max`, as a parser of option values. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new InvalidArgumentError(`It must be an integer ${range}.`);
  };
}

/** A revision or position, or `end`. */
export function placeOrEnd(text: string): number | "end" {
  if (text === "end") return "end";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be an integer from 0, or end.");
}

/** An ISO 8601 moment. */
export function moment(text: string): string {
  if (momentMs(text) !== undefined) return text;
  throw new InvalidArgumentError(
    "It must be a date, or a date and time with its zone: 2026-11-21T08:40:00Z.",
  );
}

/** What an append expects of its stream. */
export function expectation(text: string): Expectation {
  if (text === "none" || text === "exists" || text === "any") return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be none, exists, any, or a revision from 0.");
}

/** Collects the values of an option that may be given several times. */
export function several(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

/** Permissions of a file, in octal as `chmod` has them. */
export function permissions(text: string): number {
  if (/^0?6[0246]{2}$/.test(text)) return Number.parseInt(text, 8);
  throw new InvalidArgumentError("It must be such as 600 or 640: the owner reads and writes.");
}

/** The option of commands that make a store. */
export const permissionsOption: readonly [string, string, (text: string) => number] = [
  "--file-permissions <mode>",
  "permissions of a store file that is made, such as 600 (default: by the umask)",
  permissions,
];

/** Metadata: `key=value`, or a JSON object; several are merged, the later ones winning. */
export function metadata(text: string, before: Record<string, unknown> | undefined): Record<string, unknown> {
  const equals = text.indexOf("=");
  if (!text.trimStart().startsWith("{")) {
    if (equals > 0) return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
    throw new InvalidArgumentError("It must be key=value, or a JSON object.");
  }
  const { value, problem } = parseExactJson(text);
  if (problem !== undefined) throw new InvalidArgumentError(`${problem.replace(/^i/, "I")}.`);
  return { ...before, ...(value as object) };
}

/** The values of the options that choose events. */
export interface FilterOptions {
  readonly from?: number;
  readonly to?: number;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly type?: readonly string[];
  readonly category?: readonly string[];
  readonly prefix?: string;
  readonly tag?: readonly string[];
  readonly correlation?: string;
}

/** Adds the options that choose events. `place` is what `--from` and `--to` count in. */
export function addFilterOptions<From>(
  command: Command,
  { place, parseFrom }: { place: string; parseFrom: (text: string) => From },
): Command {
  return command
    .option("--from <n>", `begin at this ${place}`, parseFrom)
    .option("--to <n>", `end at this ${place}`, integer(0))
    .option("--since <moment>", "only events recorded at or after this moment", moment)
    .option("--until <moment>", "only events recorded at or before this moment", moment)
    .option("--limit <n>", "at most so many events", integer(0))
    .option("--type <type>", "only events of this type; repeat for several", several)
    .option("--category <name>", "only streams of this category; repeat for several", several)
    .option("--prefix <text>", "only streams whose name begins so")
    .option("--tag <tag>", "only events with this tag; repeat to demand several", several)
    .option("--correlation <id>", "only events with this correlation id");
}

/** What the store is to read. */
export function readOptions(options: FilterOptions): ReadOptions {
  const { from, to, since, until, limit } = options;
  return definedParts({
    from,
    to,
    since,
    until,
    limit,
    types: options.type,
    categories: options.category,
    streamPrefix: options.prefix,
    tags: options.tag,
    correlationId: options.correlation,
  });
}
