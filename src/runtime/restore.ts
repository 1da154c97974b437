/**
 * Makes a store of a backup, by its URL.
 */
import { HithertoError } from "../core/errors.ts";
import { redactUrl } from "../core/redact-url.ts";
import { restoreSqliteStore } from "../sqlite/backup.ts";
import type { RestoreOptions } from "../sqlite/backup.ts";
import type { BackupReport } from "../store/event-store.ts";
import { placeOf } from "./store-place.ts";

/**
 * Makes an embedded store of a backup that `store.backup` made. The copy is verified before it gets its name; the backup
 * stays as it is.
 *
 * Nothing is replaced: it fails with `FILE_UNWRITABLE` where a file of that name exists, or a journal (`-wal`, `-shm`,
 * `-journal`) that another database left there. Positions that were given out after the backup are given out again: see
 * `docs/guide/backup-and-restore.md` for what that means for consumers elsewhere.
 *
 * @param url - The new store, in a form that `open` takes.
 * @throws `FILE_UNWRITABLE`; `STORE_DAMAGED` when the backup does not verify; `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`,
 * `STORE_FORMAT_NEWER`, `STORE_IO`; `BACKUP_UNSUPPORTED` for a store that is not in a file; `STORE_URL_UNKNOWN`,
 * `ARGUMENT_INVALID`, `ABORTED`
 * @example
 * ```ts no-run
 * import { restore } from "hitherto";
 * const { head } = await restore("backups/bank.db", "bank.db");
 * console.log(`restored up to position ${head}`);
 * ```
 */
export async function restore(
  backup: string,
  url: string | URL,
  options?: RestoreOptions,
): Promise<BackupReport> {
  const place = placeOf(url);
  if (place.engine === "sqlite") return restoreSqliteStore(backup, place.path, options);
  const instead =
    place.engine === "memory" ? "import an export into it" : "use pg_restore, or import an export into it";
  throw new HithertoError("BACKUP_UNSUPPORTED", { store: redactUrl(String(url)), instead });
}
