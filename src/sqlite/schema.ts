/**
 * The file format, and how a file is opened: `docs/adr/0002-on-disk-format.md` says why it is so.
 *
 * A file is a Hitherto store when its SQLite `application_id` is ours; `user_version` is the format. A newer format
 * is refused, an older one lifted by the first who opens the file for writing.
 */
import { accessSync, closeSync, constants, existsSync, fchmodSync, openSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { dirname } from "node:path";
import { HithertoError } from "../core/errors.ts";
import type { Database } from "./driver.ts";
import { openDatabase } from "./driver.ts";
import { newestFormat, raiseFormat } from "./formats.ts";
import { msSince, toStoreError, tryExec } from "./sql-errors.ts";
import { needsStillFile, openStillFile } from "./still-file.ts";
import { checkNames, StoreFile } from "./store-file.ts";
import type { FileIdentity } from "./store-file.ts";
import { rewriteLog } from "./wal-trust.ts";
import { whenUnlocked } from "./write-lock.ts";

/** "HITO" in ASCII. */
export const applicationId = 0x4849_544f;

/** The version of the file format that this code writes, and the newest that it reads. */
export const formatVersion: number = newestFormat;

/** What an append has survived when it is acknowledged; see `SqliteStoreOptions.durability`. */
export type SqliteDurability = "fsync" | "os";

/** How a connection to a store is made. */
export interface ConnectOptions {
  /** Without links: see `resolvePath`. */
  readonly path: string;
  /** The files that the path must lead to; undefined for the first connection of a handle. */
  readonly files?: FileIdentity | undefined;
  /** Shared by the threads of a handle: see `wal-trust.ts`. */
  readonly syncs?: SharedArrayBuffer | undefined;
  /** `create` makes a missing file; `write` needs it; `read` never changes it. */
  readonly mode: "create" | "write" | "read";
  readonly durability: SqliteDurability;
  readonly busyTimeoutMs: number;
  readonly cacheBytes: number;
  /** Of a file that is made; undefined: as the system has it. */
  readonly filePermissions?: number | undefined;
}

/**
 * Opens a connection to a store, making the file where asked to.
 *
 * @throws `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_FORMAT_OLDER` when it is
 * only to be read, `STORE_READ_ONLY`, `STORE_REPLACED`, `STORE_HARD_LINKED`, `STORE_BUSY`, `STORE_DAMAGED`, `STORE_IO`
 */
export function connect(options: ConnectOptions): Database {
  const { path, files, mode, filePermissions } = options;
  // Looked at before, so that no file is made where another one was, and after, so that this one was opened.
  const file = new StoreFile(path, files);
  file.check();
  checkPath(path, mode);
  const beganAt = performance.now();
  try {
    if (mode === "create" && filePermissions !== undefined) makeFile(path, filePermissions);
    return tryConnect(options, file, openDatabase);
  } catch (error) {
    if (mode !== "read" || !needsStillFile(error, path)) throw toStoreError(error, path, msSince(beganAt));
  }
  try {
    return tryConnect(options, file, openStillFile);
  } catch (error) {
    throw toStoreError(error, path, msSince(beganAt));
  }
}

/**
 * Makes an empty file, which SQLite takes for a new database, unless there is one. It never has more permissions than these; SQLite
 * gives `-wal` and `-shm` those of the database.
 */
function makeFile(path: string, permissions: number): void {
  let file: number;
  try {
    file = openSync(path, "wx", permissions);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw error;
  }
  // The umask has taken some away.
  fchmodSync(file, permissions);
  closeSync(file);
}

function tryConnect(options: ConnectOptions, file: StoreFile, open: typeof openDatabase): Database {
  const { path, mode, busyTimeoutMs } = options;
  const db = open(path, { isReadOnly: mode === "read", busyTimeoutMs: 0 });
  try {
    whenUnlocked(() => prepareFile(db, path, mode), busyTimeoutMs);
    configure(db, options);
    file.check();
    return db;
  } catch (error) {
    db.close();
    throw file.explain(error);
  }
}

/**
 * Opens a store of this format or an older one as it is, to read its pages.
 *
 * @throws what SQLite reports, `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`
 */
export function checkFile(path: string, busyTimeoutMs: number): Database {
  checkPath(path, "read");
  // A journal next to it belongs to its content, and a process that writes to it has one.
  const isImmutable = !existsSync(`${path}-wal`) && !existsSync(`${path}-journal`);
  const db = openDatabase(path, { isReadOnly: true, isImmutable, busyTimeoutMs });
  try {
    if (readFormat(db, path) === undefined) throw notAStore(path, "the database is empty");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Moves what a process that ended has left in the write-ahead log into the database, before anything is written behind
 * it. Nobody knows whether it ended after a failed sync, so the log is written and synced once more first. While others
 * have the file open nothing is done: they know.
 */
export function secureLog({ path, mode }: ConnectOptions): void {
  if (mode === "read" || (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  const db = openDatabase(path, { isReadOnly: false, busyTimeoutMs: 0 });
  try {
    // Before the first statement that reads: nobody else gets in until the connection is closed.
    db.exec("PRAGMA locking_mode = EXCLUSIVE");
    if (readFormat(db, path) === undefined) return;
    db.exec("BEGIN IMMEDIATE");
    rewriteLog(path);
    db.exec("COMMIT");
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // In use, or nothing that can be written to: opening it, which comes next, tells what is wrong.
  } finally {
    db.close();
  }
}

/** What SQLite would tell too late, or not apart. */
export function checkPath(path: string, mode: ConnectOptions["mode"]): void {
  const folder = dirname(path);
  const found = look(path);
  if (found !== undefined) {
    if (found.isDirectory()) throw notAStore(path, "it is a directory");
    // Opening a pipe would wait for somebody who writes to it.
    if (!found.isFile()) throw notAStore(path, "it is not a file");
    checkNames(path, found);
    if (!isAllowed(path, constants.R_OK)) {
      throw new HithertoError("STORE_IO", { store: path, problem: "the file may not be read" });
    }
    // SQLite would open it for reading only, without a word.
    if (mode !== "read" && !isAllowed(path, constants.W_OK)) throw readOnly(path);
  } else if (mode !== "create") {
    throw notFound(path, "the file does not exist");
  } else if (look(folder)?.isDirectory() !== true) {
    throw notFound(path, `the folder ${folder} does not exist`);
  } else if (!isAllowed(folder, constants.W_OK)) {
    throw readOnly(path);
  }
}

/** A path that is too long, goes round in a circle, or leads through a closed folder, leads to no store. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw notFound(path.slice(0, 200), `the path cannot be followed (${code})`);
  }
}

function isAllowed(path: string, access: number): boolean {
  try {
    accessSync(path, access);
    return true;
  } catch {
    return false;
  }
}

/** The format of the file; undefined when there is nothing in it yet. */
function readFormat(db: Database, path: string): number | undefined {
  // One statement, so that a schema that another process creates meanwhile is seen whole or not at all.
  const [id, format, tables] = db
    .prepare<[number, number, number]>(
      `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
       FROM pragma_application_id, pragma_user_version`,
    )
    .get()!;
  if (id === 0 && tables === 0) return undefined;
  if (id === 0 && hasOurTables(db)) throw notAStore(path, unmarked);
  if (id !== applicationId) throw notAStore(path, "it is a database of another application");
  if (format > formatVersion) {
    throw new HithertoError("STORE_FORMAT_NEWER", { store: path, format, known: formatVersion });
  }
  return format;
}

/** What a dump of SQL leaves out; `docs/guide/backup-and-restore.md` says more. */
const unmarked =
  "it has the tables of one, but its application_id is 0, as after restoring a .dump. To repair it, run " +
  `PRAGMA application_id = ${applicationId}; PRAGMA user_version = N; with the user_version of the store that was ` +
  `dumped as N (this version of Hitherto writes ${formatVersion}), then hitherto verify`;

function hasOurTables(db: Database): boolean {
  const ours =
    "SELECT count(*) FROM sqlite_schema WHERE name IN ('commits', 'term_commits', 'stream_policies')";
  return db.prepare<[number]>(ours).get()?.[0] === 3;
}

/** May be called again when a lock of another process was in its way. */
function prepareFile(db: Database, path: string, mode: ConnectOptions["mode"]): void {
  const format = readFormat(db, path);
  if (format === undefined && mode !== "create") throw notAStore(path, "the database is empty");
  if (mode === "read") {
    if (format === formatVersion) return;
    throw new HithertoError("STORE_FORMAT_OLDER", { store: path, format: format!, known: formatVersion });
  }
  if (format === undefined) db.exec("PRAGMA page_size = 4096");
  beginWal(db, path);
  if (format !== formatVersion) liftFormat(db, path);
}

/** Not only for new files: a copy made by `VACUUM INTO`, and a restored dump, have a rollback journal. */
function beginWal(db: Database, path: string): void {
  if (db.prepare<[string]>("PRAGMA journal_mode").get()?.[0] === "wal") return;
  const mode = db.prepare<[string]>("PRAGMA journal_mode = WAL").get()?.[0];
  if (mode === "wal") return;
  const problem = "SQLite cannot keep a write-ahead log there, which needs shared memory: use a local disk";
  throw new HithertoError("STORE_IO", { store: path, problem });
}

/** Several processes may come here at once: the one that gets the lock does it, the others find it done. */
function liftFormat(db: Database, path: string): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    raiseFormat(db, readFormat(db, path) ?? 0);
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${formatVersion}`);
    db.exec("COMMIT");
  } catch (error) {
    tryExec(db, "ROLLBACK");
    throw error;
  }
}

function configure(db: Database, { mode, durability, busyTimeoutMs, cacheBytes }: ConnectOptions): void {
  db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
  db.exec(`PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)}`);
  db.exec("PRAGMA cell_size_check = ON");
  if (mode === "read") return;
  db.exec(`PRAGMA synchronous = ${syncLevel(durability, true)}`);
  // Those that SQLite makes by itself keep to themselves that a sync has failed.
  db.exec("PRAGMA wal_autocheckpoint = 0");
  db.exec("PRAGMA journal_size_limit = 268435456");
}

/** `NORMAL` writes without waiting: the next `FULL` commit, or checkpoint, syncs what was written before it as well. */
function syncLevel(durability: SqliteDurability, isDurable: boolean): "FULL" | "NORMAL" {
  return durability === "fsync" && isDurable ? "FULL" : "NORMAL";
}

/** Makes the function that says, before a transaction begins, whether its commit waits for the disk. */
export function syncSwitch(db: Database, durability: SqliteDurability): (isDurable: boolean) => void {
  let current: string | undefined;
  return (isDurable) => {
    const level = syncLevel(durability, isDurable);
    if (level !== current) db.exec(`PRAGMA synchronous = ${level}`);
    current = level;
  };
}

function notAStore(store: string, problem: string): HithertoError {
  return new HithertoError("STORE_NOT_A_STORE", { store, problem });
}

function notFound(store: string, problem: string): HithertoError {
  return new HithertoError("STORE_NOT_FOUND", { store, problem });
}

function readOnly(store: string): HithertoError {
  return new HithertoError("STORE_READ_ONLY", { store });
}
