/**
 * Frees the space of hidden events.
 *
 * Only whole commits at the beginning of a stream go: those of which every event is hidden. Their positions stay
 * behind in `holes`, so that no position is ever used twice and no reader takes the gap for damage; the stream's
 * `last_revision` stays behind, so that its numbering goes on.
 *
 * Erasing goes further: in the commits that stay, the records of hidden events become null, and what leads to them leaves
 * the indexes. Snapshots of streams that hide events go, since they may hold what those said.
 */
import type { EventRecord } from "../store/encode-append.ts";
import type { CommitRow } from "./commit-row.ts";
import { checkRow, checksumOf, commitColumns, recordsOf } from "./commit-row.ts";
import type { Database, Statement } from "./driver.ts";
import { checkHole, holeColumns, saveHole } from "./hole-rows.ts";
import type { HoleRow } from "./hole-rows.ts";
import type { LogReader } from "./log-reader.ts";
import { firstKeptRevision, hides } from "./stream-policies.ts";
import type { PolicyRow } from "./stream-policies.ts";
import { termOf } from "./terms.ts";

type Records = ReadonlyArray<EventRecord | null>;

/** Commits reclaimed in one transaction, so that appends in between wait only briefly. */
const commitsAtOnce = 500;

/** Reclaims through the writer's connection, inside its transaction. */
export class Reclaimer {
  readonly #db: Database;
  readonly #store: string;
  readonly #reader: LogReader;
  readonly #clock: () => number;
  readonly #firstCommit: Statement<CommitRow>;
  readonly #nextCommit: Statement<CommitRow>;
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
    this.#nextCommit = db.prepare(
      `SELECT ${commitColumns} FROM commits WHERE stream = ? AND revision > ? ORDER BY revision LIMIT 1`,
    );
  }

  /**
   * Reclaims some commits; returns how many events they held, 0 when nothing is left to reclaim. Goes on at the stream
   * where the last call stopped, so that what has been looked through need not be looked through for each.
   */
  reclaimSome(isErasing: boolean): number {
    const { policies } = this.#reader;
    const streams = Array.from(policies.entries(), ([stream]) => stream);
    const start = Math.max(0, streams.indexOf(this.#next));
    let [commits, events] = [0, 0];
    for (let step = 0; step < streams.length && commits < commitsAtOnce; step++) {
      this.#next = streams[(start + step) % streams.length]!;
      const sizes = this.#reclaimStream(this.#next, policies.find(this.#next)!, commitsAtOnce - commits);
      commits += sizes.length;
      for (const size of sizes) events += size;
      if (isErasing && commits < commitsAtOnce) {
        const erased = this.#eraseWithin(this.#next, policies.find(this.#next)!);
        commits += erased;
        events += erased;
      }
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

  /** Erases the hidden events of the commits that stay; returns how many. */
  #eraseWithin(stream: string, policy: PolicyRow): number {
    const last = this.#reader.lastRevision(stream);
    const firstKept = firstKeptRevision(policy, last);
    if (firstKept === 0 && policy.maxAgeMs === undefined) return 0;
    this.#db.prepare("DELETE FROM snapshots WHERE stream = ?").run(stream);
    const now = this.#clock();
    let erased = 0;
    let row = this.#firstCommit.get(stream);
    while (row !== undefined && (policy.maxAgeMs !== undefined || row[2] < firstKept)) {
      erased += this.#eraseRecords(row, (event) => hides(policy, last, event, now));
      row = this.#nextCommit.get(stream, row[2]);
    }
    return erased;
  }

  #eraseRecords(
    row: CommitRow,
    isHidden: (event: { revision: number; recordedAt: string }) => boolean,
  ): number {
    checkRow(row, this.#store);
    const [position, stream, revision, events, recordedAt, idTime, idRandom] = row;
    const records = recordsOf(row, this.#store);
    const ownMoment = new Date(recordedAt).toISOString();
    const kept = records.map((record, index) => {
      const moment = record?.recordedAt ?? ownMoment;
      return record === null || isHidden({ revision: revision + index, recordedAt: moment }) ? null : record;
    });
    const gone = records.filter((record, index) => record !== null && kept[index] === null);
    if (gone.length === 0) return 0;
    const body = JSON.stringify(kept);
    const columns = [position, stream, revision, events, recordedAt, idTime, idRandom, body] as const;
    this.#db
      .prepare("UPDATE commits SET checksum = ?, body = ? WHERE position = ?")
      .run(checksumOf(columns), body, position);
    this.#removeFromIndexes(gone, position, kept);
    return gone.length;
  }

  #isTooOld(row: CommitRow, { maxAgeMs }: PolicyRow): boolean {
    if (maxAgeMs === undefined) return false;
    checkRow(row, this.#store);
    const oldest = this.#clock() - maxAgeMs;
    return recordsOf(row, this.#store).every((record) => {
      if (record === null) return true;
      return (record.recordedAt === undefined ? row[4] : Date.parse(record.recordedAt)) < oldest;
    });
  }

  #remove(row: CommitRow): void {
    checkRow(row, this.#store);
    const [position, , , events] = row;
    this.#removeFromIndexes(recordsOf(row, this.#store), position);
    this.#db.prepare("DELETE FROM commits WHERE position = ?").run(position);
    this.#digHole(position, events);
  }

  /** Takes what leads to some records of a commit out of the indexes, unless it leads to others, too. */
  #removeFromIndexes(gone: Records, position: number, kept: Records = []): void {
    const keptTerms = new Set(kept.flatMap(termsOf));
    for (const record of gone) {
      for (const term of termsOf(record)) if (!keptTerms.has(term)) this.#removeTerm(term, position);
      if (record?.id !== undefined) {
        this.#db.prepare("DELETE FROM explicit_ids WHERE id = ?").run(record.id);
      }
    }
  }

  #removeTerm(term: number, position: number): void {
    this.#db.prepare("DELETE FROM term_commits WHERE term = ? AND position = ?").run(term, position);
  }

  /** Neighbouring holes become one. */
  #digHole(position: number, events: number): void {
    const nearest = this.#db
      .prepare<HoleRow>(`SELECT ${holeColumns} FROM holes WHERE position < ? ORDER BY position DESC LIMIT 1`)
      .get(position);
    if (nearest !== undefined) checkHole(nearest, this.#store);
    const before = nearest !== undefined && nearest[0] + nearest[1] === position ? nearest : undefined;
    const after = this.#db
      .prepare<HoleRow>(`SELECT ${holeColumns} FROM holes WHERE position = ?`)
      .get(position + events);
    if (after !== undefined) checkHole(after, this.#store);
    if (after !== undefined) this.#db.prepare("DELETE FROM holes WHERE position = ?").run(position + events);
    const total = events + (before?.[1] ?? 0) + (after?.[1] ?? 0);
    saveHole(this.#db, before?.[0] ?? position, total);
  }
}

/** The entries of the exact index that lead to a record. */
function termsOf(record: EventRecord | null): number[] {
  const { tags = [], metadata } = record ?? {};
  const terms = tags.map((tag) => termOf("tag", tag));
  if (metadata?.correlationId !== undefined) terms.push(termOf("correlation", metadata.correlationId));
  return terms;
}
