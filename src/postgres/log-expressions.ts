/**
 * Expressions of SQL that several statements share: where the log and its streams end, and which events are hidden, which
 * is those that were deleted and those outside of their stream's policy.
 */

/** The milliseconds since 1970 of an expression; by `date_part`, since `extract` counts in decimals, which takes longer. */
export function millisecondsOf(timestamp: string): string {
  return `round(date_part('epoch', ${timestamp}) * 1000)::bigint`;
}

/** Now, or the moment that the expression `given` holds. */
export function nowOr(given: string): string {
  return `coalesce(${given}, ${millisecondsOf("clock_timestamp()")})`;
}

/** Position of the last event ever; 0 for an empty log. An index is asked for one entry. */
export const headOfLog: string =
  "greatest((SELECT max(e.position) FROM {schema}.events e), (SELECT l.head FROM {schema}.log l))";

/** Revision of the last event ever appended to a stream; null if there is none. An index is asked for one entry. */
export function lastRevisionOf(stream: string): string {
  return `(SELECT max(last.revision) FROM {schema}.events last WHERE last.stream = ${stream})`;
}

/**
 * Holds for an event `e` that reads return at the moment `nowMs`, an expression. Whether any stream has a policy is asked
 * once in a statement; where none has, nothing is asked for each event.
 */
export function isKept(nowMs: string): string {
  return `(NOT EXISTS (SELECT FROM {schema}.stream_policies) OR NOT EXISTS (
  SELECT FROM {schema}.stream_policies p
  WHERE p.stream = e.stream AND (
    e.revision < greatest(p.deleted_before, p.truncate_before)
    OR p.max_count IS NOT NULL
      AND e.revision <= greatest(p.last_revision, ${lastRevisionOf("p.stream")}) - p.max_count
    OR p.max_age_ms IS NOT NULL AND ${millisecondsOf("e.recorded_at")} < ${nowMs} - p.max_age_ms
  )
))`;
}
