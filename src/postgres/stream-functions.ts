/**
 * The functions that change what is kept of streams. Each locks the log: what an append decides on does not change under it.
 */
import { asOwner, safely } from "./function-settings.ts";
import { headOfLog, isKept, lastRevisionOf, millisecondsOf, nowOr } from "./log-expressions.ts";

const setPolicy = `
CREATE OR REPLACE FUNCTION {schema}.set_policy(
  stream_name text, new_max_count bigint, new_max_age_ms bigint, new_truncate_before bigint, timeout_ms integer
) RETURNS void
LANGUAGE plpgsql ${asOwner} AS $$
BEGIN
  PERFORM {schema}.lock_log(timeout_ms);
  INSERT INTO {schema}.stream_policies AS p (stream, max_count, max_age_ms, truncate_before)
  VALUES (stream_name, new_max_count, new_max_age_ms, new_truncate_before)
  ON CONFLICT (stream) DO UPDATE SET
    max_count = excluded.max_count,
    max_age_ms = excluded.max_age_ms,
    truncate_before = greatest(p.truncate_before, excluded.truncate_before);
END $$;
`;

/** Null when done; otherwise the refusal. */
const removeStream = `
CREATE OR REPLACE FUNCTION {schema}.remove_stream(
  stream_name text, expected bigint, as_tombstone boolean, given_now_ms bigint, timeout_ms integer
) RETURNS json
LANGUAGE plpgsql ${asOwner} AS $$
DECLARE
  policy {schema}.stream_policies;
  last bigint;
  refusal json;
BEGIN
  PERFORM {schema}.lock_log(timeout_ms);
  SELECT p.* INTO policy FROM {schema}.stream_policies p WHERE p.stream = stream_name;
  last := coalesce(greatest(policy.last_revision, ${lastRevisionOf("stream_name")}), -1);
  refusal := {schema}.check_expectation(
    stream_name, expected, last, coalesce(greatest(policy.deleted_before, policy.truncate_before), 0),
    policy.max_age_ms, ${nowOr("given_now_ms")});
  IF refusal IS NULL AND policy.is_tombstoned IS NOT TRUE AND (as_tombstone OR last >= 0) THEN
    INSERT INTO {schema}.stream_policies AS p (stream, deleted_before, is_tombstoned, last_revision)
    VALUES (stream_name, last + 1, as_tombstone, last)
    ON CONFLICT (stream) DO UPDATE SET
      deleted_before = excluded.deleted_before,
      is_tombstoned = excluded.is_tombstoned,
      last_revision = excluded.last_revision;
    -- Snapshots hold what deleted events said.
    DELETE FROM {schema}.snapshots s WHERE s.stream = stream_name;
  END IF;
  RETURN refusal;
END $$;
`;

/** Removes at most so many hidden events, and says how many. With the caller's rights: only the owner may remove events. */
const reclaimSome = `
CREATE OR REPLACE FUNCTION {schema}.reclaim_some(events_max integer, given_now_ms bigint, timeout_ms integer) RETURNS bigint
LANGUAGE plpgsql ${safely} AS $$
DECLARE
  now_ms bigint;
  gone_events bigint;
BEGIN
  PERFORM {schema}.lock_log(timeout_ms);
  now_ms := ${nowOr("given_now_ms")};
  WITH ends AS (
    SELECT p.*, greatest(p.last_revision, ${lastRevisionOf("p.stream")}) AS last FROM {schema}.stream_policies p
  ),
  hidden AS (
    SELECT h.position
    FROM ends p
    CROSS JOIN LATERAL (
      SELECT e.position FROM {schema}.events e
      WHERE e.stream = p.stream
        AND e.revision < greatest(p.deleted_before, p.truncate_before, p.last - p.max_count + 1)
      UNION ALL
      SELECT e.position FROM {schema}.events e
      WHERE p.max_age_ms IS NOT NULL AND e.stream = p.stream
        AND e.revision >= greatest(p.deleted_before, p.truncate_before, p.last - p.max_count + 1)
        AND ${millisecondsOf("e.recorded_at")} < now_ms - p.max_age_ms
    ) h
    LIMIT events_max
  ),
  gone AS (
    DELETE FROM {schema}.events e USING hidden h WHERE e.position = h.position
    RETURNING e.position, e.stream, e.tags
  ),
  gone_tags AS (
    DELETE FROM {schema}.event_tags t
    USING (SELECT g.position, unnest(g.tags) AS tag FROM gone g) g
    WHERE t.tag = g.tag AND t.position = g.position
  ),
  kept_ends AS (
    UPDATE {schema}.stream_policies p SET last_revision = ends.last
    FROM ends WHERE ends.stream = p.stream AND p.stream IN (SELECT g.stream FROM gone g)
  )
  UPDATE {schema}.log l SET removed = l.removed + g.events, head = greatest(l.head, g.position)
  FROM (SELECT count(*) AS events, max(g.position) AS position FROM gone g) g
  WHERE g.events > 0
  RETURNING g.events INTO gone_events;
  RETURN coalesce(gone_events, 0);
END $$;
`;

/** SQL for the functions; `{schema}` stands for the schema. */
export const streamFunctions: string = [setPolicy, removeStream, reclaimSome].join("");

/** What is known of some streams, in the order of their names in `$1`; `$2` is the time. */
export const describeStreamsSql: string = `
SELECT s.stream, s.last, first.revision, p.max_count, p.max_age_ms, p.truncate_before, p.deleted_before, p.is_tombstoned
FROM (
  SELECT n.stream, n.place, coalesce(greatest(${lastRevisionOf("n.stream")}, p.last_revision), -1) AS last
  FROM unnest($1::text[]) WITH ORDINALITY AS n(stream, place)
  LEFT JOIN {schema}.stream_policies p ON p.stream = n.stream
) s
LEFT JOIN {schema}.stream_policies p ON p.stream = s.stream
LEFT JOIN LATERAL (
  SELECT e.revision FROM {schema}.events e
  WHERE e.stream = s.stream
    AND e.revision >= greatest(p.deleted_before, p.truncate_before, s.last - p.max_count + 1, 0)
    AND ${isKept(nowOr("$2::bigint"))}
  ORDER BY e.revision LIMIT 1
) first ON true
WHERE s.last >= 0
ORDER BY s.place`;

/**
 * Names of streams after `$1`, with the prefix `$2`, at most `$3`. Jumps from name to name through the index, so that
 * long streams cost no more than short ones.
 */
export const listNamesSql = `
WITH RECURSIVE stored(stream, n) AS (
  (
    SELECT e.stream, 1 FROM {schema}.events e
    WHERE e.stream > $1 AND e.stream >= $2 ORDER BY e.stream LIMIT 1
  )
  UNION ALL
  SELECT next.stream, s.n + 1
  FROM stored s
  CROSS JOIN LATERAL (
    SELECT e.stream FROM {schema}.events e WHERE e.stream > s.stream ORDER BY e.stream LIMIT 1
  ) next
  WHERE s.n < $3 AND starts_with(s.stream, $2)
)
SELECT stream FROM stored WHERE starts_with(stream, $2)
UNION
SELECT p.stream FROM {schema}.stream_policies p
WHERE p.stream > $1 AND p.stream >= $2 AND starts_with(p.stream, $2) AND p.last_revision >= 0
ORDER BY stream LIMIT $3`;

/**
 * Figures of the log. A stream whose first event is not there has a policy: reclaiming takes events of such streams only,
 * and an import that begins later writes one.
 */
export const statsSql: string = `
SELECT
  ${headOfLog} AS head,
  (SELECT removed FROM {schema}.log) AS removed,
  (SELECT count(*) FROM {schema}.events e WHERE e.revision = 0)
  + (
    SELECT count(*) FROM {schema}.stream_policies p
    WHERE NOT EXISTS (SELECT FROM {schema}.events e WHERE e.stream = p.stream AND e.revision = 0)
      AND (p.last_revision >= 0 OR EXISTS (SELECT FROM {schema}.events e WHERE e.stream = p.stream))
  ) AS streams,
  (SELECT count(*) FROM {schema}.snapshots) AS snapshots,
  (
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ({schema_text}, {read_models_text}) AND c.relkind = 'r'
  ) AS bytes,
  current_setting('fsync') = 'on' AS fsync,
  current_setting('synchronous_commit') <> 'off' AS waits`;
