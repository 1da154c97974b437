/**
 * Several statements that see one state of the file, whatever others commit meanwhile.
 */
import type { Database } from "./driver.ts";
import { tryExec } from "./sql-errors.ts";

/** Runs statements in one read transaction; not within another one. */
export function inOneState<Result>(db: Database, body: () => Result): Result {
  db.exec("BEGIN");
  try {
    const result = body();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    tryExec(db, "ROLLBACK");
    throw error;
  }
}
