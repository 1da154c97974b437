/**
 * Frees the space of hidden events.
 *
 * Only whole commits at the beginning of a stream go: those of which every event is hidden. Their positions stay
 * behind in `holes`, so that no position is ever used twice and no reader takes the gap for damage; the stream's
 * `last_revision` stays behind, so that its numbering goes on.
 */
import type { CommitRow } from "./commit-row.ts";
import { checkRow, commitColumns, recordsOf } from "./commit-row.ts";
import type { Database, Statement } from "./driver.ts";
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
  readonly #firstCommit: Statement<CommitRow>;
  /** The stream at which the next call begins. */
  #next = "";

  constructor(db: Database, store: string, reader: LogReader, clock: () => number) {
    this.#db = db;
    this.#store = store;
    this.#reader = reader;
    this.#clock = clock;
    this.#firstCommit = db.prepare(
      `SELECT ${commitColumns} FROM commits WHERE stream = ? ORDER BY revision LIMIT 1`,
    );
  }

  /**
   * Reclaims some commits; returns how many events they held, 0 when nothing is left to reclaim. Goes on at the stream
   * where the last call stopped, so that what has been looked through need not be looked through for each.
   */
  reclaimSome(): number {
    const { policies } = this.#reader;
    const streams = Array.from(policies.entries(), ([stream]) => stream);
    const start = Math.max(0, streams.indexOf(this.#next));
    let [commits, events] = [0, 0];
    for (let step = 0; step < streams.length && commits < commitsAtOnce; step++) {
      this.#next = streams[(start + step) % streams.length]!;
      const sizes = this.#reclaimStream(this.#next, policies.find(this.#next)!, commitsAtOnce - commits);
      commits += sizes.length;
      for (const size of sizes) events += size;
    }
    return events;
  }

  /** Reclaims the first commits of a stream, as far as all their events are hidden; returns how many each held. */
  #reclaimStream(stream: string, policy: PolicyRow, limit: number): readonly number[] {
    const lastRevision = this.#reader.lastRevision(stream);
    const firstKept = firstKeptRevision(policy, lastRevision);
    const sizes: number[] = [];
    while (sizes.length < limit) {
      const row = this.#firstCommit.get(stream);
      if (row === undefined || !(row[2] + row[3] <= firstKept || this.#isTooOld(row, policy))) break;
      this.#remove(row);
      sizes.push(row[3]);
    }
    if (sizes.length > 0) this.#reader.policies.save(stream, { ...policy, lastRevision });
    return sizes;
  }

  #isTooOld(row: CommitRow, { maxAgeMs }: PolicyRow): boolean {
    if (maxAgeMs === undefined) return false;
    checkRow(row, this.#store);
    const oldest = this.#clock() - maxAgeMs;
    return recordsOf(row, this.#store).every(({ recordedAt }) => {
      return (recordedAt === undefined ? row[4] : Date.parse(recordedAt)) < oldest;
    });
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
