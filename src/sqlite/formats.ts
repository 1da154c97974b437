/**
 * The tables of the file, format by format. A new file is made by the same steps as an old one is lifted by, so that
 * both are alike; `docs/adr/0002-on-disk-format.md` says why they are so.
 */

import type { Database } from "./driver.ts";
import { rowChecksum } from "./row-checksum.ts";

/**
 * One row of `commits` holds what one append gave one stream, as a JSON array of records (see `EventRecord`); the
 * view `events` shows the single events to those who query by hand. `term_commits` and `term_blocks` index commits by
 * what their events carry, `explicit_ids` finds events whose id the writer chose, and `holes` remembers the positions
 * of reclaimed commits, so that a missing row is always told from a reclaimed one.
 */
const log = `
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
`;

/**
 * `records` and `generations` are the read side's (`src/store/read-side.ts`). The documents of generation 17 are in the
 * table `documents_17`, its SQL tables in `table_17_…`, made with it and dropped with it; the views `read_…` show those of
 * the active generations to people. `changed` numbers the changes of policies, so that a reader fetches only new ones.
 */
const readSide = `
CREATE TABLE records (
  space    TEXT    NOT NULL,
  key      TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  value    TEXT    NOT NULL,      -- JSON
  PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE generations (        -- of read models
  generation INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL,
  version    INTEGER NOT NULL,    -- of the definition
  shape      TEXT    NOT NULL,    -- JSON
  state      TEXT    NOT NULL CHECK (state IN ('building', 'active')),
  position   INTEGER NOT NULL     -- up to which events are in it
) STRICT;
CREATE UNIQUE INDEX active_generations ON generations (name) WHERE state = 'active';

INSERT INTO counters VALUES
  ('record_version', 0),          -- the last one given
  ('generation', 0);              -- the highest one made

ALTER TABLE stream_policies ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX stream_policies_by_change ON stream_policies (changed);
`;

/**
 * Checksums for all that had none: `docs/adr/0017-checksums-for-every-row.md`. An entry of an index has a mark of 16 bits
 * instead, which is null where the entry was written in an older format.
 */
const checksums = `
ALTER TABLE records ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stream_policies ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holes ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE term_commits ADD COLUMN mark INTEGER;
ALTER TABLE term_blocks ADD COLUMN mark INTEGER;
ALTER TABLE explicit_ids ADD COLUMN mark INTEGER;

-- A policy that was changed before changes had numbers counts as changed last.
UPDATE stream_policies SET changed = (SELECT value FROM counters WHERE name = 'policy_changes') WHERE changed = 0;

UPDATE records SET checksum = row_checksum('records', value, space, key, version);
UPDATE generations SET checksum =
  row_checksum('generations', shape, generation, name, version, state, position);
UPDATE stream_policies SET checksum = row_checksum('stream_policies', '', stream, max_count, max_age_ms,
  truncate_before, deleted_revision, is_tombstoned, last_revision, changed);
UPDATE counters SET checksum = row_checksum('counters', '', name, value);
UPDATE holes SET checksum = row_checksum('holes', '', position, events);

-- A process of an older version that has the file open would leave the checksum as it was. This version replaces such rows.
CREATE TRIGGER counters_are_replaced BEFORE UPDATE ON counters BEGIN
  SELECT raise(ABORT, 'a newer version of Hitherto has upgraded this file; update this process and restart it');
END;
CREATE TRIGGER generations_are_replaced BEFORE UPDATE ON generations BEGIN
  SELECT raise(ABORT, 'a newer version of Hitherto has upgraded this file; update this process and restart it');
END;
`;

/** SQL can not compute a CRC-32, and tables of documents are as many as there are generations. */
function addChecksums(db: Database): void {
  db.define("row_checksum", (table, text, ...columns) => rowChecksum(table as string, columns, text));
  db.exec(checksums);
  const tables = db.prepare<[string]>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'documents_[0-9]*'",
  );
  for (const [table] of tables.all()) addDocumentChecksums(db, table);
}

function addDocumentChecksums(db: Database, table: string): void {
  const columns = db
    .prepare<[string]>("SELECT name FROM pragma_table_info(?) ORDER BY cid")
    .all(table)
    .map(([name]) => `"${name.replaceAll('"', '""')}"`);
  const views = db.prepare<[string]>("SELECT name FROM sqlite_schema WHERE type = 'view' AND sql LIKE ?");
  for (const [view] of views.all(`%"${table}"`)) {
    db.exec(`DROP VIEW "${view}"; CREATE VIEW "${view}" AS SELECT ${columns.join(", ")} FROM "${table}"`);
  }
  const checked = columns.filter((column) => column !== '"document"');
  db.exec(`ALTER TABLE "${table}" ADD COLUMN "row.checksum" INTEGER NOT NULL DEFAULT 0;
    UPDATE "${table}" SET "row.checksum" = row_checksum('${table}', document, ${checked.join(", ")})`);
}

/** What makes a format of the one before it: SQL, or code where SQL is not enough. */
type FormatStep = string | ((db: Database) => void);

/** What makes each format of the one before it, from an empty file on. */
const formats: readonly FormatStep[] = [log, readSide, addChecksums];

/** The newest format. */
export const newestFormat: number = formats.length;

/** Makes the newest format of an older one, 0 being an empty file. To be run in a transaction. */
export function raiseFormat(db: Database, from: number): void {
  for (const step of formats.slice(from)) {
    if (typeof step === "string") db.exec(step);
    else step(db);
  }
}
