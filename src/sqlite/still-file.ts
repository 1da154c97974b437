/**
 * Reading a store in a place where nothing can be written, such as a read-only mount.
 *
 * SQLite reads a file in WAL mode only together with a `-shm` file, which it cannot make there. A store that was closed cleanly has
 * no write-ahead log, so everything is in the file itself, and SQLite can read it as one that never changes (`immutable=1`:
 * no locks, no `-wal`, no `-shm`). Somebody else may still be able to write. What is read across a change would be wrong, so after each
 * statement the file must be the same as when it was opened, and there must be no log; from then on everything fails.
 */
import { existsSync, statSync } from "node:fs";
import { HithertoError } from "../core/errors.ts";
import { openDatabase } from "./driver.ts";
import type { Database, DatabaseOptions, SqlValue, Statement } from "./driver.ts";
import { isUnopenable } from "./sql-errors.ts";

/** Whether an error says that SQLite could not make a `-shm` file. */
export function needsStillFile(error: unknown, path: string): boolean {
  return isUnopenable(error) && !existsSync(`${path}-shm`);
}

/**
 * Opens a connection that reads the file as it is.
 *
 * @throws `STORE_READ_ONLY` when commits are in the write-ahead log alone
 */
export function openStillFile(path: string, options: DatabaseOptions): Database {
  const before = stampOf(path);
  if (hasLog(path)) {
    const problem =
      "its -wal file holds commits, and reading them takes a -shm file, which cannot be made here. Copy the store together with its -wal file to a folder that can be written to, or open it once where it can be written";
    throw new HithertoError("STORE_READ_ONLY", { store: path, problem });
  }
  const db = openDatabase(path, { ...options, isImmutable: true });
  return guarded(db, () => {
    if (stampOf(path) === before && !hasLog(path)) return;
    const problem = "somebody wrote to it while it was read in a folder that cannot be written to";
    throw new HithertoError("STORE_REPLACED", { store: path, problem });
  });
}

/** What changes with a file's content, and not with its permissions, names or owner. */
function stampOf(path: string): string {
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  return [dev, ino, size, mtimeNs].join(" ");
}

function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** A connection whose every result is checked before it is used. */
function guarded(db: Database, check: () => void): Database {
  const checked = <Result>(run: () => Result): Result => {
    try {
      return run();
    } finally {
      // Also after an error, which the change may be the reason of.
      check();
    }
  };
  return {
    isImmutable: db.isImmutable,
    prepare<Row extends readonly SqlValue[]>(sql: string): Statement<Row> {
      const statement = db.prepare<Row>(sql);
      return {
        all: (...values) => checked(() => statement.all(...values)),
        get: (...values) => checked(() => statement.get(...values)),
        *iterate(...values) {
          const rows = statement.iterate(...values)[Symbol.iterator]();
          for (;;) {
            const row = checked(() => rows.next());
            if (row.done === true) return;
            yield row.value;
          }
        },
        run: (...values) => checked(() => statement.run(...values)),
        columns: () => statement.columns(),
      };
    },
    exec: (sql) => db.exec(sql),
    define: (name, body) => db.define(name, body),
    copyTo: async (target, onProgress) => {
      await db.copyTo(target, onProgress);
      check();
    },
    close: () => db.close(),
  };
}
