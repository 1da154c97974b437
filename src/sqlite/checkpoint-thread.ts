/**
 * The checkpoint thread: moves the write-ahead log into the database while the writer thread goes on writing, through
 * a connection of its own. SQLite allows one checkpointer beside one writer.
 *
 * Two things are gained. The log never holds much that is not in the database yet, so that beginning it again, which
 * only the writer can do, takes a moment instead of a quarter of a second. And it is begun again soon: writing over a
 * file costs half of what writing to its growing end costs.
 *
 * It sleeps while nothing has been committed since its last checkpoint, and never checkpoints more often than every
 * {@link pauseMs}. What fails here, for lack of space say, loses nothing: all of it is in the log, the next checkpoint
 * goes on from there, and whether the store can be written to, the next write tells.
 */
import { workerData } from "node:worker_threads";
import { openDatabase } from "./driver.ts";
import type { Database } from "./driver.ts";
import { isSqliteError } from "./sql-errors.ts";

/** What the thread is started with. */
export interface CheckpointThreadData {
  readonly path: string;
  /** Two Int32: groups committed so far, and whether to end. */
  readonly commits: SharedArrayBuffer;
}

/** The least time from one checkpoint to the next. */
const pauseMs = 50;

function main({ path, commits }: CheckpointThreadData): void {
  const db = openDatabase(path, { isReadOnly: false, busyTimeoutMs: 0 });
  db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  const shared = new Int32Array(commits);
  let done = 0;
  while (Atomics.load(shared, 1) === 0) {
    const seen = Atomics.load(shared, 0);
    if (seen === done) {
      Atomics.wait(shared, 0, seen);
      continue;
    }
    tryCheckpoint(db);
    done = seen;
    Atomics.wait(shared, 1, 0, pauseMs);
  }
  db.close();
}

function tryCheckpoint(db: Database): void {
  try {
    db.exec("PRAGMA wal_checkpoint(PASSIVE)");
  } catch (error) {
    if (!isSqliteError(error)) throw error;
  }
}

main(workerData as CheckpointThreadData);
