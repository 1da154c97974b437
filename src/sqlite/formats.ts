/**
 * The tables of the file, format by format. A new file is made by the same steps as an old one is lifted by, so that
 * both are alike; `docs/adr/0002-on-disk-format.md` says why they are so.
 */

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

/** What makes each format of the one before it, from an empty file on. */
export const formats: readonly string[] = [log, readSide];
