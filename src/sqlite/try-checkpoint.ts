/**
 * Moves the write-ahead log into the database, as far as nobody is in the way.
 */
import { isHithertoError } from "../core/errors.ts";
import type { Database } from "./driver.ts";
import { isSqliteError } from "./sql-errors.ts";
import type { StoreFile } from "./store-file.ts";

/**
 * A checkpoint that fails, for lack of space say, loses nothing: all is in the write-ahead log, and the next one goes on
 * from there. Whether the store can be written to, the next write tells. A log that is no longer the one beside the
 * database is not moved: that would damage what others have written since. Nor is one that may have a hole on the disk:
 * power that is lost in between would leave half of it in the database.
 */
export function tryCheckpoint(db: Database, file: StoreFile): void {
  try {
    file.check();
    file.log.check();
    db.exec("PRAGMA wal_checkpoint(PASSIVE)");
  } catch (error) {
    if (!isSqliteError(error) && !isHithertoError(error)) throw error;
    file.explain(error);
  }
}
