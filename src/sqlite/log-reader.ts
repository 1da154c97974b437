/**
 * Reads events through one connection, always as of now: it holds no transaction between two pages.
 *
 * The writer thread uses it too, inside its transaction, to look for what stands in the way of an append; so what a
 * condition sees is exactly what a read sees.
 */
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import type { EventFilter, Query } from "../core/query.ts";
import { passesFilter } from "../core/query.ts";
import type { ReadPlan } from "../store/read-options.ts";
import type { CommitRow, LeanRow } from "./commit-row.ts";
import { checkRow, commitColumns, decodeRow, idPrefix } from "./commit-row.ts";
import { readCounter } from "./counters.ts";
import type { Database } from "./driver.ts";
import { checkHole, holeColumns } from "./hole-rows.ts";
import type { HoleRow } from "./hole-rows.ts";
import { findIdPosition } from "./index-entries.ts";
import type { Range, RowSource } from "./row-source.ts";
import { blockSource, logSource, Statements, streamSource, termSource } from "./row-source.ts";
import { checkedLastRevision, checkStreamEnds, lastStoredRevision } from "./stream-ends.ts";
import { hides, StreamPolicies } from "./stream-policies.ts";
import { termOf } from "./terms.ts";

/** Rows fetched first, before anything is known of their size. */
const rowsAtFirst = 128;
const rowsAtOnceMax = 2_000;
/** What a page's rows may take in memory; pages grow or shrink towards it. */
const pageBytesAim = 1024 * 1024;
/** And what they never exceed by more than one row. */
const pageBytesMax = 8 * 1024 * 1024;
/** A stretch of the log this short is read straight through: shorter than any detour by an index. */
const shortStretch = 512;

/** Pages of one read. */
export interface PageReader {
  /** The next events; an empty page if none of the rows looked at match; undefined at the end. */
  next(): StoredEvent[] | undefined;
}

/** Reads the log through one connection. */
export class LogReader {
  readonly policies: StreamPolicies;
  readonly #statements: Statements;
  readonly #store: string;
  readonly #clock: () => number;
  /** In the rows of the page read last. */
  #eventsPerRow = 1;

  constructor(db: Database, store: string, clock: () => number) {
    this.#statements = new Statements(db);
    this.policies = new StreamPolicies(this.#statements, store);
    this.#store = store;
    this.#clock = clock;
  }

  /** Position of the last event ever; 0 for an empty log. @throws `STORE_DAMAGED` when the log has lost its end. */
  head(): number {
    // Asked first, since the log may grow at any time.
    const reached = readCounter(this.#statements, "head", this.#store);
    const commit = this.#statements
      .prepare<[number, number]>("SELECT position, events FROM commits ORDER BY position DESC LIMIT 1")
      .get();
    const hole = this.#statements
      .prepare<HoleRow>(`SELECT ${holeColumns} FROM holes ORDER BY position DESC LIMIT 1`)
      .get();
    const head = Math.max(endOf(commit), endOf(hole && checkHole(hole, this.#store)));
    if (reached <= head) return head;
    const problem = `the log ends at position ${head}, though it has reached ${reached}`;
    throw new HithertoError("STORE_DAMAGED", { store: this.#store, problem, position: head + 1 });
  }

  /** How many events have been reclaimed. @throws `STORE_DAMAGED` when a hole is not as it was written. */
  reclaimedEvents(): number {
    let reclaimed = 0;
    const holes = this.#statements.prepare<HoleRow>(`SELECT ${holeColumns} FROM holes ORDER BY position`);
    for (const hole of holes.iterate()) reclaimed += checkHole(hole, this.#store)[1];
    return reclaimed;
  }

  /** {@link head}, once the last commit has been checked: whoever appends gives out the positions behind it. */
  checkedHead(): number {
    const last = this.#statements
      .prepare<CommitRow>(`SELECT ${commitColumns} FROM commits ORDER BY position DESC LIMIT 1`)
      .get();
    if (last !== undefined) checkRow(last, this.#store);
    return this.head();
  }

  /** Revision of the last event ever appended to a stream; -1 if there is none. @throws `STORE_DAMAGED` */
  lastRevision(stream: string): number {
    // Appends go on from it, and no event is returned with it whose checksum would be checked.
    const stored = checkedLastRevision(this.#statements, stream, this.#store);
    return Math.max(stored, this.policies.find(stream)?.lastRevision ?? -1);
  }

  /** {@link lastRevision} for who reads the stream, and so checks that commit when it comes to it. */
  uncheckedLastRevision(stream: string): number {
    const stored = lastStoredRevision(this.#statements, stream, this.#store);
    return Math.max(stored, this.policies.find(stream)?.lastRevision ?? -1);
  }

  /** Reads a stream by revision. */
  stream(stream: string, plan: ReadPlan): PageReader {
    const range = { from: plan.from, to: plan.to, isBackwards: plan.backwards };
    const mayBeginLate = (): boolean => {
      this.policies.refresh();
      return this.policies.find(stream) !== undefined;
    };
    const lastStored = lastStoredRevision(this.#statements, stream, this.#store);
    checkStreamEnds(this.#statements, stream, lastStored, this.#store);
    const source = streamSource(
      this.#statements,
      stream,
      { ...range, lastStored, mayBeginLate },
      this.#store,
    );
    return this.#pages(source, plan, "revision");
  }

  /** Reads the log by position, up to its present head. */
  log(plan: ReadPlan): PageReader {
    const range = {
      from: Math.max(plan.from, 1),
      to: Math.min(plan.to, this.head()),
      isBackwards: plan.backwards,
    };
    return this.#pages(this.#logSource(plan.filter, range), { ...plan, to: range.to }, "position");
  }

  /** The first visible event after a position that matches a query. */
  firstMatch(query: Query, after: number): StoredEvent | undefined {
    const head = this.head();
    if (after >= head) return undefined;
    return this.#first(
      this.log({
        ...everything,
        from: after + 1,
        to: head,
        limit: 1,
        filter: query.length === 0 ? undefined : { query },
      }),
    );
  }

  /** The first visible event of a stream at or above a revision, or the last one when reading backwards. */
  firstOfStream(
    stream: string,
    bounds: { from?: number; backwards?: boolean } = {},
  ): StoredEvent | undefined {
    return this.#first(this.stream(stream, { ...everything, ...bounds, limit: 1 }));
  }

  /** The stored event with this id, hidden or not. */
  findById(id: string): StoredEvent | undefined {
    const explicit = this.#positionOf(id);
    if (explicit !== undefined) return this.#eventNamed(id, explicit);
    if (id[14] !== "7") return undefined;
    const head = this.head();
    for (let position = Number.parseInt(id.slice(28), 16); position <= head; position += 4294967296) {
      const row = this.#rowAt(position);
      if (row === undefined || idPrefix(row[5], row[6]) !== id.slice(0, 28)) continue;
      const event = this.#eventAt(position);
      if (event?.id === id) return event;
    }
    return undefined;
  }

  /** Whether reads return this event now. */
  isVisible(event: StoredEvent): boolean {
    const policy = this.policies.find(event.stream);
    return policy === undefined || !hides(policy, this.lastRevision(event.stream), event, this.#clock());
  }

  #rowAt(position: number): CommitRow | undefined {
    const row = this.#statements
      .prepare<CommitRow>(
        `SELECT ${commitColumns} FROM commits WHERE position <= ? ORDER BY position DESC LIMIT 1`,
      )
      .get(position);
    return row !== undefined && row[0] + row[3] > position ? row : undefined;
  }

  #positionOf(id: string): number | undefined {
    return findIdPosition(this.#statements, id, this.#store);
  }

  /** The index of ids has no checksum of its own, but the event that it leads to says its id. */
  #eventNamed(id: string, position: number): StoredEvent | undefined {
    const event = this.#eventAt(position);
    if (event?.id === id) return event;
    // Reclaimed since the index was asked.
    if (this.#positionOf(id) === undefined) return undefined;
    const problem = `the index of ids does not lead to event ${id}`;
    throw new HithertoError("STORE_DAMAGED", { store: this.#store, problem, position });
  }

  #eventAt(position: number): StoredEvent | undefined {
    const row = this.#rowAt(position);
    if (row === undefined) return undefined;
    checkRow(row, this.#store);
    const events: StoredEvent[] = [];
    decodeRow(row, this.#store, events);
    return events.find((event) => event.position === position);
  }

  #first(pages: PageReader): StoredEvent | undefined {
    for (let page = pages.next(); page !== undefined; page = pages.next()) {
      if (page[0] !== undefined) return page[0];
    }
    return undefined;
  }

  #logSource(filter: EventFilter | undefined, range: Range): RowSource {
    const index = range.to - range.from < shortStretch ? undefined : chooseIndex(filter);
    if (index === undefined) return logSource(this.#statements, range, this.#store);
    if (index.kind === "terms") return termSource(this.#statements, index.arms, range, this.#store);
    return blockSource(this.#statements, index.terms, range, this.#store);
  }

  #pages(source: RowSource, plan: ReadPlan, axis: "position" | "revision"): PageReader {
    const passes = this.#eventTest(plan, axis);
    const mayMatch = rowTest(plan.filter);
    let rowsAtOnce = Math.min(rowsAtFirst, plan.limit);
    let rows: readonly LeanRow[] = [];
    let taken = 0;
    let left = plan.limit;
    return {
      next: () => {
        if (left <= 0) return undefined;
        if (taken === rows.length) {
          rows = source.next(Math.min(rowsAtOnce, this.#rowsFor(left, plan.filter)));
          taken = 0;
          if (rows.length === 0) return undefined;
        }
        const events: StoredEvent[] = [];
        const first = taken;
        let bytes = 0;
        let stored = 0;
        while (taken < rows.length && events.length < left && hasRoom(events.length, bytes, rows[taken]!)) {
          const row = this.#whole(rows[taken++]!);
          if (row === undefined) continue;
          checkRow(row, this.#store);
          bytes += row[8].length + 100;
          stored += row[3];
          if (!mayMatch(row)) continue;
          const before = events.length;
          this.#decode(row, plan.backwards, events);
          if (passes !== undefined) keepFrom(events, before, passes);
        }
        const fitting = Math.floor((pageBytesAim * (taken - first)) / bytes);
        rowsAtOnce = Math.max(1, Math.min(rowsAtOnceMax, fitting));
        this.#eventsPerRow = stored / (taken - first);
        const visible = this.#visible(events);
        left -= visible.length;
        return visible;
      },
    };
  }

  /** How many rows hold so many events, going by those read last; a filter leaves out nobody knows how many. */
  #rowsFor(events: number, filter: EventFilter | undefined): number {
    return filter === undefined ? Math.ceil(events / this.#eventsPerRow) + 1 : rowsAtOnceMax;
  }

  /** Asked anew for each page, since policies change and streams grow while a read is under way. */
  #visible(events: StoredEvent[]): StoredEvent[] {
    if (this.policies.isEmpty) return events;
    const lastRevisions = new Map<string, number>();
    return events.filter((event) => this.#isKept(event, lastRevisions));
  }

  /** With its body; undefined when it has been reclaimed meanwhile. */
  #whole(row: LeanRow): CommitRow | undefined {
    if (row[8] !== null) return row as CommitRow;
    return this.#statements
      .prepare<CommitRow>(`SELECT ${commitColumns} FROM commits WHERE position = ?`)
      .get(row[0]);
  }

  #decode(row: CommitRow, isBackwards: boolean, events: StoredEvent[]): void {
    if (!isBackwards || row[3] === 1) return decodeRow(row, this.#store, events);
    const own: StoredEvent[] = [];
    decodeRow(row, this.#store, own);
    for (let index = own.length - 1; index >= 0; index--) events.push(own[index]!);
  }

  /** What a single event must meet, visible or not; undefined when every event of the rows passes. */
  #eventTest(plan: ReadPlan, axis: "position" | "revision"): ((event: StoredEvent) => boolean) | undefined {
    const { from, to, filter } = plan;
    const since = plan.sinceMs === undefined ? undefined : new Date(plan.sinceMs).toISOString();
    const until = plan.untilMs === undefined ? undefined : new Date(plan.untilMs).toISOString();
    const isUnbounded =
      from <= 1 && axis === "position" ? to >= this.head() : from === 0 && to === everything.to;
    if (isUnbounded && filter === undefined && since === undefined && until === undefined) return undefined;
    return (event) => {
      if (event[axis] < from || event[axis] > to) return false;
      if (since !== undefined && event.recordedAt < since) return false;
      if (until !== undefined && event.recordedAt > until) return false;
      return filter === undefined || passesFilter(filter, event);
    };
  }

  #isKept(event: StoredEvent, lastRevisions: Map<string, number>): boolean {
    const policy = this.policies.find(event.stream);
    if (policy === undefined) return true;
    let last = lastRevisions.get(event.stream);
    if (last === undefined) lastRevisions.set(event.stream, (last = this.lastRevision(event.stream)));
    return !hides(policy, last, event, this.#clock());
  }
}

/** The last position of a commit or a hole; 0 if there is none. */
function endOf(row: readonly [position: number, events: number, ...unknown[]] | undefined): number {
  return row === undefined ? 0 : row[0] + Math.max(row[1], 1) - 1;
}

/** Takes out what does not pass, of the events from an index on. */
function keepFrom(events: StoredEvent[], index: number, passes: (event: StoredEvent) => boolean): void {
  let kept = index;
  for (let at = index; at < events.length; at++) {
    const event = events[at]!;
    if (passes(event)) events[kept++] = event;
  }
  events.length = kept;
}

/** Whether a page takes one more row: any as its first, others as long as they are neither too many nor too large. */
function hasRoom(events: number, bytes: number, row: LeanRow): boolean {
  return events === 0 || (events + row[3] <= limits.pageSizeMax && bytes < pageBytesMax);
}

const everything: ReadPlan = {
  from: 0,
  to: Number.MAX_SAFE_INTEGER,
  sinceMs: undefined,
  untilMs: undefined,
  backwards: false,
  limit: Number.MAX_SAFE_INTEGER,
  filter: undefined,
  signal: undefined,
};

type Index =
  | { readonly kind: "terms"; readonly arms: ReadonlyArray<readonly number[]> }
  | { readonly kind: "blocks"; readonly terms: readonly number[] };

/** The index that narrows a filter most; undefined when none does. */
function chooseIndex(filter: EventFilter | undefined): Index | undefined {
  if (filter === undefined) return undefined;
  const { types, categories, tags = [], correlationId, query = [] } = filter;
  const exact = tags.map((tag) => termOf("tag", tag));
  if (correlationId !== undefined) exact.push(termOf("correlation", correlationId));
  if (exact.length > 0) return { kind: "terms", arms: [exact] };
  if (query.length > 0 && query.every((item) => (item.tags?.length ?? 0) > 0)) {
    return { kind: "terms", arms: query.map((item) => (item.tags ?? []).map((tag) => termOf("tag", tag))) };
  }
  const anyType = types ?? typesOf(query);
  if (anyType !== undefined) return { kind: "blocks", terms: anyType.map((type) => termOf("type", type)) };
  if (categories === undefined) return undefined;
  return { kind: "blocks", terms: categories.map((category) => termOf("category", category)) };
}

/** The types that a query can match at all; undefined when it is open to every type. */
function typesOf(query: Query): readonly string[] | undefined {
  if (query.length === 0 || query.some((item) => item.types === undefined)) return undefined;
  return [...new Set(query.flatMap((item) => item.types ?? []))];
}

/** A test that spares decoding rows that cannot match, by their stream and by the text of their body. */
function rowTest(filter: EventFilter | undefined): (row: CommitRow) => boolean {
  if (filter === undefined) return () => true;
  const { streamPrefix, categories } = filter;
  const types = filter.types ?? typesOf(filter.query ?? []);
  const marks = types?.map((type) => `"type":${JSON.stringify(type)}`);
  return (row) => {
    if (streamPrefix !== undefined && !row[1].startsWith(streamPrefix)) return false;
    if (categories !== undefined && !categories.includes(categoryOf(row[1]))) return false;
    return marks === undefined || marks.some((mark) => row[8].includes(mark));
  };
}
