/**
 * Backups of an embedded store, and stores made of backups: the callers' side of the thread that copies.
 */
import { HithertoError } from "../core/errors.ts";
import type { BackupOptions, BackupReport } from "../store/event-store.ts";
import { checkBackupOptions, checkFilePath } from "../store/read-options.ts";
import type { CopyJob } from "./copy-store.ts";
import { discard, planPartialFile } from "./partial-file.ts";
import type { ThreadMessage } from "./run-thread.ts";
import { checkSqlite } from "./sqlite-version.ts";
import { startThread } from "./start-thread.ts";
import type { Thread } from "./start-thread.ts";
import { resolvePath } from "./store-file.ts";

/** How a store is made of a backup. */
export type RestoreOptions = Omit<BackupOptions, "overwrite">;

/** What the copying thread says. */
export type BackupMessage =
  | {
      readonly kind: "progress";
      readonly done: number;
      readonly total: number;
      readonly step: "copy" | "verify";
    }
  | { readonly kind: "report"; readonly report: BackupReport };

/** How the source is read. */
type Source = Pick<CopyJob, "source" | "files" | "busyTimeoutMs" | "cacheBytes">;

const mebibyte = 1024 * 1024;

/** Backs up an open store; see `EventStore.backup`. */
export async function backupStore(
  source: Source,
  path: string,
  options: BackupOptions,
): Promise<BackupReport> {
  checkFilePath("path", path);
  checkBackupOptions(options, "backup");
  const file = planPartialFile(resolvePath(path), options.overwrite === true);
  return copyInThread("backup", { ...source, file, migrates: false }, options);
}

/**
 * Makes a store of a backup that `backup` made, or of another copy of a store that nobody writes to. The copy is verified
 * before it gets its name. The backup stays as it is; one of an older format is migrated in the copy.
 *
 * Nothing is ever replaced: where a file of that name exists, or a journal (`-wal`, `-shm`, `-journal`) that another
 * database left there, it fails with `FILE_UNWRITABLE`. `docs/guide/backup-and-restore.md` says what else a restored
 * store means: positions that were given out after the backup are given out again.
 *
 * @throws `FILE_UNWRITABLE`; `STORE_DAMAGED` when the backup does not verify; `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`,
 * `STORE_FORMAT_NEWER`, `STORE_IO`, `ARGUMENT_INVALID`, `ABORTED`
 * @example
 * ```ts no-run
 * import { restoreSqliteStore } from "hitherto/sqlite";
 * const { head } = await restoreSqliteStore("backups/bank.db", "bank.db");
 * console.log(`restored up to position ${head}`);
 * ```
 */
export async function restoreSqliteStore(
  backup: string,
  path: string,
  options: RestoreOptions = {},
): Promise<BackupReport> {
  checkFilePath("backup", backup);
  checkFilePath("path", path);
  checkBackupOptions(options, "restore");
  checkSqlite(path);
  const file = planPartialFile(resolvePath(path), false);
  const source = { source: resolvePath(backup), busyTimeoutMs: 30_000, cacheBytes: 32 * mebibyte };
  return copyInThread("restore", { ...source, file, migrates: true }, options);
}

/** Copies in a thread; when it has ended without a report, nothing of the copy is left. */
async function copyInThread(
  operation: "backup" | "restore",
  job: CopyJob,
  options: RestoreOptions,
): Promise<BackupReport> {
  const thread = startThread("backup", job.source, { workerData: job, name: `hitherto-${operation}` });
  try {
    return await reportOf(thread, operation, options);
  } finally {
    await thread.ended;
    discard(job.file);
  }
}

function reportOf(
  { worker, ended }: Thread,
  operation: string,
  { signal, onProgress }: RestoreOptions,
): Promise<BackupReport> {
  return new Promise((resolve, reject) => {
    const stop = (error: unknown): void => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- what the caller's function throws is its own
      reject(error);
      void worker.terminate();
    };
    const abort = (): void => stop(new HithertoError("ABORTED", { operation }, { cause: signal?.reason }));
    signal?.addEventListener("abort", abort, { once: true });
    void ended.then((failure) => {
      signal?.removeEventListener("abort", abort);
      reject(failure ?? new TypeError("the thread is done, and has not reported"));
    });
    worker.on("message", (message: BackupMessage | ThreadMessage) => {
      if (message.kind === "report") resolve(message.report);
      else if (message.kind === "progress") {
        try {
          onProgress?.(message.done, message.total, message.step);
        } catch (error) {
          stop(error);
        }
      }
    });
  });
}
