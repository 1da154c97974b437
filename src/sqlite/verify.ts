/**
 * Looks at everything in a store's file and compares it with everything else. Changes nothing.
 *
 * Looked at are the file itself (SQLite's own check), each commit's checksum and records, positions and revisions
 * without a gap that nothing explains, and the indexes in both directions: each commit is found by all it should be
 * found by, and the indexes hold no more entries than that. Then every other row that has a checksum, and whether it can be
 * (`verify-rows.ts`). Rows are looked at one by one, so that large ones do not add up. It runs in a thread of its own, with
 * its own connection.
 */
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { categoryOf } from "../core/event.ts";
import type { EventRecord } from "../store/encode-append.ts";
import type { VerifyOptions, VerifyProblem, VerifyReport } from "../store/event-store.ts";
import { checkRow, commitColumns, recordsOf } from "./commit-row.ts";
import type { CommitRow } from "./commit-row.ts";
import type { Database } from "./driver.ts";
import { Statements } from "./row-source.ts";
import type { ThreadMessage } from "./run-thread.ts";
import type { ConnectOptions } from "./schema.ts";
import { isBusy, toStoreError } from "./sql-errors.ts";
import { startThread } from "./start-thread.ts";
import { blockOf, termOf } from "./terms.ts";
import { rowChecks } from "./verify-rows.ts";

/** What the verifying thread says. */
export type VerifyMessage =
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  | { readonly kind: "report"; readonly report: VerifyReport };

const problemsKept = 100;
const rowsPerProgress = 500;

/** Verifies a file in a thread of its own. @throws `ABORTED`, `THREAD_NOT_STARTED`, and what opening the file throws. */
export async function verifyInThread(connect: ConnectOptions, options: VerifyOptions): Promise<VerifyReport> {
  const { worker, ended } = startThread("verify", connect.path, { workerData: connect });
  return new Promise<VerifyReport>((resolve, reject) => {
    const abort = (): void => {
      reject(new HithertoError("ABORTED", { operation: "verify" }, { cause: options.signal?.reason }));
      void worker.terminate();
    };
    options.signal?.addEventListener("abort", abort, { once: true });
    void ended.then((failure) => {
      options.signal?.removeEventListener("abort", abort);
      reject(failure ?? new TypeError("the thread is done, and has not reported"));
    });
    const progress = (done: number, total: number): void => {
      try {
        options.onProgress?.(done, total);
      } catch (error) {
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- it is the caller's own
        reject(error);
        void worker.terminate();
      }
    };
    worker.on("message", (message: VerifyMessage | ThreadMessage) => {
      if (message.kind === "progress") progress(message.done, message.total);
      else if (message.kind === "report") resolve(message.report);
    });
  });
}

/** Verifies through an open connection; `onProgress` is told the position reached and the last one. */
export function verifyFile(
  db: Database,
  store: string,
  onProgress: (done: number, total: number) => void,
): VerifyReport {
  return new Verification(db, store, onProgress).run();
}

class Verification {
  readonly #db: Database;
  readonly #store: string;
  readonly #onProgress: (done: number, total: number) => void;
  readonly #statements: Statements;
  readonly #problems: VerifyProblem[] = [];
  #problemCount = 0;
  #events = 0;
  #head = 0;
  #streams = 0;
  #terms = 0;
  #ids = 0;
  readonly #blockMarks = new Map<number, number>();

  constructor(db: Database, store: string, onProgress: (done: number, total: number) => void) {
    this.#db = db;
    this.#store = store;
    this.#onProgress = onProgress;
    this.#statements = new Statements(db);
  }

  run(): VerifyReport {
    // One view of the log for all checks, however long they take.
    this.#guard(() => this.#db.exec("BEGIN"));
    this.#guard(() => this.#checkFile());
    this.#guard(() => this.#checkCommits());
    this.#guard(() => this.#checkStreams());
    this.#guard(() => this.#checkCounts());
    for (const check of rowChecks) this.#guard(() => this.#checkRows(check));
    this.#guard(() => this.#db.exec("COMMIT"));
    return {
      isSound: this.#problemCount === 0,
      events: this.#events,
      streams: this.#streams,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  #report(problem: VerifyProblem): void {
    this.#problemCount++;
    if (this.#problems.length < problemsKept) this.#problems.push(problem);
  }

  /** What SQLite itself cannot read any more is a problem like others; it ends only the check that met it. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      // It is no damage; SQLite has waited as long as the connection allows.
      if (isBusy(error)) throw toStoreError(error, this.#store, this.#busyTimeoutMs());
      this.#report({ kind: "file", message: toStoreError(error, this.#store).message });
    }
  }

  #busyTimeoutMs(): number {
    return this.#db.prepare<[number]>("PRAGMA busy_timeout").get()?.[0] ?? 0;
  }

  #checkFile(): void {
    for (const [message] of this.#db.prepare<[string]>(`PRAGMA integrity_check(${problemsKept})`).all()) {
      if (message !== "ok") this.#report({ kind: "file", message });
    }
  }

  #checkCommits(): void {
    // One row after the other, since a single one may be large.
    const rows = this.#db
      .prepare<CommitRow>(`SELECT ${commitColumns} FROM commits ORDER BY position`)
      .iterate();
    const holes = this.#holes();
    const total = this.#lastPosition();
    let expected = 1;
    let last = 0;
    let untilProgress = rowsPerProgress;
    for (const row of rows) {
      if (row[0] <= last) throw outOfOrder(this.#store);
      expected = holes.skip(expected);
      if (row[0] !== expected) this.#reportGap(expected, row);
      this.#checkCommit(row);
      last = row[0];
      expected = row[0] + row[3];
      if (--untilProgress > 0) continue;
      untilProgress = rowsPerProgress;
      this.#onProgress(Math.min(expected - 1, total), total);
    }
    this.#onProgress(Math.min(expected - 1, total), total);
    this.#head = holes.skip(expected) - 1;
    this.#checkEnd(this.#head + 1);
  }

  /** The holes in order, each passed once the walk has reached it. */
  #holes(): { readonly skip: (from: number) => number } {
    const select = this.#db.prepare<[number, number]>("SELECT position, events FROM holes ORDER BY position");
    const rows = select.iterate()[Symbol.iterator]();
    let hole = rows.next();
    return {
      skip: (from) => {
        let expected = from;
        while (hole.done !== true && hole.value[0] <= expected) {
          expected = Math.max(expected, hole.value[0] + hole.value[1]);
          hole = rows.next();
        }
        return expected;
      },
    };
  }

  /** The head that was noted at the last pause must have been reached. */
  #checkEnd(end: number): void {
    const noted =
      this.#db.prepare<[number]>("SELECT value FROM counters WHERE name = 'head'").get()?.[0] ?? 0;
    if (noted < end) return;
    this.#report({ kind: "position", message: `positions ${end} to ${noted} are missing`, position: end });
  }

  #lastPosition(): number {
    const last = this.#db.prepare<[number]>(
      "SELECT position + events - 1 FROM commits ORDER BY position DESC LIMIT 1",
    );
    return last.get()?.[0] ?? 0;
  }

  #reportGap(expected: number, row: CommitRow): void {
    const message =
      row[0] > expected
        ? `positions ${expected} to ${row[0] - 1} are missing`
        : `position ${row[0]} is taken by the commit before it`;
    this.#report({ kind: "position", message, position: row[0], stream: row[1] });
  }

  #checkCommit(row: CommitRow): void {
    const [position, stream, revision] = row;
    this.#events += row[3];
    try {
      checkRow(row, this.#store);
      this.#checkIndexes(row, recordsOf(row, this.#store));
    } catch (error) {
      if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
      this.#report({ kind: "checksum", message: error.details.problem, position, stream });
    }
    const found = this.#statements
      .prepare<[number]>(
        "SELECT position FROM commits INDEXED BY commits_by_stream WHERE stream = ? AND revision = ?",
      )
      .get(stream, revision);
    if (found?.[0] !== position) this.#reportIndex(row, `revision ${revision} of its stream`);
  }

  #checkIndexes(row: CommitRow, stored: ReadonlyArray<EventRecord | null>): void {
    const [position, stream] = row;
    const terms = new Map<number, string>();
    const records = stored.filter((record) => record !== null);
    this.#events -= stored.length - records.length;
    for (const record of records) {
      const { id, tags = [], metadata } = record;
      for (const tag of tags) terms.set(termOf("tag", tag), `tag ${tag}`);
      const correlationId = metadata?.correlationId;
      if (correlationId !== undefined) {
        terms.set(termOf("correlation", correlationId), `correlation id ${correlationId}`);
      }
      if (id !== undefined) this.#checkId(row, id, position + stored.indexOf(record));
    }
    for (const [term, words] of terms) {
      const found = this.#statements.prepare("SELECT 1 FROM term_commits WHERE term = ? AND position = ?");
      if (found.get(term, position) === undefined) this.#reportIndex(row, words);
    }
    this.#terms += terms.size;
    for (const type of new Set(records.map((record) => record.type))) {
      this.#checkBlock(row, termOf("type", type), `type ${type}`);
    }
    this.#checkBlock(row, termOf("category", categoryOf(stream)), `category ${categoryOf(stream)}`);
  }

  #checkId(row: CommitRow, id: string, position: number): void {
    this.#ids++;
    const found = this.#statements
      .prepare<[number]>("SELECT position FROM explicit_ids WHERE id = ?")
      .get(id);
    if (found?.[0] !== position) this.#reportIndex(row, `event id ${id}`);
  }

  #checkBlock(row: CommitRow, term: number, words: string): void {
    const block = blockOf(row[0]);
    if (this.#blockMarks.get(term) === block) return;
    const found = this.#statements
      .prepare("SELECT 1 FROM term_blocks WHERE term = ? AND block = ?")
      .get(term, block);
    if (found === undefined) this.#reportIndex(row, words);
    else this.#blockMarks.set(term, block);
  }

  #reportIndex(row: CommitRow, words: string): void {
    this.#report({
      kind: "index",
      message: `the commit is not found by its ${words}`,
      stream: row[1],
      position: row[0],
    });
  }

  /** Walks all streams by the index: revisions follow each other, beginning at 0 unless some were reclaimed. */
  #checkStreams(): void {
    const rows = this.#db
      .prepare<[string, number, number, number]>(
        `SELECT stream, revision, events, position FROM commits INDEXED BY commits_by_stream ORDER BY stream, revision`,
      )
      .iterate();
    const hasPolicy = this.#db.prepare("SELECT 1 FROM stream_policies WHERE stream = ?");
    let [last, next, lastPosition] = ["", 0, 0];
    for (const [stream, revision, events, position] of rows) {
      if (isBehind([stream, revision], [last, next - 1])) throw outOfOrder(this.#store);
      if (stream !== last) {
        this.#streams++;
        [last, next, lastPosition] = [stream, hasPolicy.get(stream) === undefined ? 0 : revision, 0];
      }
      if (revision !== next || position <= lastPosition) {
        const message = `revision ${next} was expected, ${revision} found`;
        this.#report({ kind: "revision", message, stream, position });
      }
      [next, lastPosition] = [revision + events, position];
    }
  }

  #checkRows(check: (typeof rowChecks)[number]): void {
    const file = { db: this.#db, store: this.#store, head: this.#head };
    for (const problem of check(file)) this.#report(problem);
  }

  #checkCounts(): void {
    const count = (table: string): number =>
      this.#db.prepare<[number]>(`SELECT count(*) FROM ${table}`).get()![0];
    for (const [table, expected] of [
      ["term_commits", this.#terms],
      ["explicit_ids", this.#ids],
    ] as const) {
      const found = count(table);
      if (found === expected) continue;
      this.#report({
        kind: "index",
        message: `${table} holds ${found} entries where ${expected} were expected`,
      });
    }
  }
}

/** An index in disorder would otherwise lead around in circles. */
function isBehind(key: readonly [string, number], before: readonly [string, number]): boolean {
  const byStream = Buffer.compare(Buffer.from(key[0]), Buffer.from(before[0]));
  return byStream < 0 || (byStream === 0 && key[1] < before[1]);
}

function outOfOrder(store: string): HithertoError {
  return new HithertoError("STORE_DAMAGED", { store, problem: "its pages are out of order" });
}
