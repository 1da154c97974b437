/**
 * Frees the space of hidden events.
 *
 * Only whole commits at the beginning of a stream go: those of which every event is hidden. Their positions stay
 * behind in `holes`, so that no position is ever used twice and no reader takes the gap for damage; the stream's
 * `last_revision` stays behind, so that its numbering goes on.
 */
import type { CommitRow } from "./commit-row.ts";
import { checkRow, commitColumns, recordsOf } from "./commit-row.ts";
import type { Database } from "./driver.ts";
import type { LogReader } from "./log-reader.ts";
import { firstKeptRevision } from "./stream-policies.ts";
import type { PolicyRow } from "./stream-policies.ts";
import { termOf } from "./terms.ts";

/** Commits reclaimed in one transaction, so that appends in between wait only briefly. */
const commitsAtOnce = 500;

/** Reclaims through the writer's connection, inside its transaction. */
export class Reclaimer {
  readonly #db: Database;
  readonly #store: string;
  readonly #reader: LogReader;
  readonly #clock: () => number;

  constructor(db: Database, store: string, reader: LogReader, clock: () => number) {
    this.#db = db;
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Reclaims some commits; returns how many events they held, 0 when nothing is left to reclaim. */
  reclaimSome(): number {
    let events = 0;
    let commits = 0;
    for (const [stream, policy] of this.#reader.policies.entries()) {
      const rows = this.#hiddenRows(stream, policy, commitsAtOnce - commits);
      if (rows.length === 0) continue;
      this.#keepLastRevision(stream);
      for (const row of rows) this.#remove(row);
      events += rows.reduce((sum, row) => sum + row[3], 0);
      commits += rows.length;
      if (commits >= commitsAtOnce) break;
    }
    if (commits > 0) this.#db.exec("UPDATE counters SET value = value + 1 WHERE name = 'policy_changes'");
    return events;
  }

  /** The first commits of a stream, as far as all their events are hidden. */
  #hiddenRows(stream: string, policy: PolicyRow, limit: number): readonly CommitRow[] {
    const firstKept = firstKeptRevision(policy, this.#reader.lastRevision(stream));
    const rows = this.#db
      .prepare<CommitRow>(`SELECT ${commitColumns} FROM commits WHERE stream = ? ORDER BY revision LIMIT ?`)
      .all(stream, limit);
    const end = rows.findIndex((row) => row[2] + row[3] > firstKept && !this.#isTooOld(row, policy));
    return end < 0 ? rows : rows.slice(0, end);
  }

  #isTooOld(row: CommitRow, { maxAgeMs }: PolicyRow): boolean {
    if (maxAgeMs === undefined) return false;
    checkRow(row, this.#store);
    const oldest = this.#clock() - maxAgeMs;
    return recordsOf(row, this.#store).every(({ recordedAt }) => {
      return (recordedAt === undefined ? row[4] : Date.parse(recordedAt)) < oldest;
    });
  }

  #keepLastRevision(stream: string): void {
    const last = this.#reader.lastRevision(stream);
    this.#db.prepare("UPDATE stream_policies SET last_revision = ? WHERE stream = ?").run(last, stream);
  }

  #remove(row: CommitRow): void {
    checkRow(row, this.#store);
    const [position, , , events] = row;
    for (const { id, tags = [], metadata } of recordsOf(row, this.#store)) {
      for (const tag of tags) this.#removeTerm(termOf("tag", tag), position);
      if (metadata?.correlationId !== undefined) {
        this.#removeTerm(termOf("correlation", metadata.correlationId), position);
      }
      if (id !== undefined) this.#db.prepare("DELETE FROM explicit_ids WHERE id = ?").run(id);
    }
    this.#db.prepare("DELETE FROM commits WHERE position = ?").run(position);
    this.#digHole(position, events);
  }

  #removeTerm(term: number, position: number): void {
    this.#db.prepare("DELETE FROM term_commits WHERE term = ? AND position = ?").run(term, position);
  }

  /** Neighbouring holes become one. */
  #digHole(position: number, events: number): void {
    const nearest = this.#db
      .prepare<[number, number]>(
        "SELECT position, events FROM holes WHERE position < ? ORDER BY position DESC LIMIT 1",
      )
      .get(position);
    const before = nearest !== undefined && nearest[0] + nearest[1] === position ? nearest : undefined;
    const after = this.#db
      .prepare<[number]>("SELECT events FROM holes WHERE position = ?")
      .get(position + events);
    if (after !== undefined) this.#db.prepare("DELETE FROM holes WHERE position = ?").run(position + events);
    const total = events + (before?.[1] ?? 0) + (after?.[0] ?? 0);
    this.#db.prepare("INSERT OR REPLACE INTO holes VALUES (?, ?)").run(before?.[0] ?? position, total);
  }
}
