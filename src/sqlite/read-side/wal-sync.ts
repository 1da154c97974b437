/**
 * Waits until what has been committed is on the disk, without stopping the event loop.
 *
 * A commit with `synchronous = NORMAL` has been written to the write-ahead log, but not synced. Syncing that file is
 * enough, whatever has happened to it since: a checkpoint syncs the log before it copies pages out of it and the database
 * before it lets the log be begun again, so what is no longer in the log is in the database, and synced. The file itself
 * stays the same one as long as a connection is open (`store-file.ts`).
 *
 * One sync answers for all who asked before it began; those who ask while it runs share the next one.
 */
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import type { StoreFile } from "../store-file.ts";

const sync = promisify(fdatasync);

/** Syncs the write-ahead log of one database. */
export class WalSync {
  readonly #database: StoreFile;
  readonly #path: string;
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** `file`: that of the database, which is looked at before what was synced counts. */
  constructor(file: StoreFile) {
    this.#database = file;
    this.#path = `${file.path}-wal`;
  }

  /** Resolves when everything committed before the call has survived the loss of power. */
  wait(): Promise<void> {
    if (this.#running === undefined) return this.#begin();
    this.#next ??= this.#running.catch(() => undefined).then(() => this.#begin());
    return this.#next;
  }

  /** To be called when nobody waits any more. */
  close(): void {
    // Closing it does not touch SQLite's locks, which are on the other two files.
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#file ??= openSync(this.#path, "r+");
    // After it was opened, so that it was the one that belongs to the database; and again, since that may change any time.
    this.#database.check();
    const synced = sync(this.#file).then(() => {
      this.#database.checkCommitted();
      this.#database.log.check();
    });
    this.#running = synced.finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
