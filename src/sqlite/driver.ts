/**
 * The little of SQLite that the embedded store needs, over `node:sqlite`.
 *
 * Everything else in this folder knows only the interfaces below, so that another binding can take its place.
 * Rows come as arrays in the order of the selected columns: objects cost twice as much to build.
 */
import { backup, DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** A value that SQLite stores. Integers are safe integers. */
export type SqlValue = string | number | Uint8Array | null;

/** A value given to a statement: `node:sqlite` stores a number as a floating-point one, a bigint as an integer. */
export type BoundValue = SqlValue | bigint;

/** A prepared statement. Values go to its `?` in order: Node 22 does not bind values to numbered ones. */
export interface Statement<Row extends readonly SqlValue[] = SqlValue[]> {
  all(...values: readonly BoundValue[]): Row[];
  get(...values: readonly BoundValue[]): Row | undefined;
  /** Hands out one row after the other. The statement must not be used otherwise meanwhile. */
  iterate(...values: readonly BoundValue[]): Iterable<Row>;
  /** Runs it for its effect. */
  run(...values: readonly BoundValue[]): { readonly changes: number | bigint };
  /** What the columns of its rows are called, after it has run. */
  columns(): ReadonlyArray<{ readonly name: string }>;
}

/** A connection to a database file. */
export interface Database {
  /** Whether the file is read as one that never changes: without locks, `-wal` and `-shm`. */
  readonly isImmutable: boolean;
  prepare<Row extends readonly SqlValue[] = SqlValue[]>(sql: string): Statement<Row>;
  exec(sql: string): void;
  /** Copies the database into a file, some pages at a time; `onProgress` is told bytes. */
  copyTo(path: string, onProgress: (done: number, total: number) => void): Promise<void>;
  /** Makes a function that SQL on this connection may call. */
  define(name: string, body: (...values: SqlValue[]) => SqlValue): void;
  close(): void;
}

/** Pages that are copied without a pause. */
const pagesAtOnce = 1_000;

/** How a connection is opened. */
export interface DatabaseOptions {
  readonly isReadOnly: boolean;
  /** How long a statement waits for another process's lock, in milliseconds. */
  readonly busyTimeoutMs: number;
  /** For a file that nobody changes while it is open: SQLite then keeps nothing next to it. */
  readonly isImmutable?: boolean;
}

/** Opens a connection. Errors are those of `node:sqlite`; `toStoreError` translates them. */
export function openDatabase(path: string, options: DatabaseOptions): Database {
  const { isReadOnly: readOnly, busyTimeoutMs: timeout, isImmutable = false } = options;
  const db = new DatabaseSync(isImmutable ? immutable(path) : path, { readOnly, timeout });
  return {
    isImmutable,
    prepare<Row extends readonly SqlValue[]>(sql: string): Statement<Row> {
      const statement = db.prepare(sql);
      statement.setReturnArrays(true);
      // node:sqlite types rows as objects; with setReturnArrays they are arrays of the same values.
      return statement as unknown as Statement<Row>;
    },
    exec: (sql) => db.exec(sql),
    copyTo: async (target, onProgress) => {
      const pageSize = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
      await backup(db, target, {
        rate: pagesAtOnce,
        progress: ({ totalPages, remainingPages }) =>
          onProgress((totalPages - remainingPages) * pageSize, totalPages * pageSize),
      });
    },
    define: (name, body) => db.function(name, { varargs: true, deterministic: true }, body as never),
    close: () => db.close(),
  };
}

function immutable(path: string): URL {
  const url = pathToFileURL(path);
  url.searchParams.set("immutable", "1");
  return url;
}
