/**
 * Whether what stands in the write-ahead log has reached the disk, as far as syncs tell.
 *
 * When a sync fails, the system takes the pages that it could not write for clean: it keeps them in memory and never tries
 * again, and the next sync succeeds. What that one acknowledges may then stand behind a hole in the file, and after a loss of
 * power SQLite takes the hole for the end of the log. Commits that were never synced on their own are part of the hole.
 *
 * So a failed sync, by whichever thread of a handle, makes the log suspect. Nothing is acknowledged and nothing is moved
 * into the database until the whole log has been written once more and synced. That is done under the write lock, so nobody
 * writes to it meanwhile, and with the same bytes, so it may be interrupted anywhere. A handle that never gets there closes
 * without a checkpoint, and whoever opens the file next, alone, begins with it: see `secureLog` in `schema.ts`.
 */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { HithertoError } from "../core/errors.ts";
import { isSqliteError } from "./sql-errors.ts";

/** `SQLITE_IOERR_FSYNC` and `SQLITE_IOERR_DIR_FSYNC`. */
const syncFaults: ReadonlySet<number> = new Set([10 | (4 << 8), 10 | (5 << 8)]);

const chunkBytes = 1024 * 1024;

/** Two Int32, shared by the threads of a handle: syncs that failed, and how many of them have been made up for. */
export function shareSyncs(): SharedArrayBuffer {
  return new SharedArrayBuffer(8);
}

/** The write-ahead log of one handle, as one thread sees it. */
export class WalTrust {
  readonly #store: string;
  readonly #syncs: Int32Array;

  constructor(store: string, syncs: SharedArrayBuffer) {
    this.#store = store;
    this.#syncs = new Int32Array(syncs);
  }

  get isSuspect(): boolean {
    return Atomics.load(this.#syncs, 0) !== Atomics.load(this.#syncs, 1);
  }

  /** To be told of every error. */
  note(error: unknown): void {
    if (isSyncError(error)) Atomics.add(this.#syncs, 0, 1);
  }

  /** Before something counts as synced. @throws `STORE_IO` */
  check(): void {
    if (this.isSuspect) throw this.#failure("what was committed may not be on the disk");
  }

  /** To be called under the write lock before anything is written. @throws `STORE_IO` */
  secure(): void {
    const failures = Atomics.load(this.#syncs, 0);
    if (failures === Atomics.load(this.#syncs, 1)) return;
    try {
      rewriteLog(this.#store);
    } catch (error) {
      throw this.#failure("it could not be written once more, and nothing was stored", error);
    }
    Atomics.store(this.#syncs, 1, failures);
  }

  #failure(consequence: string, cause?: unknown): HithertoError {
    const problem = `a sync of its write-ahead log failed; ${consequence}`;
    return new HithertoError("STORE_IO", { store: this.#store, problem }, { cause });
  }
}

function isSyncError(error: unknown): boolean {
  if (isSqliteError(error)) return syncFaults.has(error.errcode);
  const { syscall } = error as NodeJS.ErrnoException;
  return error instanceof Error && (syscall === "fdatasync" || syscall === "fsync");
}

/** Writes the log over itself and syncs it. Opening it does not touch SQLite's locks, which are on the other files. */
export function rewriteLog(path: string): void {
  const file = openSync(`${path}-wal`, "r+");
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let at = 0; ;) {
      const length = readSync(file, chunk, 0, chunkBytes, at);
      if (length === 0) break;
      for (let done = 0; done < length;) done += writeSync(file, chunk, done, length - done, at + done);
      at += length;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
