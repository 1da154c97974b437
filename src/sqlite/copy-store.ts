/**
 * Copies a store into another file while processes write to it, verifies the copy, and only then gives it its name.
 * `docs/adr/0020-backups.md` says why it is done so. It runs in a thread of its own (`backup-thread.ts`).
 *
 * The pages are read in one read transaction, so the copy is the store of one moment: a prefix of the log, with the read
 * models, checkpoints and snapshots of that moment. Writers go on meanwhile; only the write-ahead log of the source
 * cannot be begun again before the copy is complete.
 *
 * Until it is complete, verified and synced, the copy has a name of its own next to the final one; a process that dies
 * leaves it there, and the next copy to the same name removes it (`partial-file.ts`).
 */
import { closeSync, openSync, statSync } from "node:fs";
import { HithertoError } from "../core/errors.ts";
import { machineNowMs } from "../store/clock.ts";
import type { BackupReport } from "../store/event-store.ts";
import type { Database } from "./driver.ts";
import { openDatabase } from "./driver.ts";
import { LogReader } from "./log-reader.ts";
import { inFileWords, publish } from "./partial-file.ts";
import type { PartialFile } from "./partial-file.ts";
import { checkFile, connect, formatVersion } from "./schema.ts";
import { isSqliteError, toStoreError } from "./sql-errors.ts";
import { StoreFile } from "./store-file.ts";
import type { FileIdentity } from "./store-file.ts";
import { verifyFile } from "./verify.ts";

/** What is to be copied where. */
export interface CopyJob {
  readonly source: string;
  /** Those of the handle that is backed up. */
  readonly files?: FileIdentity | undefined;
  readonly file: PartialFile;
  /** Whether a source of an older format is copied too, and the copy migrated to this format. */
  readonly migrates: boolean;
  readonly busyTimeoutMs: number;
  readonly cacheBytes: number;
}

/** Told how far a copy has come: `copy` in bytes, then `verify` in events. */
export type CopyProgress = (done: number, total: number, step: "copy" | "verify") => void;

/** `SQLITE_FULL` and `SQLITE_CANTOPEN`: reading the source gives neither. */
const targetFaults: ReadonlySet<number> = new Set([13, 14]);

/** Makes, verifies and publishes a copy. @throws `STORE_DAMAGED`, `FILE_UNWRITABLE`, and what opening the source throws */
export async function copyStore(job: CopyJob, onProgress: CopyProgress): Promise<BackupReport> {
  const { source, file } = job;
  const db = openSource(job);
  try {
    // Not more open to others than the store is.
    const mode = statSync(source).mode & 0o666;
    inFileWords(file.target, () => closeSync(openSync(file.path, "wx", mode)));
    await copyPages(db, job, onProgress);
    new StoreFile(source, job.files).check();
  } finally {
    db.close();
  }
  if (job.migrates) migrateCopy(job);
  const report = verifyCopy(job, (done, total) => onProgress(done, total, "verify"));
  publish(file);
  return report;
}

/** Checked like a store that is opened, but for its format where that may be older. */
function openSource({ source, files, migrates, busyTimeoutMs, cacheBytes }: CopyJob): Database {
  if (!migrates) {
    return connect({ path: source, files, mode: "read", durability: "fsync", busyTimeoutMs, cacheBytes });
  }
  try {
    return checkFile(source, busyTimeoutMs);
  } catch (error) {
    throw toStoreError(error, source, busyTimeoutMs);
  }
}

async function copyPages(db: Database, { source, file }: CopyJob, onProgress: CopyProgress): Promise<void> {
  try {
    db.exec("BEGIN");
    // Without a read, the transaction has not begun, and each write of another process would begin the copy again.
    db.prepare("SELECT count(*) FROM sqlite_schema").get();
    await db.copyTo(file.path, (done, total) => onProgress(done, total, "copy"));
  } catch (error) {
    if (isSqliteError(error) && targetFaults.has(error.errcode & 0xff)) {
      const problem = (error.errcode & 0xff) === 13 ? "no space is left on the disk" : error.message;
      throw new HithertoError("FILE_UNWRITABLE", { file: file.target, problem }, { cause: error });
    }
    throw toStoreError(error, source);
  }
}

function migrateCopy({ file, busyTimeoutMs, cacheBytes }: CopyJob): void {
  connect({ path: file.path, mode: "write", durability: "fsync", busyTimeoutMs, cacheBytes }).close();
}

/** Nobody else has the copy open, so it can be read without the files that SQLite keeps next to a database. */
function verifyCopy(
  { source, file, busyTimeoutMs }: CopyJob,
  onProgress: (done: number, total: number) => void,
): BackupReport {
  const db = openDatabase(file.path, { isReadOnly: true, isImmutable: true, busyTimeoutMs });
  try {
    const { isSound, problems, problemCount, events, streams } = verifyFile(db, source, onProgress);
    if (!isSound) {
      const more = problemCount === 1 ? "" : `, the first of ${problemCount} problems`;
      const problem = `a copy of it does not verify: ${problems[0]?.message}${more}`;
      throw new HithertoError("STORE_DAMAGED", { store: source, problem });
    }
    const head = new LogReader(db, source, machineNowMs).head();
    return {
      path: file.target,
      head,
      events,
      streams,
      format: formatVersion,
      bytes: statSync(file.path).size,
    };
  } finally {
    db.close();
  }
}
