/**
 * The functions by which events are appended: all of a group of appends in one call, so in one round trip.
 *
 * `append_group` locks the log, so that every statement after it sees all that was committed before. Then it decides on
 * one append after the other, each against the log with the accepted ones before it. What streams have reached is kept in
 * arrays; the events are inserted together at the end, or before a look at the log that must see them.
 *
 * An append is made of parts, one for each of its streams. Parts come as arrays: the n-th entries of all are about the
 * n-th part; so do events, most of it as lines of text (`event-columns.ts`). A refused append has written nothing; its
 * answer has a code and the details of the error.
 */
import { asOwner, safely } from "./function-settings.ts";
import { headOfLog, isKept, lastRevisionOf, nowOr } from "./log-expressions.ts";

/** How an expectation is written in `append_group`; a revision is written as itself. */
export const expectations = { any: -1, none: -2, exists: -3 } as const;

const writeRight = `
CREATE OR REPLACE FUNCTION {schema}.lock_log(timeout_ms integer) RETURNS void
LANGUAGE plpgsql ${asOwner} AS $$
DECLARE
  -- The transaction may be somebody else's, and its settings are.
  before text := current_setting('lock_timeout');
BEGIN
  PERFORM set_config('lock_timeout', timeout_ms::text, true);
  LOCK TABLE {schema}.log IN EXCLUSIVE MODE;
  PERFORM set_config('lock_timeout', before, true);
END $$;

`;

const blockingEvent = `json_build_object(
    'id', e.id, 'type', e.type, 'stream', e.stream, 'revision', e.revision, 'position', e.position)`;

/** Null when none of the events is stored; otherwise what the repeated append is answered. */
const findRepetition = `
CREATE OR REPLACE FUNCTION {schema}.find_repetition(
  names text[], part_stream integer[], event_part integer[], event_id uuid[]
) RETURNS json
LANGUAGE sql STABLE ${safely} AS $$
  WITH wanted AS (
    SELECT e.part, e.n, names[part_stream[e.part]] AS stream, e.id
    FROM unnest(event_part, event_id) WITH ORDINALITY AS e(part, id, n)
  ),
  found AS (
    SELECT w.part, w.n, ${blockingEvent} AS event, e.id, e.revision, e.position, CASE
      WHEN e.stream <> w.stream THEN 'it is stored in stream "' || e.stream || '"'
      WHEN e.position <= lag(e.position) OVER (ORDER BY w.n) THEN 'it is stored in another order'
    END AS problem
    FROM wanted w JOIN {schema}.events e ON e.id = w.id
  ),
  conflict AS (
    SELECT f.id, f.event, coalesce(f.problem, 'it is stored already, but not all events of the append are') AS problem
    FROM found f
    WHERE f.problem IS NOT NULL OR (SELECT count(*) FROM found) < (SELECT count(*) FROM wanted)
    ORDER BY f.n LIMIT 1
  ),
  parts AS (
    SELECT f.part, json_build_array(
      (array_agg(f.revision ORDER BY f.n))[1], (array_agg(f.revision ORDER BY f.n DESC))[1]) AS revisions
    FROM found f GROUP BY f.part
  )
  SELECT CASE
    WHEN NOT EXISTS (SELECT FROM found) THEN NULL
    WHEN EXISTS (SELECT FROM conflict) THEN (
      SELECT json_build_object('code', 'EVENT_ID_CONFLICT', 'details', json_build_object(
        'id', c.id, 'problem', c.problem, 'event', c.event))
      FROM conflict c)
    ELSE json_build_object(
      'firstPosition', (SELECT min(f.position) FROM found f),
      'position', (SELECT max(f.position) FROM found f),
      'revisions', (SELECT json_agg(parts.revisions ORDER BY parts.part) FROM parts))
  END
$$;
`;

/** The first visible event after a position that matches a query; null if there is none. */
const findMatch = `
CREATE OR REPLACE FUNCTION {schema}.find_match(query json, after_position bigint, now_ms bigint) RETURNS json
LANGUAGE plpgsql STABLE ${safely} AS $$
DECLARE
  item json;
  wanted_types text[];
  wanted_tags text[];
  matching bigint;
  first bigint;
BEGIN
  FOR item IN SELECT json_array_elements(CASE json_array_length(query) WHEN 0 THEN '[{}]' ELSE query END) LOOP
    wanted_types := (SELECT array_agg(t) FROM json_array_elements_text(item -> 'types') t);
    CONTINUE WHEN wanted_types IS NULL AND json_typeof(item -> 'types') = 'array';
    wanted_tags := ARRAY(SELECT json_array_elements_text(item -> 'tags'));
    IF cardinality(wanted_tags) > 1 THEN
      -- The rarest first, going by the next hundred events of each.
      wanted_tags := ARRAY(
        SELECT w.tag FROM unnest(wanted_tags) AS w(tag)
        ORDER BY (
          SELECT count(*) FROM (
            SELECT FROM {schema}.event_tags t WHERE t.tag = w.tag AND t.position > after_position LIMIT 100) few));
    END IF;
    IF cardinality(wanted_tags) > 0 THEN
      matching := (
        SELECT t.position
        FROM {schema}.event_tags t JOIN {schema}.events e ON e.position = t.position
        WHERE t.tag = wanted_tags[1] AND t.position > after_position AND e.tags @> wanted_tags
          AND (wanted_types IS NULL OR e.type = ANY (wanted_types))
          AND ${isKept("now_ms")}
        ORDER BY t.position LIMIT 1);
    ELSIF wanted_types IS NOT NULL THEN
      matching := (
        SELECT min(of_type.position)
        FROM unnest(wanted_types) AS w(type)
        CROSS JOIN LATERAL (
          SELECT e.position FROM {schema}.events e
          WHERE e.type = w.type AND e.position > after_position AND ${isKept("now_ms")}
          ORDER BY e.position LIMIT 1
        ) of_type);
    ELSE
      matching := (
        SELECT e.position FROM {schema}.events e
        WHERE e.position > after_position AND ${isKept("now_ms")}
        ORDER BY e.position LIMIT 1);
    END IF;
    first := least(first, matching);
  END LOOP;
  IF first IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT ${blockingEvent} FROM {schema}.events e WHERE e.position = first);
END $$;
`;

/** Null when the expectation holds; otherwise the refusal. */
const checkExpectation = `
CREATE OR REPLACE FUNCTION {schema}.check_expectation(
  stream_name text, expected bigint, last bigint, kept_from bigint, max_age bigint, now_ms bigint
) RETURNS json
LANGUAGE plpgsql STABLE ${safely} AS $$
DECLARE
  is_empty boolean := last < kept_from;
  blocking json;
BEGIN
  IF NOT is_empty AND max_age IS NOT NULL THEN
    is_empty := NOT EXISTS (
      SELECT FROM {schema}.events e
      WHERE e.stream = stream_name AND e.revision >= kept_from AND ${isKept("now_ms")});
  END IF;
  IF (CASE expected
    WHEN ${expectations.any} THEN true
    WHEN ${expectations.none} THEN is_empty
    WHEN ${expectations.exists} THEN NOT is_empty
    ELSE NOT is_empty AND expected = last
  END) THEN
    RETURN NULL;
  END IF;
  IF NOT is_empty THEN
    SELECT ${blockingEvent} INTO blocking FROM {schema}.events e
    WHERE e.stream = stream_name AND e.revision > greatest(expected, -1) AND ${isKept("now_ms")}
    ORDER BY e.revision LIMIT 1;
  END IF;
  RETURN json_build_object('code', 'REVISION_CONFLICT', 'details', json_build_object(
    'stream', stream_name,
    'expected', CASE expected
      WHEN ${expectations.none} THEN '"none"' WHEN ${expectations.exists} THEN '"exists"' ELSE expected::text
    END::json,
    'actual', CASE WHEN is_empty THEN '"none"' ELSE last::text END::json,
    'event', blocking));
END $$;
`;

/** Statements of `append_group`: they write the accepted events of the parts from `unwritten` up to `first_part`. */
const writeEvents = `
      from_event := part_first[unwritten];
      to_event := part_first[first_part - 1] + part_events[first_part - 1] - 1;
      INSERT INTO {schema}.events
        (position, stream, revision, type, id, schema_version, data, bytes, metadata, tags, recorded_at)
      SELECT
        positions[e.part] + from_event + e.n - 1 - part_first[e.part], names[part_stream[e.part]],
        revisions[e.part] + from_event + e.n - 1 - part_first[e.part],
        e.type, e.id, coalesce(e.schema_version::integer, 1), e.data::json, decode(e.bytes, 'base64'),
        coalesce(e.metadata::json, '{}'), coalesce(string_to_array(e.tags, E'\\t'), '{}'),
        coalesce(e.moment::timestamptz, to_timestamp(
          CASE part_moment_ms[e.part] WHEN -1 THEN now_ms ELSE part_moment_ms[e.part] END / 1000.0::float8))
      FROM unnest(
        event_part[from_event:to_event], event_id[from_event:to_event], types[from_event:to_event],
        schema_versions[from_event:to_event], data[from_event:to_event], bytes[from_event:to_event],
        metadata[from_event:to_event], tags[from_event:to_event], moments[from_event:to_event]
      ) WITH ORDINALITY AS e(part, id, type, schema_version, data, bytes, metadata, tags, moment, n)
      WHERE positions[e.part] > 0;
      IF tags IS NOT NULL THEN
        INSERT INTO {schema}.event_tags (tag, position)
        SELECT t.tag, positions[e.part] + from_event + e.n - 1 - part_first[e.part]
        FROM unnest(event_part[from_event:to_event], tags[from_event:to_event])
          WITH ORDINALITY AS e(part, tags, n)
        CROSS JOIN LATERAL unnest(string_to_array(e.tags, E'\\t')) AS t(tag)
        WHERE positions[e.part] > 0;
      END IF;
      unwritten := first_part;`;

/** The values of a column of events: those that have none are null. */
const linesOf = (column: string): string => `string_to_array(${column}, E'\\n', '')`;

/** Types of the parameters of `append_group`, as the catalogue calls them: arrays have an underscore before their name. */
export const appendGroupTypes: readonly string[] = [
  "text",
  "_int4",
  "_int4",
  "_int8",
  "_int8",
  "_int4",
  "_int4",
  "_int8",
  "_int4",
  "_uuid",
  ...Array.from({ length: 7 }, () => "text"),
  "json",
  "_uuid",
  "int8",
  "int4",
];

const appendGroup = `
CREATE OR REPLACE FUNCTION {schema}.append_group(
  -- Each stream once, a line for each.
  stream_lines text,
  part_append integer[],
  -- Which of the streams.
  part_stream integer[],
  part_expected bigint[],
  -- The revision at which the part must begin; -1 for the next one.
  part_begins bigint[],
  part_events integer[],
  -- Which event is its first.
  part_first integer[],
  -- When the events were recorded; -1 for now.
  part_moment_ms bigint[],
  event_part integer[],
  event_id uuid[],
  -- Columns of events: a line for each, empty where it has no such value; null when none has.
  type_lines text,
  schema_version_lines text,
  data_lines text,
  bytes_lines text,
  metadata_lines text,
  tag_lines text,
  moment_lines text,
  -- For each append null or its condition, with "mayMeetGroup": whether an earlier one of the group may be in its way.
  conditions json,
  -- Ids to look for: only if one of them is stored can an append be a repetition.
  known_ids uuid[],
  given_now_ms bigint,
  timeout_ms integer
) RETURNS json
LANGUAGE plpgsql ${asOwner}
SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  now_ms bigint;
  head bigint;
  names text[] := string_to_array(stream_lines, E'\\n');
  types text[] := ${linesOf("type_lines")};
  schema_versions text[] := ${linesOf("schema_version_lines")};
  data text[] := ${linesOf("data_lines")};
  bytes text[] := ${linesOf("bytes_lines")};
  metadata text[] := ${linesOf("metadata_lines")};
  tags text[] := ${linesOf("tag_lines")};
  moments text[] := ${linesOf("moment_lines")};
  condition_list json[];
  may_repeat boolean := false;
  -- By stream.
  lasts bigint[];
  kept_froms bigint[];
  max_ages bigint[];
  tombstones boolean[];
  -- By part; a position of 0 says that it is not stored.
  positions bigint[] := array_fill(0::bigint, ARRAY[cardinality(part_append)]);
  revisions bigint[] := positions;
  answers json[] := '{}';
  answer json;
  condition json;
  first_part integer := 1;
  last_part integer;
  -- The parts before this one have been written.
  unwritten integer := 1;
  from_event integer;
  to_event integer;
  must_look boolean;
  slot integer;
BEGIN
  PERFORM {schema}.lock_log(timeout_ms);
  now_ms := ${nowOr("given_now_ms")};
  head := ${headOfLog};
  -- Taken apart once: to look for an element in a long JSON text takes long each time.
  IF conditions IS NOT NULL THEN
    condition_list := ARRAY(SELECT json_array_elements(conditions));
  END IF;
  SELECT
    array_agg(coalesce(greatest(p.last_revision, ${lastRevisionOf("s.stream")}), -1) ORDER BY s.n),
    array_agg(coalesce(greatest(p.deleted_before, p.truncate_before), 0) ORDER BY s.n),
    array_agg(p.max_age_ms ORDER BY s.n),
    array_agg(coalesce(p.is_tombstoned, false) ORDER BY s.n)
  INTO lasts, kept_froms, max_ages, tombstones
  FROM unnest(names) WITH ORDINALITY AS s(stream, n)
  LEFT JOIN {schema}.stream_policies p ON p.stream = s.stream;
  IF cardinality(known_ids) > 0 THEN
    may_repeat := EXISTS (SELECT FROM {schema}.events e WHERE e.id = ANY (known_ids));
  END IF;

  WHILE first_part <= cardinality(part_append) LOOP
    last_part := first_part;
    WHILE part_append[last_part + 1] = part_append[first_part] LOOP
      last_part := last_part + 1;
    END LOOP;
    answer := NULL;
    condition := condition_list[part_append[first_part]];
    IF json_typeof(condition) = 'null' THEN
      condition := NULL;
    END IF;

    IF may_repeat THEN
      from_event := part_first[first_part];
      to_event := part_first[last_part] + part_events[last_part] - 1;
      answer := {schema}.find_repetition(
        names, part_stream, event_part[from_event:to_event], event_id[from_event:to_event]);
    END IF;

    -- What the arrays don't tell, the log does, once it holds what has been accepted.
    must_look := coalesce((condition ->> 'mayMeetGroup')::boolean, false);
    FOR part IN first_part .. last_part LOOP
      slot := part_stream[part];
      must_look := must_look OR max_ages[slot] IS NOT NULL OR CASE part_expected[part]
        WHEN ${expectations.any} THEN false
        WHEN ${expectations.none} THEN lasts[slot] >= kept_froms[slot]
        WHEN ${expectations.exists} THEN false
        ELSE part_expected[part] <> lasts[slot]
      END;
    END LOOP;
    IF must_look AND answer IS NULL AND unwritten < first_part THEN${writeEvents}
    END IF;

    FOR part IN first_part .. last_part LOOP
      EXIT WHEN answer IS NOT NULL;
      slot := part_stream[part];
      IF tombstones[slot] THEN
        answer := json_build_object(
          'code', 'STREAM_TOMBSTONED', 'details', json_build_object('stream', names[slot]));
      ELSIF part_expected[part] <> ${expectations.any} THEN
        answer := {schema}.check_expectation(
          names[slot], part_expected[part], lasts[slot], kept_froms[slot], max_ages[slot], now_ms);
      END IF;
      IF answer IS NULL AND part_begins[part] >= 0 AND lasts[slot] >= 0 AND part_begins[part] <> lasts[slot] + 1 THEN
        answer := json_build_object('code', 'REVISION_CONFLICT', 'details', json_build_object(
          'stream', names[slot],
          'expected', CASE part_begins[part] WHEN 0 THEN '"none"' ELSE (part_begins[part] - 1)::text END::json,
          'actual', lasts[slot]));
      END IF;
    END LOOP;

    IF answer IS NULL AND condition IS NOT NULL THEN
      answer := {schema}.find_match(
        condition -> 'failIfMatch', coalesce((condition ->> 'after')::bigint, 0), now_ms);
      IF answer IS NOT NULL THEN
        answer := json_build_object('code', 'CONDITION_CONFLICT', 'details', json_build_object('event', answer));
      END IF;
    END IF;

    IF answer IS NOT NULL THEN
      answers := answers || json_build_object('append', part_append[first_part], 'answer', answer);
    ELSE
      FOR part IN first_part .. last_part LOOP
        slot := part_stream[part];
        IF part_begins[part] > lasts[slot] + 1 THEN
          -- As if the stream had been deleted up to there.
          INSERT INTO {schema}.stream_policies AS p (stream, deleted_before, last_revision)
          VALUES (names[slot], part_begins[part], part_begins[part] - 1)
          ON CONFLICT (stream) DO UPDATE
          SET deleted_before = excluded.deleted_before, last_revision = excluded.last_revision;
          lasts[slot] := part_begins[part] - 1;
          kept_froms[slot] := greatest(kept_froms[slot], part_begins[part]);
        END IF;
        positions[part] := head + 1;
        revisions[part] := lasts[slot] + 1;
        head := head + part_events[part];
        lasts[slot] := lasts[slot] + part_events[part];
      END LOOP;
    END IF;
    first_part := last_part + 1;
  END LOOP;

  IF unwritten < first_part THEN${writeEvents}
  END IF;
  RETURN json_build_object('positions', positions, 'revisions', revisions, 'answers', answers);
END $$;
`;

/** SQL for the functions; `{schema}` stands for the schema. */
export const appendFunctions: string = [
  writeRight,
  findRepetition,
  findMatch,
  checkExpectation,
  appendGroup,
].join("");
