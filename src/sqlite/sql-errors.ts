/**
 * Translates what SQLite and the file system report into errors of Hitherto.
 */
import { HithertoError, isHithertoError } from "../core/errors.ts";
import type { Database } from "./driver.ts";

/** Primary result codes of SQLite (https://www.sqlite.org/rescode.html). */
const sqlite = {
  ERROR: 1,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  SCHEMA: 17,
  NOTADB: 26,
} as const;

/**
 * ERROR, READONLY, SCHEMA, TOOBIG, CONSTRAINT, MISMATCH, AUTH and RANGE. SCHEMA is what ERROR is called when a prepared
 * statement names what another connection has dropped since.
 */
const statementFaults: ReadonlySet<number> = new Set([1, 8, 17, 18, 19, 20, 23, 25]);

/** `SQLITE_IOERR_SHMSIZE`: the `-shm` file cannot grow, though that is called an I/O error. */
const noRoomForSharedMemory = 10 | (19 << 8);

/** The part of a `node:sqlite` error that is looked at. */
interface SqliteError extends Error {
  readonly errcode: number;
}

/** Whether SQLite reported it. */
export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && typeof (error as SqliteError).errcode === "number";
}

/**
 * Whether it is the statement's own fault, or that of its values: wrong SQL, a constraint, a type that SQLite does not
 * take. What would go wrong with any statement, such as a full disk, is not.
 */
export function isStatementError(error: unknown): error is Error {
  if (isHithertoError(error) || !(error instanceof Error)) return false;
  if (isSqliteError(error)) return statementFaults.has(error.errcode & 0xff);
  return ["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_VALUE", "ERR_OUT_OF_RANGE", "ERR_INVALID_STATE"].includes(
    (error as NodeJS.ErrnoException).code ?? "",
  );
}

/** Whether SQLite reported that another connection holds a lock. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === sqlite.BUSY;
}

/** Whether SQLite reported that it cannot open the file, or one beside it, as it has to. */
export function isUnopenable(error: unknown): boolean {
  if (!isSqliteError(error)) return false;
  const code = error.errcode & 0xff;
  return code === sqlite.CANTOPEN || code === sqlite.READONLY;
}

/**
 * Takes something back after an error. When SQLite has already given up the whole transaction, that fails; then the first
 * error is the one to tell.
 */
export function tryExec(db: Database, sql: string): void {
  try {
    db.exec(sql);
  } catch {
    // See above.
  }
}

/** The whole milliseconds since a moment of `performance.now()`. */
export function msSince(moment: number): number {
  return Math.round(performance.now() - moment);
}

/**
 * The error to raise for one that came out of the driver; errors of Hitherto pass through. `waitedMs`: how long a lock
 * was waited for.
 */
export function toStoreError(error: unknown, store: string, waitedMs = 0): Error {
  if (isHithertoError(error)) return error;
  if (!(error instanceof Error)) return new HithertoError("STORE_IO", { store, problem: String(error) });
  const options = { cause: error };
  if ((error as NodeJS.ErrnoException).code === "ERR_OUT_OF_RANGE") {
    const problem = "it holds an integer larger than any that is written";
    return new HithertoError("STORE_DAMAGED", { store, problem }, options);
  }
  const code = isSqliteError(error) ? error.errcode : undefined;
  if (code === noRoomForSharedMemory) return new HithertoError("STORE_FULL", { store }, options);
  switch (code === undefined ? undefined : code & 0xff) {
    case sqlite.BUSY:
    case sqlite.LOCKED:
      return new HithertoError("STORE_BUSY", { store, waitedMs }, options);
    case sqlite.FULL:
      return new HithertoError("STORE_FULL", { store }, options);
    case sqlite.READONLY:
      return new HithertoError("STORE_READ_ONLY", { store }, options);
    // All our statements are sound, so what they name must be missing.
    case sqlite.ERROR:
    case sqlite.SCHEMA:
    case sqlite.CORRUPT:
      return new HithertoError(
        "STORE_DAMAGED",
        { store, problem: `SQLite reports: ${error.message}` },
        options,
      );
    case sqlite.NOTADB:
      return new HithertoError(
        "STORE_NOT_A_STORE",
        { store, problem: "the file is not a database" },
        options,
      );
    // Whether the file is there and may be read has been looked at before.
    case sqlite.CANTOPEN: {
      const problem = "the file, or its -wal or -shm file beside it, cannot be opened";
      return new HithertoError("STORE_IO", { store, problem }, options);
    }
    default:
      return new HithertoError("STORE_IO", { store, problem: error.message }, options);
  }
}
