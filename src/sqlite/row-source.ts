/**
 * Where the commits of a read come from: a stream, a stretch of the log, or an index. Each source hands out rows in
 * the order of the read and remembers only where to go on, so that nothing stays locked between two pages.
 *
 * A source over an index may hand out rows too many, never too few. A source that reads without an index checks that
 * no row is missing: revisions of a stream and positions of the log follow each other without a gap, save where
 * `holes` or the stream's policy explain it.
 */
import { HithertoError } from "../core/errors.ts";
import type { LeanRow } from "./commit-row.ts";
import { damaged, leanColumns } from "./commit-row.ts";
import type { Database, SqlValue, Statement } from "./driver.ts";
import { checkHole, holeColumns } from "./hole-rows.ts";
import type { HoleRow } from "./hole-rows.ts";
import { checkScan, termBlocks, termCommits } from "./index-entries.ts";
import { blockSize } from "./terms.ts";

/** Hands out the rows of one read, a bunch at a time. */
export interface RowSource {
  /** The next rows, at most `limit` of them; none when there are no more. */
  next(limit: number): readonly LeanRow[];
}

/** The part of the log or of a stream to read, by position or by revision, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly isBackwards: boolean;
}

/** Prepares each statement once for a connection. */
export class Statements {
  readonly #db: Database;
  readonly #prepared = new Map<string, Statement<never>>();

  constructor(db: Database) {
    this.#db = db;
  }

  prepare<Row extends readonly SqlValue[]>(sql: string): Statement<Row> {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare<never>(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

const order = (range: Range): string => (range.isBackwards ? "DESC" : "ASC");

/** What is known of a stream that is about to be read. */
export interface StreamEnds {
  /** Revision of the last event in the stored commits; -1 if there are none. */
  readonly lastStored: number;
  /** Asked whenever commits are missing: whether the first ones may have been reclaimed by now. */
  readonly mayBeginLate: () => boolean;
}

/** The rows of one stream, by revision. */
export function streamSource(
  statements: Statements,
  stream: string,
  range: Range & StreamEnds,
  store: string,
): RowSource {
  const containing = statements.prepare<[number]>(
    "SELECT revision FROM commits WHERE stream = ? AND revision <= ? ORDER BY revision DESC LIMIT 1",
  );
  const select = statements.prepare<LeanRow>(
    `SELECT ${leanColumns} FROM commits WHERE stream = ? AND revision >= ? AND revision <= ?
     ORDER BY revision ${order(range)} LIMIT ?`,
  );
  let lowest = range.from === 0 ? 0 : (containing.get(stream, range.from)?.[0] ?? 0);
  let highest = range.to;
  return {
    next(limit) {
      if (lowest > highest) return [];
      const rows = select.all(stream, lowest, highest, limit);
      for (const row of rows) {
        if (range.isBackwards) {
          checkReaches(row[2] + row[3] - 1);
          highest = row[2] - 1;
        } else {
          if (row[2] > lowest) checkReclaimed(row[2] - 1);
          lowest = row[2] + row[3];
        }
      }
      if (rows.length < limit) checkReclaimed(Math.min(highest, range.lastStored));
      return rows;
    },
  };

  /** Backwards, each commit reaches up to the one read before it; reclaiming takes nothing in between. */
  function checkReaches(revision: number): void {
    if (revision < Math.min(highest, range.lastStored)) throw missing(revision + 1);
  }

  /** Reclaiming takes the first commits, so it explains that `lowest` to `last` are missing only if none is left there. */
  function checkReclaimed(last: number): void {
    if (lowest > last) return;
    if (!range.mayBeginLate() || containing.get(stream, last) !== undefined) throw missing(lowest);
  }

  function missing(revision: number): HithertoError {
    const problem = `revision ${revision} of the stream is missing`;
    return new HithertoError("STORE_DAMAGED", { store, problem, stream });
  }
}

/** The rows of a stretch of the log, by position. */
export function logSource(statements: Statements, range: Range, store: string): RowSource {
  const select = statements.prepare<LeanRow>(
    `SELECT ${leanColumns} FROM commits WHERE position >= ? AND position <= ?
     ORDER BY position ${order(range)} LIMIT ?`,
  );
  let lowest = rowContaining(statements, range.from);
  let highest = range.to;
  let isDone = false;
  return {
    next(limit) {
      if (isDone || lowest > highest) return [];
      const rows = select.all(lowest, highest, limit);
      isDone = rows.length < limit;
      if (range.isBackwards) highest = checkMeetingBackwards(rows, { lowest, highest, isDone });
      else lowest = checkMeetingForwards(rows, { lowest, highest, isDone });
      return rows;
    },
  };

  function checkMeetingForwards(
    rows: readonly LeanRow[],
    at: { lowest: number; highest: number; isDone: boolean },
  ): number {
    let expected = at.lowest;
    for (const row of rows) {
      checkOrder(row, row[0] >= expected, store);
      checkGap(statements, expected, row[0], store);
      expected = row[0] + row[3];
    }
    if (at.isDone) checkGap(statements, expected, at.highest + 1, store);
    return expected;
  }

  function checkMeetingBackwards(
    rows: readonly LeanRow[],
    at: { lowest: number; highest: number; isDone: boolean },
  ): number {
    let expected = at.highest + 1;
    for (const [index, row] of rows.entries()) {
      // The newest row may reach beyond the range.
      checkOrder(row, index === 0 ? row[0] < expected : row[0] + row[3] <= expected, store);
      if (index > 0 || row[0] + row[3] < expected) checkGap(statements, row[0] + row[3], expected, store);
      expected = row[0];
    }
    if (at.isDone) checkGap(statements, at.lowest, expected, store);
    return expected - 1;
  }
}

/** Position of the first event of the commit that holds `position`; `position` itself when none does. */
function rowContaining(statements: Statements, position: number): number {
  const row = statements
    .prepare<[number, number]>(
      "SELECT position, events FROM commits WHERE position <= ? ORDER BY position DESC LIMIT 1",
    )
    .get(position);
  return row !== undefined && row[0] + row[1] > position ? row[0] : position;
}

/** Where pages of the file have taken each other's place, commits come again; a read must not follow them in circles. */
function checkOrder(row: LeanRow, isInOrder: boolean, store: string): void {
  if (!isInOrder) throw damaged(row, store, "commits are out of order");
}

/** Refuses positions from `from` up to but not including `to` that neither a commit nor a hole accounts for. */
function checkGap(statements: Statements, from: number, to: number, store: string): void {
  if (from >= to) return;
  const holes = statements
    .prepare<HoleRow>(
      `SELECT ${holeColumns} FROM holes WHERE position < ? AND position >=
         coalesce((SELECT max(position) FROM holes WHERE position <= ?), ?) ORDER BY position`,
    )
    .all(to, from, from);
  let reached = from;
  for (const hole of holes) {
    const [position, events] = checkHole(hole, store);
    if (position > reached) break;
    reached = Math.max(reached, position + events);
  }
  if (reached >= to) return;
  throw new HithertoError("STORE_DAMAGED", { store, problem: "the commit is missing", position: reached });
}

/**
 * The rows that carry all terms of one of the arms, by the exact index.
 * Each arm gives its own first `limit` positions; the first `limit` of their union are the first of the read.
 */
export function termSource(
  statements: Statements,
  arms: ReadonlyArray<readonly number[]>,
  range: Range,
  store: string,
): RowSource {
  const byPosition = statements.prepare<LeanRow>(
    `SELECT ${leanColumns} FROM commits WHERE position IN (SELECT value FROM json_each(?))
     ORDER BY position ${order(range)}`,
  );
  let lowest = rowContaining(statements, range.from);
  let highest = range.to;
  return {
    next(limit) {
      while (lowest <= highest) {
        const left = { ...range, from: lowest, to: highest };
        const found = arms.map((terms) => armPositions(statements, terms, { ...left, limit }, store));
        const positions = firstOf(found, limit, range);
        const last = positions.at(-1);
        if (last === undefined) return [];
        if (range.isBackwards) highest = last - 1;
        else lowest = last + 1;
        const rows = byPosition.all(JSON.stringify(positions));
        // All of them may have been reclaimed since the index was asked.
        if (rows.length > 0) return rows;
      }
      return [];
    },
  };
}

const termsAtOnceMax = 16;

function armPositions(
  statements: Statements,
  terms: readonly number[],
  range: Range & { readonly limit: number },
  store: string,
): number[] {
  const { from, to, isBackwards, limit } = range;
  // More do not narrow the choice much further, and SQLite bounds the length of a condition.
  const others = terms
    .slice(1, termsAtOnceMax)
    .map(() => "AND EXISTS (SELECT 1 FROM term_commits WHERE term = ? AND position = t.position)");
  const sql = `SELECT position, mark FROM term_commits AS t WHERE term = ? AND position >= ? AND position <= ?
    ${others.join(" ")} ORDER BY position ${order(range)} LIMIT ?`;
  const [first, ...rest] = terms.slice(0, termsAtOnceMax);
  const rows = statements.prepare<[number, SqlValue]>(sql).all(first!, from, to, ...rest, limit);
  const start = isBackwards ? to : from;
  // Where several terms were wanted, entries were left out, so nothing but the places around can be looked at.
  const scan = { term: first!, from: start, isBackwards, entries: rows, isAtEnd: rows.length < limit };
  checkScan(statements, termCommits, rest.length === 0 ? scan : { ...scan, isAtEnd: false }, store);
  return rows.map((row) => row[0]);
}

/** The first `limit` different numbers of several sorted lists, in the order of the read. */
function firstOf(lists: ReadonlyArray<readonly number[]>, limit: number, range: Range): readonly number[] {
  if (lists.length === 1) return lists[0]!;
  const numbers = [...new Set(lists.flat())].sort((a, b) => (range.isBackwards ? b - a : a - b));
  return numbers.slice(0, limit);
}

const blocksAtOnce = 64;

/** The rows of the blocks in which one of the terms occurs. */
export function blockSource(
  statements: Statements,
  terms: readonly number[],
  range: Range,
  store: string,
): RowSource {
  const select = statements.prepare<[number, SqlValue]>(
    `SELECT block, mark FROM term_blocks WHERE term = ? AND block >= ? AND block <= ?
     ORDER BY block ${order(range)} LIMIT ${blocksAtOnce}`,
  );
  let lowest = Math.floor(rowContaining(statements, range.from) / blockSize);
  let highest = Math.floor(range.to / blockSize);
  let pending: RowSource[] = [];
  return {
    next(limit) {
      for (;;) {
        const rows = pending[0]?.next(limit) ?? [];
        if (rows.length > 0) return rows;
        pending.shift();
        if (pending.length === 0 && !fetchBlocks()) return [];
      }
    },
  };

  function blocksOf(term: number): number[] {
    const { isBackwards } = range;
    const entries = select.all(term, lowest, highest);
    const isAtEnd = entries.length < blocksAtOnce;
    const from = isBackwards ? highest : lowest;
    checkScan(statements, termBlocks, { term, from, isBackwards, entries, isAtEnd }, store);
    return entries.map(([block]) => block);
  }

  function fetchBlocks(): boolean {
    if (lowest > highest) return false;
    const blocks = firstOf(
      terms.map((term) => blocksOf(term)),
      blocksAtOnce,
      range,
    );
    const last = blocks.at(-1);
    if (last === undefined) return false;
    if (range.isBackwards) highest = last - 1;
    else lowest = last + 1;
    pending = runsOf(blocks, range).map((run) => blockRunSource(statements, run, range, store));
    return true;
  }
}

/** Neighbouring blocks as one stretch `[first block, last block]`. */
function runsOf(blocks: readonly number[], range: Range): Array<[number, number]> {
  const runs: Array<[number, number]> = [];
  for (const block of blocks) {
    const run = runs.at(-1);
    if (run !== undefined && !range.isBackwards && run[1] + 1 === block) run[1] = block;
    else if (run !== undefined && range.isBackwards && run[0] - 1 === block) run[0] = block;
    else runs.push([block, block]);
  }
  return runs;
}

/** A block holds the commits that begin in it, whole. */
function blockRunSource(
  statements: Statements,
  run: readonly [number, number],
  range: Range,
  store: string,
): RowSource {
  const select = statements.prepare<LeanRow>(
    `SELECT ${leanColumns} FROM commits WHERE position >= ? AND position <= ?
     ORDER BY position ${order(range)} LIMIT ?`,
  );
  let lowest = run[0] * blockSize;
  let highest = Math.min((run[1] + 1) * blockSize - 1, range.to);
  let previous: LeanRow | undefined;
  return {
    next(limit) {
      const rows = lowest > highest ? [] : select.all(lowest, highest, limit);
      for (const row of rows) {
        if (previous !== undefined) checkNeighbours(previous, row);
        previous = row;
      }
      if (previous !== undefined) {
        if (range.isBackwards) highest = previous[0] - 1;
        else lowest = previous[0] + previous[3];
      }
      return rows;
    },
  };

  function checkNeighbours(previousRow: LeanRow, row: LeanRow): void {
    const [earlier, later] = range.isBackwards ? [row, previousRow] : [previousRow, row];
    checkOrder(row, earlier[0] + earlier[3] <= later[0], store);
    checkGap(statements, earlier[0] + earlier[3], later[0], store);
  }
}
