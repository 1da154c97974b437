/**
 * How a group of appends is handed to `append_group`, and how its answer is read.
 */
import { HithertoError } from "../core/errors.ts";
import type { ErrorCode, ErrorDetails } from "../core/errors.ts";
import type { AppendCondition, QueryItem } from "../core/query.ts";
import { encodeAppendBy } from "../store/encode-append.ts";
import type { EncodedAppend } from "../store/encode-append.ts";
import type { AppendOptions, AppendResult, Expectation, StreamAppend } from "../store/event-store.ts";
import { appendGroupTypes, expectations } from "./append-functions.ts";
import { columnNames, encodeColumns, joinColumn } from "./event-columns.ts";
import type { EventColumns } from "./event-columns.ts";
import { EventIds } from "./event-ids.ts";
import { fromStored, toStored } from "./json-text.ts";
import { storedText } from "./stored-text.ts";

/** An append with the ids of its events. */
export interface NamedAppend {
  readonly append: EncodedAppend<EventColumns>;
  /** Of all events of all streams in their order; the writer's own where he gives some. */
  readonly ids: readonly string[];
  /** Whether an earlier attempt may have stored it, since its answer was lost. */
  mayBeStored: boolean;
}

/** How a group is decided. */
export interface GroupOptions {
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly nowMs: number | undefined;
  /** How long to wait for the right to append. */
  readonly timeoutMs: number;
}

/** What became of an append. */
export type AppendOutcome = AppendResult | HithertoError;

/**
 * The statement; its values are those of {@link groupValues}. It names every type, in the catalogue, since it also runs in
 * transactions of others: so it can mean no other function, whatever their `search_path`.
 */
export const appendGroupSql: string = `SELECT {schema}.append_group(${appendGroupTypes
  .map((type, index) => `$${index + 1}::pg_catalog.${type}`)
  .join(", ")})`;

/** Those of all handles of the process. */
const generatedIds = new EventIds();

/**
 * Checks and encodes an append, and gives every event without an id of its own one, so that the append can be recognised
 * when it is sent again. For what it throws see `encodeAppend`.
 */
export function nameAppend(
  batch: StreamAppend | readonly StreamAppend[],
  options: AppendOptions | undefined,
  nowMs: number,
): NamedAppend {
  const append = encodeAppendBy(encodeColumns, batch, options);
  const ids = generatedIds.take(nowMs, append.count);
  let first = 0;
  for (const part of append.streams) {
    for (const [index, id] of part.ids?.entries() ?? []) ids[first + index] = id ?? ids[first + index]!;
    first += part.count;
  }
  return { append, ids, mayBeStored: false };
}

/** What `append_group` takes, in its order. */
export function groupValues(group: readonly NamedAppend[], options: GroupOptions): readonly unknown[] {
  const streams = new Map<string, number>();
  const parts = group.flatMap(({ append }, index) =>
    append.streams.map((part) => ({ ...part, append: index + 1 })),
  );
  const slots = parts.map(({ stream }) => {
    if (!streams.has(stream)) streams.set(stream, streams.size + 1);
    return streams.get(stream);
  });
  const column = (valueOf: (part: (typeof parts)[number]) => string | number): string =>
    `{${parts.map(valueOf).join(",")}}`;
  let events = 0;
  const firsts = parts.map(({ count }) => (events += count) - count + 1);
  const conditions = conditionsOf(group);
  return [
    storedText([...streams.keys()].join("\n")),
    column((part) => part.append),
    `{${slots.join(",")}}`,
    column((part) => expectationNumber(part.expect)),
    column((part) => part.firstRevision ?? -1),
    column((part) => part.count),
    `{${firsts.join(",")}}`,
    column((part) => part.recordedAtMs ?? -1),
    `{${parts
      .map(({ count }, index) => `${index + 1},`.repeat(count))
      .join("")
      .slice(0, -1)}}`,
    `{${group.flatMap(({ ids }) => ids).join(",")}}`,
    ...columnNames.map((name) => joinColumn(parts, name)),
    conditions.every((one) => one === null) ? null : toStored(JSON.stringify(conditions)),
    `{${group.flatMap(idsToLookFor).join(",")}}`,
    options.nowMs ?? null,
    options.timeoutMs,
  ];
}

/** Whether an append names ids that another one of its group names too; it must then wait for the next group. */
export function namesAnyOf(ids: ReadonlySet<string>, { append }: NamedAppend): boolean {
  return append.streams.some((part) => part.ids?.some((id) => id !== undefined && ids.has(id)) === true);
}

/** Reads what `append_group` answers. */
export function readOutcomes(answer: string, group: readonly NamedAppend[]): AppendOutcome[] {
  const { positions, revisions, answers } = JSON.parse(fromStored(answer)) as GroupAnswer;
  const special = new Map(answers.map((one) => [one.append - 1, one.answer]));
  let part = 0;
  return group.map((named, index) => {
    const first = part;
    part += named.append.streams.length;
    const found = special.get(index);
    if (found === undefined) return storedResult(named.append, positions, revisions, first);
    return "code" in found ? refusalOf(found, named.append.condition) : repeatedResult(found, named);
  });
}

/** Reads a refusal of another function. */
export function readRefusal(answer: string): HithertoError {
  return refusalOf(JSON.parse(fromStored(answer)) as Refusal);
}

interface GroupAnswer {
  /** By part; 0 when it is not stored. */
  readonly positions: readonly number[];
  readonly revisions: readonly number[];
  /** To appends that were refused or repeat an earlier one. */
  readonly answers: ReadonlyArray<{ readonly append: number; readonly answer: Refusal | Repetition }>;
}

interface Refusal {
  readonly code: ErrorCode;
  readonly details: ErrorDetails<ErrorCode>;
}

interface Repetition {
  readonly firstPosition: number;
  readonly position: number;
  readonly revisions: ReadonlyArray<readonly [first: number, last: number]>;
}

/** How an expectation is written in SQL. */
export function expectationNumber(expect: Expectation): number {
  return typeof expect === "number" ? expect : expectations[expect];
}

/** Conditions, each with whether it may match an earlier append of the group, which then has to be written first. */
function conditionsOf(
  group: readonly NamedAppend[],
): ReadonlyArray<(AppendCondition & { readonly mayMeetGroup: boolean }) | null> {
  const types = new Set<string>();
  const tags = new Set<string>();
  const mayMeet = (item: QueryItem): boolean =>
    item.types?.some((type) => types.has(type)) !== false &&
    item.tags?.every((tag) => tags.has(tag)) !== false;
  return group.map(({ append: { condition, streams } }) => {
    const query = condition?.failIfMatch ?? [];
    const mayMeetGroup = types.size > 0 && (query.length === 0 || query.some(mayMeet));
    for (const part of streams) {
      for (const type of part.types) types.add(type);
      for (const tag of part.tags) tags.add(tag);
    }
    return condition === undefined ? null : { ...condition, mayMeetGroup };
  });
}

/** The ids that callers gave. Of an append that may be stored as a whole one id tells whether it is. */
function idsToLookFor({ append, ids, mayBeStored }: NamedAppend): readonly string[] {
  const given = append.streams.flatMap((part) => part.ids?.filter((id) => id !== undefined) ?? []);
  return mayBeStored && given.length === 0 ? ids.slice(0, 1) : given;
}

function storedResult(
  append: EncodedAppend<EventColumns>,
  positions: readonly number[],
  revisions: readonly number[],
  firstPart: number,
): AppendResult {
  const firstPosition = positions[firstPart]!;
  const streams = append.streams.map(({ stream, count }, index) => {
    const firstRevision = revisions[firstPart + index]!;
    return { stream, firstRevision, revision: firstRevision + count - 1 };
  });
  const position = firstPosition + append.count - 1;
  return { position, firstPosition, revision: streams[0]!.revision, streams, isDuplicate: false };
}

function repeatedResult(found: Repetition, { append, mayBeStored }: NamedAppend): AppendResult {
  const streams = append.streams.map(({ stream }, index) => {
    const [firstRevision, revision] = found.revisions[index]!;
    return { stream, firstRevision, revision };
  });
  const { position, firstPosition } = found;
  const { revision } = streams[0]!;
  // What an earlier attempt of its own has stored is no repetition.
  return { position, firstPosition, revision, streams, isDuplicate: !mayBeStored };
}

function refusalOf({ code, details }: Refusal, condition?: AppendCondition): HithertoError {
  if (code === "CONDITION_CONFLICT" && condition !== undefined) {
    return new HithertoError(code, { ...(details as ErrorDetails<typeof code>), condition });
  }
  const { event, ...rest } = details as { event?: unknown };
  // JSON says null where details say undefined.
  return new HithertoError(code, event === null ? rest : details);
}
