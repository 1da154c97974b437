/**
 * Notices entries of the indexes of terms and event ids that have changed. Each has a mark (`terms.ts`), except those of
 * older formats.
 *
 * An entry that has changed stays where it is. So the entries of a term that are lost to a scan stand before its first
 * place, behind the last entry that it found, or in between, where their mark tells.
 */
import { HithertoError } from "../core/errors.ts";
import type { Database, SqlValue } from "./driver.ts";
import type { Statements } from "./row-source.ts";
import { idMark, termMark } from "./terms.ts";

/** An index of terms. */
export interface TermIndex {
  readonly table: "term_commits" | "term_blocks";
  /** The column beside the term: a position or a block. */
  readonly place: "position" | "block";
}

/** Tags and correlation ids, by the commits that carry them. */
export const termCommits: TermIndex = { table: "term_commits", place: "position" };

/** Types and categories, by blocks of positions. */
export const termBlocks: TermIndex = { table: "term_blocks", place: "block" };

/** The entries of a term from a place on, as a scan found them. */
export interface Scanned {
  readonly term: number;
  /** Where the scan began, in its direction. */
  readonly from: number;
  readonly isBackwards: boolean;
  readonly entries: ReadonlyArray<readonly [place: number, mark: SqlValue]>;
  /** Whether it stopped because there was nothing more. */
  readonly isAtEnd: boolean;
}

/** Refuses a scan that may have missed entries. @throws `STORE_DAMAGED` */
export function checkScan(statements: Statements, index: TermIndex, scan: Scanned, store: string): void {
  const { term, from, isBackwards, entries, isAtEnd } = scan;
  // A scan goes on behind its last entry, so one that is out of order would lead around in circles.
  let next = from;
  for (const [at, mark] of entries) {
    checkTerm([term, at, mark], store);
    if (isBackwards ? at > next : at < next) throw changedEntry(store);
    next = isBackwards ? at - 1 : at + 1;
  }
  const { table, place } = index;
  const before = `SELECT term, ${place}, mark FROM ${table} WHERE (term, ${place}) < (?, ?)
    ORDER BY term DESC, ${place} DESC LIMIT 1`;
  const behind = `SELECT term, ${place}, mark FROM ${table} WHERE (term, ${place}) > (?, ?)
    ORDER BY term, ${place} LIMIT 1`;
  const last = entries.at(-1)?.[0];
  const [start, end] = isBackwards ? [behind, before] : [before, behind];
  checkBeside(start, from);
  if (isAtEnd) checkBeside(end, last ?? (isBackwards ? from + 1 : from - 1));

  function checkBeside(sql: string, beside: number): void {
    const entry = statements.prepare<[number, number, SqlValue]>(sql).get(term, beside);
    if (entry !== undefined) checkTerm(entry, store);
  }
}

function checkTerm([term, place, mark]: readonly [number, number, SqlValue], store: string): void {
  if (mark === null || mark === termMark(term, place)) return;
  throw changedEntry(store);
}

function changedEntry(store: string): HithertoError {
  return damagedIndex(store, "an index of tags, types and correlation ids has an entry that has changed");
}

/** Says which of the indexes have entries that have changed. */
export function* changedIndexes(db: Database): Generator<string> {
  for (const { table, place } of [termCommits, termBlocks]) {
    const rows = db.prepare<[number, number, SqlValue]>(`SELECT term, ${place}, mark FROM ${table}`);
    if (someChanged(rows.iterate(), ([term, at, mark]) => mark === null || mark === termMark(term, at))) {
      yield `an entry of ${table} has changed`;
    }
  }
  const ids = db.prepare<IdEntry>("SELECT id, position, mark FROM explicit_ids");
  if (someChanged(ids.iterate(), isIdFit)) yield "an entry of explicit_ids has changed";
}

function someChanged<Row>(rows: Iterable<Row>, isFit: (row: Row) => boolean): boolean {
  for (const row of rows) if (!isFit(row)) return true;
  return false;
}

/** The position of the event that has this id, by the index; undefined when there is none. @throws `STORE_DAMAGED` */
export function findIdPosition(statements: Statements, id: string, store: string): number | undefined {
  // The entry, or the first one behind its place.
  const entry = statements
    .prepare<IdEntry>("SELECT id, position, mark FROM explicit_ids WHERE id >= ? ORDER BY id LIMIT 1")
    .get(id);
  if (entry !== undefined) checkId(entry, store);
  if (entry?.[0] === id) return entry[1];
  const before = statements
    .prepare<IdEntry>("SELECT id, position, mark FROM explicit_ids WHERE id < ? ORDER BY id DESC LIMIT 1")
    .get(id);
  if (before !== undefined) checkId(before, store);
  return undefined;
}

type IdEntry = [id: string, position: number, mark: SqlValue];

function checkId(entry: IdEntry, store: string): void {
  if (!isIdFit(entry)) throw damagedIndex(store, "the index of event ids has an entry that has changed");
}

/** In a damaged file a column may hold anything. */
function isIdFit([id, position, mark]: IdEntry): boolean {
  return typeof id === "string" && (mark === null || mark === idMark(id, position));
}

function damagedIndex(store: string, problem: string): HithertoError {
  return new HithertoError("STORE_DAMAGED", { store, problem });
}
