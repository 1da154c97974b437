/**
 * The file format, and how a file is opened: `docs/adr/0002-on-disk-format.md` says why it is so.
 *
 * A file is a Hitherto store when its SQLite `application_id` is ours; `user_version` is the format. A newer format
 * is refused, an older one would be migrated here.
 */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { HithertoError } from "../core/errors.ts";
import type { Database } from "./driver.ts";
import { openDatabase } from "./driver.ts";
import { toStoreError } from "./sql-errors.ts";

/** "HITO" in ASCII. */
export const applicationId = 0x4849_544f;

/** The version of the file format that this code writes, and the newest that it reads. */
export const formatVersion = 1;

/**
 * One row of `commits` holds what one append gave one stream, as a JSON array of records (see `EventRecord`); the
 * view `events` shows the single events to those who query by hand. `term_commits` and `term_blocks` index commits by
 * what their events carry, `explicit_ids` finds events whose id the writer chose, and `holes` remembers the positions
 * of reclaimed commits, so that a missing row is always told from a reclaimed one.
 */
const schema = `
CREATE TABLE commits (
  position    INTEGER PRIMARY KEY,  -- of the first event
  stream      TEXT    NOT NULL,
  revision    INTEGER NOT NULL,     -- of the first event
  events      INTEGER NOT NULL,     -- how many
  recorded_at INTEGER NOT NULL,     -- milliseconds since 1970
  id_time     INTEGER NOT NULL,     -- with id_random and the position, the ids of events
  id_random   INTEGER NOT NULL,     --   that did not bring their own
  checksum    INTEGER NOT NULL,     -- CRC-32 over all other columns
  body        TEXT    NOT NULL      -- JSON array, one record per event
) STRICT;
CREATE UNIQUE INDEX commits_by_stream ON commits (stream, revision);

CREATE TABLE term_commits (         -- tags and correlation ids, exactly
  term        INTEGER NOT NULL,
  position    INTEGER NOT NULL,
  PRIMARY KEY (term, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE term_blocks (          -- event types and categories, by blocks of positions
  term        INTEGER NOT NULL,
  block       INTEGER NOT NULL,
  PRIMARY KEY (term, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE explicit_ids (
  id          TEXT    NOT NULL PRIMARY KEY,
  position    INTEGER NOT NULL      -- of the event
) STRICT, WITHOUT ROWID;

CREATE TABLE holes (
  position    INTEGER PRIMARY KEY,
  events      INTEGER NOT NULL
) STRICT;

CREATE TABLE stream_policies (
  stream           TEXT    NOT NULL PRIMARY KEY,
  max_count        INTEGER,
  max_age_ms       INTEGER,
  truncate_before  INTEGER NOT NULL DEFAULT 0,
  deleted_revision INTEGER,                      -- last revision when it was deleted
  is_tombstoned    INTEGER NOT NULL DEFAULT 0,
  last_revision    INTEGER NOT NULL DEFAULT -1   -- when it was last reclaimed or deleted: numbering goes on from here
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshots (
  stream        TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  state_version INTEGER NOT NULL,
  revision      INTEGER NOT NULL,
  taken_at      TEXT    NOT NULL,
  checksum      INTEGER NOT NULL,
  state         BLOB    NOT NULL,
  PRIMARY KEY (stream, name, state_version, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES
  ('policy_changes', 0),
  ('head', 0);                      -- as of the last pause: the log can not be shorter, however it looks

CREATE VIEW events AS
SELECT c.position + e.key AS position,
       c.stream,
       c.revision + e.key AS revision,
       e.value ->> 'type' AS type,
       coalesce(e.value ->> 'schemaVersion', 1) AS schema_version,
       e.value -> 'data' AS data,
       e.value ->> 'bytes' AS bytes,
       coalesce(e.value -> 'metadata', '{}') AS metadata,
       coalesce(e.value -> 'tags', '[]') AS tags,
       coalesce(e.value ->> 'recordedAt',
                strftime('%Y-%m-%dT%H:%M:%fZ', c.recorded_at / 1000.0, 'unixepoch')) AS recorded_at,
       coalesce(e.value ->> 'id', format('%08x-%04x-7%03x-%04x-%04x%08x',
                c.id_time >> 16, c.id_time & 65535, c.id_random >> 30, 32768 | ((c.id_random >> 16) & 16383),
                c.id_random & 65535, (c.position + e.key) & 4294967295)) AS id
FROM commits AS c, json_each(c.body) AS e;

PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${formatVersion};
`;

/** What an append has survived when it is acknowledged; see `SqliteStoreOptions.durability`. */
export type SqliteDurability = "fsync" | "os";

/** How a connection to a store is made. */
export interface ConnectOptions {
  readonly path: string;
  /** `create` makes a missing file; `write` needs it; `read` never changes it. */
  readonly mode: "create" | "write" | "read";
  readonly durability: SqliteDurability;
  readonly busyTimeoutMs: number;
  readonly cacheBytes: number;
}

/**
 * Opens a connection to a store, making the file where asked to.
 *
 * @throws `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_READ_ONLY`, `STORE_BUSY`,
 * `STORE_DAMAGED`, `STORE_IO`
 */
export function connect(options: ConnectOptions): Database {
  const { path, mode, busyTimeoutMs } = options;
  checkPath(path, mode);
  let db: Database | undefined;
  try {
    db = openDatabase(path, { isReadOnly: mode === "read", busyTimeoutMs });
    const format = readFormat(db, path);
    if (format === undefined) {
      if (mode !== "create") throw notAStore(path, "the database is empty");
      createSchema(db, path);
    }
    configure(db, options);
    return db;
  } catch (error) {
    db?.close();
    throw toStoreError(error, path, busyTimeoutMs);
  }
}

/** What SQLite would tell too late, or not apart. */
function checkPath(path: string, mode: ConnectOptions["mode"]): void {
  const folder = dirname(path);
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) throw notAStore(path, "it is a directory");
    if (!isAllowed(path, constants.R_OK)) {
      throw new HithertoError("STORE_IO", { store: path, problem: "the file may not be read" });
    }
    // SQLite would open it for reading only, without a word.
    if (mode !== "read" && !isAllowed(path, constants.W_OK)) throw readOnly(path);
  } else if (mode !== "create") {
    throw notFound(path, "the file does not exist");
  } else if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw notFound(path, `the folder ${folder} does not exist`);
  } else if (!isAllowed(folder, constants.W_OK)) {
    throw readOnly(path);
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
  if (id !== applicationId) throw notAStore(path, "it is a database of another application");
  if (format > formatVersion) {
    throw new HithertoError("STORE_FORMAT_NEWER", { store: path, format, known: formatVersion });
  }
  return format;
}

/** Several processes may come here at once: the one that gets the lock creates, the others find it done. */
function createSchema(db: Database, path: string): void {
  db.exec("PRAGMA page_size = 4096");
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("BEGIN IMMEDIATE");
  try {
    if (readFormat(db, path) === undefined) db.exec(schema);
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}

function configure(db: Database, { mode, durability, cacheBytes }: ConnectOptions): void {
  db.exec(`PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)}`);
  db.exec("PRAGMA cell_size_check = ON");
  if (mode === "read") return;
  db.exec(`PRAGMA synchronous = ${durability === "fsync" ? "FULL" : "NORMAL"}`);
  // 80 MiB: checkpoints are dear (two fsyncs), and the writer thread makes one whenever it is idle.
  db.exec("PRAGMA wal_autocheckpoint = 20000");
  db.exec("PRAGMA journal_size_limit = 268435456");
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
