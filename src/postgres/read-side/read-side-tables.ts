/**
 * The tables of the read side, and the functions that make the changes of commits in one round trip.
 *
 * Whoever commits locks the table `read_side` until the end of the transaction, so every statement after it sees all that
 * was committed before. Versions come from a sequence, drawn under that lock: they rise with the commits, and no row is
 * updated for them.
 *
 * Each generation has tables of its own, made with it (`model-tables.ts`). Documents have all their indexed values in one
 * array (`index-values.ts`).
 */

/** So many characters of a key are in the index of records: more would not fit into an entry of it. */
export const recordKeyIndexed = 480;

/** Bodies name no schema, and go by indexes: while tables are small, plans are made that do not fit when they have grown. */
const settings = "SET search_path = {schema}, pg_temp SET enable_seqscan = off";

const tables = `
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

/** What an index makes of a field, as text, for queries written by hand. */
const documentField = `
CREATE FUNCTION {schema}.document_field(document json, path text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE json_typeof(found.value)
    WHEN 'string' THEN found.value #>> '{}'
    WHEN 'number' THEN found.value #>> '{}'
    WHEN 'boolean' THEN (found.value #>> '{}')::boolean::integer::text
  END
  FROM (SELECT document #> path) AS found(value)
$$;
`;

/** What it sets of a transaction, which may be somebody else's, ends with it: that is what its own setting is for. */
const lockReadSide = `
CREATE FUNCTION {schema}.lock_read_side(timeout_ms integer) RETURNS void
LANGUAGE plpgsql ${settings} SET lock_timeout = 0 AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'what a commit expects is checked in READ COMMITTED transactions only'
      USING ERRCODE = 'feature_not_supported';
  END IF;
  PERFORM set_config('lock_timeout', timeout_ms::text, true);
  LOCK TABLE read_side IN EXCLUSIVE MODE;
END $$;
`;

/** Null when all that is expected holds; otherwise the refusal. Of several steps each follows on those before it. */
const checkChanges = `
CREATE FUNCTION {schema}.check_changes(changes jsonb) RETURNS json
LANGUAGE plpgsql STABLE ${settings} AS $$
DECLARE
  one jsonb;
  actual bigint;
  model generations;
  reached jsonb := '{}';
BEGIN
  FOR one IN SELECT jsonb_array_elements(changes -> 'expect') LOOP
    actual := coalesce((
      SELECT r.version FROM records r
      WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
        AND r.key = one ->> 1), 0);
    IF actual <> (one ->> 2)::bigint THEN
      RETURN json_build_object('code', 'RECORD_CONFLICT', 'details', json_build_object(
        'space', one -> 0, 'key', one -> 1, 'expected', one -> 2, 'actual', actual));
    END IF;
  END LOOP;

  FOR one IN SELECT jsonb_array_elements(changes -> 'steps') LOOP
    SELECT * INTO model FROM generations m WHERE m.generation = (one ->> 'generation')::bigint;
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

const writeDocuments = `
CREATE FUNCTION {schema}.write_documents(generation bigint, written jsonb, removed jsonb) RETURNS void
LANGUAGE plpgsql ${settings} AS $$
BEGIN
  IF jsonb_array_length(removed) > 0 THEN
    EXECUTE format(
      'DELETE FROM %I WHERE key = ANY (ARRAY(SELECT jsonb_array_elements_text($1)))',
      'documents_' || generation) USING removed;
  END IF;
  IF jsonb_array_length(written) > 0 THEN
    EXECUTE format(
      'INSERT INTO %I (key, document, position, fields)
       SELECT w ->> 0, (w ->> 1)::json, (w ->> 2)::bigint, (w ->> 3)::text[] FROM jsonb_array_elements($1) w
       ON CONFLICT (key) DO UPDATE
       SET document = excluded.document, position = excluded.position, fields = excluded.fields',
      'documents_' || generation) USING written;
  END IF;
END $$;
`;

const writeRecords = `
CREATE FUNCTION {schema}.write_records(changes jsonb) RETURNS bigint
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  one jsonb;
  new_version bigint := nextval('record_versions');
BEGIN
  FOR one IN SELECT jsonb_array_elements(changes -> 'put') LOOP
    UPDATE records r SET version = new_version, value = (one ->> 2)::json
    WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
      AND r.key = one ->> 1;
    IF NOT FOUND THEN
      INSERT INTO records (space, key, version, value)
      VALUES (one ->> 0, one ->> 1, new_version, (one ->> 2)::json);
    END IF;
  END LOOP;
  FOR one IN SELECT jsonb_array_elements(changes -> 'remove') LOOP
    DELETE FROM records r
    WHERE r.space = one ->> 0 AND left(r.key, ${recordKeyIndexed}) = left(one ->> 1, ${recordKeyIndexed})
      AND r.key = one ->> 1;
  END LOOP;
  FOR one IN SELECT jsonb_array_elements(changes -> 'removeAll') LOOP
    DELETE FROM records r
    WHERE r.space = one ->> 'space'
      AND left(r.key, ${recordKeyIndexed}) >= left(one ->> 'prefix', ${recordKeyIndexed})
      AND r.key >= one ->> 'prefix'
      AND (one ->> 'end' IS NULL OR r.key < one ->> 'end')
      AND (one ->> 'to' IS NULL OR r.key <= one ->> 'to');
  END LOOP;
  RETURN new_version;
END $$;
`;

const commitChanges = `
CREATE FUNCTION {schema}.commit_changes(changes jsonb, is_durable boolean, timeout_ms integer) RETURNS json
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  step jsonb;
  refusal json;
BEGIN
  IF NOT is_durable THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  PERFORM lock_read_side(timeout_ms);
  refusal := check_changes(changes);
  IF refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  FOR step IN SELECT jsonb_array_elements(changes -> 'steps') LOOP
    UPDATE generations m SET position = (step ->> 'to')::bigint
    WHERE m.generation = (step ->> 'generation')::bigint;
    PERFORM write_documents((step ->> 'generation')::bigint, step -> 'written', step -> 'removed');
  END LOOP;
  RETURN json_build_object('version', write_records(changes));
END $$;
`;

/** Commits that wait together, one after the other. One that is refused has changed nothing and leaves the others alone. */
const commitGroup = `
CREATE FUNCTION {schema}.commit_group(commits jsonb, is_durable boolean, timeout_ms integer) RETURNS json
LANGUAGE plpgsql ${settings} AS $$
DECLARE
  one jsonb;
  answers json[] := '{}';
BEGIN
  FOR one IN SELECT jsonb_array_elements(commits) LOOP
    answers := answers || commit_changes(one, is_durable, timeout_ms);
  END LOOP;
  RETURN array_to_json(answers);
END $$;
`;

/** SQL for an empty read side; `{schema}` stands for the schema. */
export const readSideTables: string = [
  tables,
  documentField,
  lockReadSide,
  checkChanges,
  writeDocuments,
  writeRecords,
  commitChanges,
  commitGroup,
].join("");
