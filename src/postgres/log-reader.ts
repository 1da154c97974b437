/**
 * Reads the log through any session: page by page, each page one statement, and nothing held in between.
 *
 * No page skips an event: the bounds of a page come from its own statement, or from an end that an earlier statement of
 * the same read has found. Below an end once seen nothing new appears (`log-tables.ts`), and a read passes no further
 * than a page has looked.
 */
import type { StoredEvent } from "../core/event.ts";
import { uuidPattern } from "../store/check-input.ts";
import type { StreamInfo } from "../store/event-store.ts";
import { unbounded } from "../store/read-options.ts";
import type { ReadPlan } from "../store/read-options.ts";
import { decodeRows, lengthOf } from "./event-row.ts";
import type { EventRow } from "./event-row.ts";
import { headOfLog } from "./log-expressions.ts";
import { eventByIdSql, hasIndex, nextPlaceSql, pageStatement } from "./page-sql.ts";
import type { PageRequest } from "./page-sql.ts";
import type { Session } from "./session.ts";
import { givenText, storedText } from "./stored-text.ts";
import { describeStreamsSql } from "./stream-functions.ts";

/** Rows of a page: at first, before anything is known of their size; and at most. */
const pageRows = { first: 250, most: 2_500 } as const;
/** What a page's rows may take in memory; pages grow or shrink towards it. */
const pageLengthAim = 2 * 1024 * 1024;
/** Positions or revisions that a filter without an index is looked for in one statement. */
const windowOfFilter = 20_000;
/** Where at least one of so many events passes, walking over all of them is quicker than an index; going by so many found. */
const dense = { oneIn: 4, foundLeast: 100 } as const;

/** Columns of a row that say how far a page has come. */
const column = { position: 0, revision: 2, end: 11 } as const;

/** What is left to read. */
interface Range {
  readonly from: number;
  /** Undefined for the first page of a read to the end, which finds the end itself. */
  readonly to: number | undefined;
}

/** What a statement has found. */
interface Page {
  readonly rows: readonly EventRow[];
  /** Where the log or the stream ended for this statement; undefined when it was told where to end. */
  readonly end: number | undefined;
}

/** What a reader needs besides a session. */
export interface LogReaderOptions {
  readonly qualify: (sql: string) => string;
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly clock: (() => number) | undefined;
}

/** Reads the log through one session. */
export class LogReader {
  readonly #session: Session;
  readonly #options: LogReaderOptions;
  /** As many as would have fitted the page read last. */
  #rowsFitting: number = pageRows.first;

  constructor(session: Session, options: LogReaderOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** Position of the last event ever; 0 for an empty log. */
  async head(): Promise<number> {
    const [row] = await this.#query<[number]>(`SELECT ${headOfLog}`);
    return row?.[0] ?? 0;
  }

  /** The visible event with this id. */
  async findEvent(id: string): Promise<StoredEvent | undefined> {
    if (!uuidPattern.test(id)) return undefined;
    return decodeRows(await this.#query<EventRow>(eventByIdSql, [id, this.#nowMs ?? null]))[0];
  }

  /** What is known of these streams; those to which nothing was ever appended are left out. */
  async describe(streams: readonly string[]): Promise<StreamInfo[]> {
    const values = [streams.map(storedText), this.#nowMs ?? null];
    return (await this.#query<StreamRow>(describeStreamsSql, values)).map(toStreamInfo);
  }

  /** Pages of the log, or of a stream; up to where it ends when the first page is read. `guard` runs before each. */
  async *pages(
    plan: ReadPlan,
    stream: string | undefined,
    guard: () => void,
  ): AsyncGenerator<readonly StoredEvent[], undefined> {
    const { filter, backwards } = plan;
    const mayUseIndex = stream === undefined && hasIndex(filter);
    let isWalk = !mayUseIndex;
    const windowOf = (size: number): number => {
      if (filter === undefined) return size;
      return mayUseIndex ? dense.oneIn * size : windowOfFilter;
    };
    let range: Range | undefined = { from: plan.from, to: plan.to === unbounded ? undefined : plan.to };
    for (let left = plan.limit; left > 0 && range !== undefined;) {
      guard();
      const size = Math.min(left, this.#rowsFitting);
      const window = isWalk ? windowOf(size) : undefined;
      const page: Page = await this.#page({
        ...plan,
        ...range,
        window,
        stream,
        size,
        nowMs: this.#nowMs,
      });
      const { rows } = page;
      yield decodeRows(rows);
      left -= rows.length;
      if (mayUseIndex) isWalk = isDense(rows);
      const to: number | undefined = range.to ?? page.end;
      if (rows.length === size) {
        const reached = rows.at(-1)![stream === undefined ? column.position : column.revision];
        range = backwards ? { from: range.from, to: reached - 1 } : { from: reached + 1, to };
        if (range.from > (range.to ?? unbounded)) return;
      } else {
        // Through an index, or without an end, a page that is not full was the last one.
        if (window === undefined || to === undefined) return;
        range = await this.#nextRange({ from: range.from, to }, { stream, window, backwards });
      }
    }
  }

  /** What is left of a range after a window that held no full page; undefined when nothing is. */
  async #nextRange(
    { from, to }: { readonly from: number; readonly to: number },
    { stream, window, backwards }: { stream: string | undefined; window: number; backwards: boolean },
  ): Promise<Range | undefined> {
    const passed = backwards ? to - window + 1 : from + window - 1;
    if (backwards ? passed <= from : passed >= to) return undefined;
    const values = stream === undefined ? [passed] : [passed, storedText(stream)];
    // Over a gap, however wide, in one step.
    const [row] = await this.#query<[number | null]>(nextPlaceSql(stream !== undefined, backwards), values);
    const next = row?.[0] ?? undefined;
    if (next === undefined || next < from || next > to) return undefined;
    return backwards ? { from, to: next } : { from: next, to };
  }

  async #page(request: PageRequest): Promise<Page> {
    const { sql, values } = pageStatement(request);
    const found = await this.#query<EventRow | NoEventRow>(sql, values);
    const end = found[0]?.[column.end];
    const rows = found.filter(isEvent);
    if (rows.length > 0) {
      const fitting = Math.floor((pageLengthAim * rows.length) / lengthOf(rows));
      // One page of small events says little of the next one.
      this.#rowsFitting = Math.max(
        1,
        Math.min(pageRows.most, fitting, Math.max(rows.length, pageRows.first) * 4),
      );
    }
    return { rows, end };
  }

  get #nowMs(): number | undefined {
    return this.#options.clock?.();
  }

  #query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#session.query<Row>(this.#options.qualify(sql), values);
  }
}

/** The row of a page without events, which has an end only. */
type NoEventRow = readonly [null, null, null, null, null, null, null, null, null, null, null, end: number];

function isEvent(row: EventRow | NoEventRow): row is EventRow {
  return row[column.position] !== null;
}

/** Whether so many of the events that lie between these were found that an index is a detour. */
function isDense(found: readonly EventRow[]): boolean {
  if (found.length < dense.foundLeast) return false;
  const span = Math.abs(found.at(-1)![column.position] - found[0]![column.position]) + 1;
  return span <= dense.oneIn * found.length;
}

type StreamRow = [
  stream: string,
  last: number,
  first: number | null,
  maxCount: number | null,
  maxAgeMs: number | null,
  truncateBefore: number | null,
  deletedBefore: number | null,
  isTombstoned: boolean | null,
];

function toStreamInfo(row: StreamRow): StreamInfo {
  const [stream, revision, first, maxCount, maxAgeMs, truncateBefore, deletedBefore, isTombstoned] = row;
  const isDeleted = deletedBefore === revision + 1;
  const stateOfLiving = isDeleted ? "deleted" : "open";
  return {
    stream: givenText(stream),
    state: isTombstoned === true ? "tombstoned" : stateOfLiving,
    revision,
    firstRevision: first ?? undefined,
    policy: {
      ...(maxCount !== null && { maxCount }),
      ...(maxAgeMs !== null && { maxAgeMs }),
      ...(truncateBefore !== null && truncateBefore > 0 && { truncateBefore }),
    },
  };
}
