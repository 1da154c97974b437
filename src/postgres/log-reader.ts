/**
 * Reads the log through any session: page by page, each page one statement, and nothing held in between.
 */
import type { StoredEvent } from "../core/event.ts";
import { uuidPattern } from "../store/check-input.ts";
import type { StreamInfo } from "../store/event-store.ts";
import { unbounded } from "../store/read-options.ts";
import type { ReadPlan } from "../store/read-options.ts";
import { decodeRows, lengthOf } from "./event-row.ts";
import type { EventRow } from "./event-row.ts";
import { headOfLog, lastRevisionOf } from "./log-expressions.ts";
import { eventByIdSql, needsWindows, pageStatement } from "./page-sql.ts";
import type { Session } from "./session.ts";
import { givenText, storedText } from "./stored-text.ts";
import { describeStreamsSql } from "./stream-functions.ts";

/** Rows of a page: at first, before anything is known of their size; and at most. */
const rows = { first: 250, most: 2_500 } as const;
/** What a page's rows may take in memory; pages grow or shrink towards it. */
const pageLengthAim = 2 * 1024 * 1024;
/** Positions that a filter without an index is looked for in one statement. */
const windowSize = 20_000;

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
  #rowsFitting: number = rows.first;

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
    const isWindowed = stream === undefined && needsWindows(plan.filter);
    let { from, to, limit: left } = plan;
    let isEndKnown = plan.backwards || left <= 1;
    if (isWindowed) {
      guard();
      [from, to, isEndKnown] = [Math.max(from, 1), Math.min(to, await this.head()), true];
    }
    while (left > 0 && from <= to) {
      guard();
      const size = Math.min(left, this.#rowsFitting);
      const window = isWindowed ? windowOf(from, to, plan.backwards) : { from, to };
      const events = await this.#page({ ...plan, ...window, stream, size, nowMs: this.#nowMs });
      left -= events.length;
      const isFull = events.length === size;
      if (!isFull && !isWindowed) left = 0;
      const last = events.at(-1);
      const reached =
        isFull && last !== undefined ? last[stream === undefined ? "position" : "revision"] : -1;
      if (plan.backwards) to = (isFull ? reached : window.from) - 1;
      else from = (isFull ? reached : window.to) + 1;
      if (!isEndKnown && left > 0) {
        to = Math.min(to, await this.#end(stream));
        isEndKnown = true;
      }
      yield events;
    }
  }

  async #page(request: Parameters<typeof pageStatement>[0]): Promise<StoredEvent[]> {
    const { sql, values } = pageStatement(request);
    const found = await this.#query<EventRow>(sql, values);
    if (found.length > 0) {
      const fitting = Math.floor((pageLengthAim * found.length) / lengthOf(found));
      // One page of small events says little of the next one.
      this.#rowsFitting = Math.max(1, Math.min(rows.most, fitting, Math.max(found.length, rows.first) * 4));
    }
    return decodeRows(found);
  }

  async #end(stream: string | undefined): Promise<number> {
    if (stream === undefined) return this.head();
    const [row] = await this.#query<[number | null]>(`SELECT ${lastRevisionOf("$1")}`, [storedText(stream)]);
    return row?.[0] ?? -1;
  }

  get #nowMs(): number | undefined {
    return this.#options.clock?.();
  }

  #query<Row extends readonly unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#session.query<Row>(this.#options.qualify(sql), values);
  }
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
  return {
    stream: givenText(stream),
    state: isTombstoned === true ? "tombstoned" : isDeleted ? "deleted" : "open",
    revision,
    firstRevision: first ?? undefined,
    policy: {
      ...(maxCount !== null && { maxCount }),
      ...(maxAgeMs !== null && { maxAgeMs }),
      ...(truncateBefore !== null && truncateBefore > 0 && { truncateBefore }),
    },
  };
}

function windowOf(from: number, to: number, isBackwards: boolean): { from: number; to: number } {
  return isBackwards
    ? { from: Math.max(from, to - windowSize + 1), to }
    : { from, to: Math.min(to, from + windowSize - 1, unbounded) };
}
