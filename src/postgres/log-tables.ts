/**
 * The tables of the log. They only ever grow at their end, save for policies and for what is reclaimed.
 *
 * `data` and `metadata` are `json`, not `jsonb`: the order of keys and the digits of numbers are the writer's, as every
 * store promises. `data ->> 'total'` reads the same way; for containment, `data::jsonb @> …`.
 *
 * Positions are not drawn from a sequence, whose numbers commit in any order. Whoever appends locks the table `log`
 * until the end of the transaction and takes the positions after the last one. So no reader can meet a position before
 * a lower one. Nothing is updated on the way, so transactions of others that last for hours leave no dead rows to walk.
 */

/** SQL for an empty log; `{schema}` stands for the schema. */
export const logTables = `
-- One row. Locking the table is the right to append.
CREATE TABLE {schema}.log (
  single     boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- The log has reached at least this position, though reclaiming may have taken its last events.
  head     bigint NOT NULL DEFAULT 0,
  -- Events that have been reclaimed.
  removed  bigint NOT NULL DEFAULT 0
);
INSERT INTO {schema}.log DEFAULT VALUES;

CREATE TABLE {schema}.events (
  position        bigint PRIMARY KEY,
  stream          text COLLATE "C" NOT NULL,
  revision        bigint NOT NULL,
  type            text COLLATE "C" NOT NULL,
  id              uuid NOT NULL,
  schema_version  integer NOT NULL DEFAULT 1,
  -- Null for the JSON value null, and where there are bytes.
  data            json,
  bytes           bytea,
  metadata        json NOT NULL DEFAULT '{}',
  tags            text[] COLLATE "C" NOT NULL DEFAULT '{}',
  recorded_at     timestamptz(3) NOT NULL,
  category        text COLLATE "C" NOT NULL GENERATED ALWAYS AS (split_part(stream, '-', 1)) STORED,
  correlation_id  text COLLATE "C" GENERATED ALWAYS AS (metadata ->> 'correlationId') STORED
);
CREATE UNIQUE INDEX events_by_stream ON {schema}.events (stream, revision);
-- Counts streams.
CREATE INDEX events_first ON {schema}.events (stream) WHERE revision = 0;
CREATE UNIQUE INDEX events_by_id ON {schema}.events (id);
CREATE INDEX events_by_type ON {schema}.events (type, position);
CREATE INDEX events_by_category ON {schema}.events (category, position);
-- A correlation id may be longer than an entry of an index.
CREATE INDEX events_by_correlation ON {schema}.events (left(correlation_id, 256), position)
  WHERE correlation_id IS NOT NULL;

-- What conditions and tag filters scan.
CREATE TABLE {schema}.event_tags (
  tag       text COLLATE "C" NOT NULL,
  position  bigint NOT NULL,
  PRIMARY KEY (tag, position)
);

-- A stream without a row here hides nothing.
CREATE TABLE {schema}.stream_policies (
  stream           text COLLATE "C" PRIMARY KEY,
  max_count        bigint,
  max_age_ms       bigint,
  truncate_before  bigint NOT NULL DEFAULT 0,
  -- Deletion hides what is below; so does an import that begins here.
  deleted_before   bigint NOT NULL DEFAULT 0,
  is_tombstoned    boolean NOT NULL DEFAULT false,
  -- Where numbering goes on when no event of the stream is left.
  last_revision    bigint NOT NULL DEFAULT -1
);

CREATE TABLE {schema}.snapshots (
  stream         text COLLATE "C" NOT NULL,
  name           text COLLATE "C" NOT NULL,
  state_version  bigint NOT NULL,
  revision       bigint NOT NULL,
  taken_at       text COLLATE "C" NOT NULL,
  state          bytea NOT NULL,
  PRIMARY KEY (stream, name, state_version, revision)
);
`;
