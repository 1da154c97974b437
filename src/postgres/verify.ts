/**
 * Looks at every event of a store, a stretch of the log at a time, and reports what does not fit together.
 *
 * PostgreSQL itself guards its pages with checksums, where it was told to; what is looked at here is what its constraints
 * do not say: that revisions follow each other in the order of the positions, that no event is gone but those that were
 * reclaimed, and that every tag is found in its index.
 */
import type { VerifyOptions, VerifyProblem, VerifyReport } from "../store/event-store.ts";
import { throwIfAborted } from "../store/read-options.ts";
import { headOfLog } from "./log-expressions.ts";
import { findMisfits } from "./read-side/find-misfits.ts";
import type { SharedStore } from "./shared-store.ts";
import { statsSql } from "./stream-functions.ts";

const positionsAtOnce = 20_000;
const problemsMax = 100;

/** How many events a stretch has, and its problems: kind, words, stream and position. */
const stretchSql = `
WITH stretch AS (SELECT e.* FROM {schema}.events e WHERE e.position BETWEEN $1 AND $2),
problems AS (
  SELECT 'revision' AS kind, 'revision ' || (e.revision - 1) || ' is missing or not before it' AS words,
    e.stream, e.position
  FROM stretch e
  WHERE e.revision > 0
    AND NOT EXISTS (
      SELECT FROM {schema}.events b
      WHERE b.stream = e.stream AND b.revision = e.revision - 1 AND b.position < e.position)
    AND NOT EXISTS (SELECT FROM {schema}.stream_policies p WHERE p.stream = e.stream)
  UNION ALL
  SELECT 'index', 'the event is not found by its tag ' || t.tag, e.stream, e.position
  FROM stretch e CROSS JOIN LATERAL unnest(e.tags) AS t(tag)
  WHERE NOT EXISTS (SELECT FROM {schema}.event_tags i WHERE i.tag = t.tag AND i.position = e.position)
  UNION ALL
  SELECT 'position', 'the position lies beyond the head of the log', e.stream, e.position
  FROM stretch e WHERE e.position < 1 OR e.position > ${headOfLog}
)
SELECT (SELECT count(*) FROM stretch), coalesce((SELECT json_agg(json_build_array(kind, words, stream, position)) FROM problems), '[]')`;

const removedSql = "SELECT l.removed FROM {schema}.log l";

/** Entries of the index of tags that lead to no event. */
const strayTagsSql = `
SELECT t.tag, t.position FROM {schema}.event_tags t
WHERE NOT EXISTS (SELECT FROM {schema}.events e WHERE e.position = t.position AND t.tag = ANY (e.tags))
LIMIT ${problemsMax + 1}`;

/** Verifies a store. @throws `ABORTED` */
export async function verifyStore(shared: SharedStore, options: VerifyOptions): Promise<VerifyReport> {
  const { database } = shared;
  const { patient } = database;
  const [stats] = await patient.query<[number, number, number]>(database.qualify(statsSql), []);
  const [head, removed, streams] = stats!;
  const problems: VerifyProblem[] = [];
  let events = 0;
  for (let from = 1; from <= head; from += positionsAtOnce) {
    shared.checkOpen();
    throwIfAborted(options.signal, "verify");
    const to = Math.min(head, from + positionsAtOnce - 1);
    const [row] = await patient.query<[number, string]>(database.qualify(stretchSql), [from, to]);
    events += row![0];
    for (const [kind, message, stream, position] of JSON.parse(row![1]) as ProblemRow[]) {
      problems.push({ kind, message, stream, position });
    }
    options.onProgress?.(events, head - removed);
  }
  // Asked last: what has been reclaimed meanwhile may have been counted, but is not missing.
  const [[reclaimed] = [0]] = await database.query<[number]>(database.qualify(removedSql), []);
  const missing = head - reclaimed - events;
  if (missing > 0) {
    const message = `${missing === 1 ? "1 event is" : `${missing} events are`} missing that nobody has reclaimed`;
    problems.push({ kind: "position", message });
  }
  const stray = await patient.query<[string, number]>(database.qualify(strayTagsSql), []);
  for (const [tag, position] of stray) {
    problems.push({ kind: "index", message: `the tag ${tag} leads to an event that has it not`, position });
  }
  for (const message of await findMisfits(database)) problems.push({ kind: "file", message });
  const problemCount = problems.length;
  return {
    isSound: problemCount === 0,
    events,
    streams,
    problems: problems.slice(0, problemsMax),
    problemCount,
  };
}

type ProblemRow = readonly [kind: VerifyProblem["kind"], message: string, stream: string, position: number];
