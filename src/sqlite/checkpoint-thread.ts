/**
 * The checkpoint thread: moves the write-ahead log into the database while the writer thread goes on writing, through
 * a connection of its own. SQLite allows one checkpointer beside one writer.
 *
 * Two things are gained. The log never holds much that is not in the database yet, so that beginning it again, which
 * only the writer can do, takes a moment instead of a quarter of a second. And it is begun again soon: writing over a
 * file costs half of what writing to its growing end costs.
 *
 * It sleeps while nothing has been committed since its last checkpoint, and never checkpoints more often than every
 * {@link pauseMs}.
 */
import { workerData } from "node:worker_threads";
import { openDatabase } from "./driver.ts";
import { runThread } from "./run-thread.ts";
import { StoreFile } from "./store-file.ts";
import type { FileIdentity } from "./store-file.ts";
import { tryCheckpoint } from "./try-checkpoint.ts";

/** What the thread is started with. */
export interface CheckpointThreadData {
  readonly path: string;
  readonly files: FileIdentity | undefined;
  readonly syncs: SharedArrayBuffer | undefined;
  /** Two Int32: groups committed so far, and whether to end. */
  readonly commits: SharedArrayBuffer;
}

/** The least time from one checkpoint to the next. */
const pauseMs = 50;

function main({ path, files, syncs, commits }: CheckpointThreadData, started: () => void): void {
  const file = new StoreFile(path, files, syncs);
  file.check();
  const db = openDatabase(path, { isReadOnly: false, busyTimeoutMs: 0 });
  db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0");
  const shared = new Int32Array(commits);
  let done = 0;
  started();
  while (Atomics.load(shared, 1) === 0) {
    const seen = Atomics.load(shared, 0);
    if (seen === done) {
      Atomics.wait(shared, 0, seen);
      continue;
    }
    tryCheckpoint(db, file);
    done = seen;
    Atomics.wait(shared, 1, 0, pauseMs);
  }
  db.close();
}

const data = workerData as CheckpointThreadData;
await runThread(data.path, (started) => main(data, started));
