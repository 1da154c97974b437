/**
 * The tables of the read side, and the functions that make the changes of commits in one round trip.
 *
 * Whoever commits locks the table `read_side` until the end of the transaction, so every statement after it sees all that
 * was committed before. Versions come from a sequence, drawn under that lock: they rise with the commits, and no row is
 * updated for them.
 *
 * Each generation has tables of its own, made with it (`model-tables.ts`). Documents have all their indexed values in one
 * array (`index-values.ts`).
 *
 * Records and generations are changed by functions only, which run as the store's owner and check what is expected. Tables
 * of read models belong to the role that made them, so they are written with the rights of whoever commits.
 */
import { asOwner, safely } from "../function-settings.ts";

/** So many characters of a key are in the index of records: more would not fit into an entry of it. */
export const recordKeyIndexed = 480;

/** Plans go by indexes: those that are made while tables are small would not fit when they have grown. */
const byIndexes = "SET enable_seqscan = off";

/** SQL for the tables of an empty read side; `{schema}` stands for the schema. */
export const readSideTables: string = `
-- One row. Locking the table is the right to commit.
CREATE TABLE {schema}.read_side (
  single             boolean PRIMARY KEY DEFAULT true CHECK (single),
  -- The highest number that a generation ever had.
  last_generation  bigint NOT NULL DEFAULT 0
);
INSERT INTO {schema}.read_side DEFAULT VALUES;

CREATE SEQUENCE {schema}.record_versions;

-- Keys are unique within a space; whoever writes holds the lock and looks.
CREATE TABLE {schema}.records (
  space    text COLLATE "C" NOT NULL,
  key      text COLLATE "C" NOT NULL,
  version  bigint NOT NULL,
  value    json NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX records_by_key ON {schema}.records (space, left(key, ${recordKeyIndexed}));

CREATE TABLE {schema}.generations (
  generation  bigint PRIMARY KEY,
  name        text COLLATE "C" NOT NULL,
  version     bigint NOT NULL,
  -- What its tables are made of.
  shape       json NOT NULL,
  -- How many indexed values each document has; null where there are no documents.
  fields      integer,
  state       text COLLATE "C" NOT NULL CHECK (state IN ('building', 'active')),
  -- Every event up to here is in it.
  position    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX generations_active ON {schema}.generations (name) WHERE state = 'active';
`;

/** What an index makes of a field, as text, for queries written by hand. Inlined into views, so it sets nothing. */
const documentField = `
CREATE OR REPLACE FUNCTION {schema}.document_field(document json, path text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE pg_catalog.json_typeof(found.value)
    WHEN 'string' THEN found.value OPERATOR(pg_catalog.#>>) '{}'::pg_catalog._text
    WHEN 'number' THEN found.value OPERATOR(pg_catalog.#>>) '{}'::pg_catalog._text
    WHEN 'boolean' THEN CASE found.value OPERATOR(pg_catalog.#>>) '{}'::pg_catalog._text WHEN 'true' THEN '1' ELSE '0' END
  END
  FROM (SELECT document OPERATOR(pg_catalog.#>) path) AS found(value)
$$;
`;

/** What it sets of a transaction, which may be somebody else's, ends with it: that is what its own setting is for. */
const lockReadSide = `
CREATE OR REPLACE FUNCTION {schema}.lock_read_side(timeout_ms integer) RETURNS void
LANGUAGE plpgsql ${asOwner} SET lock_timeout = 0 AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'what a commit expects is checked in READ COMMITTED transactions only'
      USING ERRCODE = 'feature_not_supported';
  END IF;
  PERFORM set_config('lock_timeout', timeout_ms::text, true);
  LOCK TABLE {schema}.read_side IN EXCLUSIVE MODE;
END $$;
`;

/** Null when all that is expected holds; otherwise the refusal. Of several steps each follows on those before it. */
const checkChanges = `
CREATE OR REPLACE FUNCTION {schema}.check_changes(changes jsonb) RETURNS json
LANGUAGE plpgsql STABLE ${safely} ${byIndexes} AS $$
DECLARE
  one jsonb;
  actual bigint;
  model {schema}.generations;
  reached jsonb := '{}';
BEGIN
  FOR one IN SELECT jsonb_array_elements(changes -> 'expect') LOOP
    actual := coalesce((
      SELECT r.version FROM {schema}.records r
      WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
        AND r.key = one ->> 1), 0);
    IF actual <> (one ->> 2)::bigint THEN
      RETURN json_build_object('code', 'RECORD_CONFLICT', 'details', json_build_object(
        'space', one -> 0, 'key', one -> 1, 'expected', one -> 2, 'actual', actual));
    END IF;
  END LOOP;

  FOR one IN SELECT jsonb_array_elements(changes -> 'steps') LOOP
    SELECT * INTO model FROM {schema}.generations m WHERE m.generation = (one ->> 'generation')::bigint;
    actual := coalesce((reached ->> (one ->> 'generation'))::bigint, model.position);
    IF actual IS NULL THEN
      RETURN json_build_object('code', 'MODEL_CONFLICT', 'details', json_build_object(
        'generation', one -> 'generation', 'problem', 'it is no more'));
    ELSIF actual <> (one ->> 'from')::bigint THEN
      RETURN json_build_object('code', 'MODEL_CONFLICT', 'details', json_build_object(
        'generation', one -> 'generation',
        'problem', format('it is at position %s, not %s', actual, one ->> 'from')));
    ELSIF EXISTS (
      SELECT FROM jsonb_array_elements(one -> 'fields') count WHERE count::integer IS DISTINCT FROM model.fields
    ) OR model.fields IS NULL AND jsonb_array_length((one -> 'written') || (one -> 'removed')) > 0 THEN
      RETURN json_build_object('misfit', json_build_object('name', model.name, 'shape', model.shape));
    END IF;
    reached := jsonb_set(reached, ARRAY[one ->> 'generation'], one -> 'to');
  END LOOP;
  RETURN NULL;
END $$;
`;

/**
 * Refuses tables of a generation that belong to somebody who may do less than the caller. What their owner has attached to them
 * (triggers, casts, indexes, or a view in their place) would run with the caller's rights.
 */
const checkOwner = `
CREATE OR REPLACE FUNCTION {schema}.check_owner(given_generation bigint) RETURNS void
LANGUAGE plpgsql STABLE ${safely} AS $$
DECLARE
  stranger record;
BEGIN
  IF NOT has_table_privilege((SELECT m.tableoid FROM {schema}.meta m), 'UPDATE') THEN
    RETURN;
  END IF;
  SELECT c.relname AS relation, r.rolname AS owner INTO stranger
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_roles r ON r.oid = c.relowner
  WHERE n.nspname = CASE WHEN given_generation > (SELECT m.last_in_schema FROM {schema}.meta m)
      THEN {read_models_text} ELSE {schema_text} END
    AND c.relkind <> 'i'
    AND (c.relname = ('documents_' || given_generation)::name
      OR c.relname = ('documents_' || given_generation || '_shown')::name
      -- What begins with it: in ASCII, the character after _ is the grave accent.
      OR c.relname > ('table_' || given_generation || '_')::name AND c.relname < ('table_' || given_generation || chr(96))::name)
    AND r.rolname <> current_user
    AND NOT r.rolsuper
    AND c.relowner <> (SELECT t.relowner FROM pg_class t WHERE t.oid = (SELECT m.tableoid FROM {schema}.meta m))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '"%" belongs to the role "%", whose code could run there with the rights of "%"',
      stranger.relation, stranger.owner, current_user
      USING ERRCODE = 'insufficient_privilege';
  END IF;
END $$;
`;

const writeDocuments = `
CREATE OR REPLACE FUNCTION {schema}.write_documents(generation bigint, written jsonb, removed jsonb) RETURNS void
LANGUAGE plpgsql ${safely} ${byIndexes} AS $$
DECLARE
  target text;
BEGIN
  IF jsonb_array_length(removed) + jsonb_array_length(written) = 0 THEN
    RETURN;
  END IF;
  target := format('%I.%I', CASE WHEN generation > (SELECT m.last_in_schema FROM {schema}.meta m)
    THEN {read_models_text} ELSE {schema_text} END, 'documents_' || generation);
  -- Almost always its own.
  IF (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = target::regclass) <> current_user THEN
    PERFORM {schema}.check_owner(generation);
  END IF;
  IF jsonb_array_length(removed) > 0 THEN
    EXECUTE 'DELETE FROM ' || target || ' WHERE key = ANY (ARRAY(SELECT jsonb_array_elements_text($1)))'
    USING removed;
  END IF;
  IF jsonb_array_length(written) > 0 THEN
    EXECUTE 'INSERT INTO ' || target || ' (key, document, position, fields)
       SELECT w ->> 0, (w ->> 1)::json, (w ->> 2)::bigint, (w ->> 3)::text[] FROM jsonb_array_elements($1) w
       ON CONFLICT (key) DO UPDATE
       SET document = excluded.document, position = excluded.position, fields = excluded.fields'
    USING written;
  END IF;
END $$;
`;

const writeRecords = `
CREATE OR REPLACE FUNCTION {schema}.write_records(changes jsonb) RETURNS bigint
LANGUAGE plpgsql ${safely} ${byIndexes} AS $$
DECLARE
  one jsonb;
  new_version bigint := nextval(format('%I.record_versions', {schema_text})::regclass);
BEGIN
  FOR one IN SELECT jsonb_array_elements(changes -> 'put') LOOP
    UPDATE {schema}.records r SET version = new_version, value = (one ->> 2)::json
    WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
      AND r.key = one ->> 1;
    IF NOT FOUND THEN
      INSERT INTO {schema}.records (space, key, version, value)
      VALUES (one ->> 0, one ->> 1, new_version, (one ->> 2)::json);
    END IF;
  END LOOP;
  FOR one IN SELECT jsonb_array_elements(changes -> 'remove') LOOP
    DELETE FROM {schema}.records r
    WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
      AND r.key = one ->> 1;
  END LOOP;
  FOR one IN SELECT jsonb_array_elements(changes -> 'removeAll') LOOP
    DELETE FROM {schema}.records r
    WHERE r.space = one ->> 'space'
      AND left(r.key, ${recordKeyIndexed}) >= left(one ->> 'prefix', ${recordKeyIndexed})
      AND r.key >= one ->> 'prefix'
      AND (one ->> 'end' IS NULL OR r.key < one ->> 'end')
      AND (one ->> 'to' IS NULL OR r.key <= one ->> 'to');
  END LOOP;
  RETURN new_version;
END $$;
`;

/** What a commit changes of generations and records, checked under the lock; its version, or the refusal. */
const recordChanges = `
CREATE OR REPLACE FUNCTION {schema}.record_changes(changes jsonb, timeout_ms integer) RETURNS json
LANGUAGE plpgsql ${asOwner} ${byIndexes} AS $$
DECLARE
  step jsonb;
  refusal json;
BEGIN
  PERFORM {schema}.lock_read_side(timeout_ms);
  refusal := {schema}.check_changes(changes);
  IF refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  FOR step IN SELECT jsonb_array_elements(changes -> 'steps') LOOP
    UPDATE {schema}.generations m SET position = (step ->> 'to')::bigint
    WHERE m.generation = (step ->> 'generation')::bigint;
  END LOOP;
  RETURN json_build_object('version', {schema}.write_records(changes));
END $$;
`;

const commitChanges = `
CREATE OR REPLACE FUNCTION {schema}.commit_changes(changes jsonb, is_durable boolean, timeout_ms integer) RETURNS json
LANGUAGE plpgsql ${safely} AS $$
DECLARE
  step jsonb;
  answer json;
BEGIN
  IF NOT is_durable THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  answer := {schema}.record_changes(changes, timeout_ms);
  IF answer ->> 'version' IS NULL THEN
    RETURN answer;
  END IF;
  FOR step IN SELECT jsonb_array_elements(changes -> 'steps') LOOP
    PERFORM {schema}.write_documents((step ->> 'generation')::bigint, step -> 'written', step -> 'removed');
  END LOOP;
  RETURN answer;
END $$;
`;

/** Commits that wait together, one after the other. One that is refused has changed nothing and leaves the others alone. */
const commitGroup = `
CREATE OR REPLACE FUNCTION {schema}.commit_group(commits jsonb, is_durable boolean, timeout_ms integer) RETURNS json
LANGUAGE plpgsql ${safely} AS $$
DECLARE
  one jsonb;
  answers json[] := '{}';
BEGIN
  FOR one IN SELECT jsonb_array_elements(commits) LOOP
    answers := answers || {schema}.commit_changes(one, is_durable, timeout_ms);
  END LOOP;
  RETURN array_to_json(answers);
END $$;
`;

/** Adds a generation, whose number must be new: what has once been read from it may be remembered. */
const addGeneration = `
CREATE OR REPLACE FUNCTION {schema}.add_generation(
  new_generation bigint, new_name text, new_version bigint, new_shape json, new_fields integer, timeout_ms integer
) RETURNS void
LANGUAGE plpgsql ${asOwner} AS $$
BEGIN
  PERFORM {schema}.lock_read_side(timeout_ms);
  UPDATE {schema}.read_side r SET last_generation = new_generation WHERE r.last_generation < new_generation;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there has been a generation % already', new_generation USING ERRCODE = 'unique_violation';
  END IF;
  INSERT INTO {schema}.generations (generation, name, version, shape, fields, state)
  VALUES (new_generation, new_name, new_version, new_shape, new_fields, 'building');
END $$;
`;

/** Sets a generation's position or state, or both; null leaves it as it is. */
const changeGeneration = `
CREATE OR REPLACE FUNCTION {schema}.change_generation(
  given_generation bigint, new_position bigint, new_state text, timeout_ms integer
) RETURNS void
LANGUAGE plpgsql ${asOwner} AS $$
BEGIN
  PERFORM {schema}.lock_read_side(timeout_ms);
  UPDATE {schema}.generations m
  SET position = coalesce(new_position, m.position), state = coalesce(new_state, m.state)
  WHERE m.generation = given_generation;
END $$;
`;

const removeGeneration = `
CREATE OR REPLACE FUNCTION {schema}.remove_generation(given_generation bigint, timeout_ms integer) RETURNS void
LANGUAGE plpgsql ${asOwner} AS $$
BEGIN
  PERFORM {schema}.lock_read_side(timeout_ms);
  DELETE FROM {schema}.generations m WHERE m.generation = given_generation;
END $$;
`;

/** SQL for the functions of the read side; `{schema}` stands for the schema. */
export const readSideFunctions: string = [
  documentField,
  lockReadSide,
  checkChanges,
  checkOwner,
  writeDocuments,
  writeRecords,
  recordChanges,
  commitChanges,
  commitGroup,
  addGeneration,
  changeGeneration,
  removeGeneration,
].join("");
