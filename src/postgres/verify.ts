/**
 * Looks at every event of a store, a stretch of the log at a time, and reports what does not fit together.
 *
 * PostgreSQL itself guards its pages with checksums, where it was told to; what is looked at here is what its constraints
 * do not say: that revisions follow each other in the order of the positions, that no event is gone but those that were
 * reclaimed, that every tag is found in its index, and that the rows beside the log can be (`verify-rows.ts`).
 */
import { isHithertoError } from "../core/errors.ts";
import type { VerifyOptions, VerifyProblem, VerifyReport } from "../store/event-store.ts";
import { throwIfAborted } from "../store/read-options.ts";
import { headOfLog } from "./log-expressions.ts";
import { sqlStateOf } from "./postgres-errors.ts";
import type { SharedStore } from "./shared-store.ts";
import { statsSql } from "./stream-functions.ts";
import { problemsMax, rowChecks } from "./verify-rows.ts";

const positionsAtOnce = 20_000;

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
  let problemCount = 0;
  const report = (problem: VerifyProblem): void => {
    problemCount++;
    if (problems.length < problemsMax) problems.push(problem);
  };
  const checkGoingOn = (): void => {
    shared.checkOpen();
    throwIfAborted(options.signal, "verify");
  };
  /** What cannot be read is a problem like others; it ends only the check that met it. */
  const guard = async <Result>(check: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await check();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      report({ kind: "file", message: (error as Error).message });
      return undefined;
    }
  };
  let events = 0;
  let isWhole = true;
  for (let from = 1; from <= head; from += positionsAtOnce) {
    checkGoingOn();
    const to = Math.min(head, from + positionsAtOnce - 1);
    const sql = database.qualify(stretchSql);
    const rows = await guard(() => patient.query<[number, string]>(sql, [from, to]));
    isWhole &&= rows !== undefined;
    const [found, fromStretch] = rows?.[0] ?? [0, "[]"];
    events += found;
    for (const [kind, message, stream, position] of JSON.parse(fromStretch) as ProblemRow[]) {
      report({ kind, message, stream, position });
    }
    options.onProgress?.(events, head - removed);
  }
  // Asked last: what has been reclaimed meanwhile may have been counted, but is not missing.
  const [[reclaimed] = [0]] = await database.query<[number]>(database.qualify(removedSql), []);
  const missing = head - reclaimed - events;
  if (missing > 0 && isWhole) {
    const message = `${missing === 1 ? "1 event is" : `${missing} events are`} missing that nobody has reclaimed`;
    report({ kind: "position", message });
  } else if (missing < 0 && reclaimed === removed) {
    const message = `the log counts ${-missing} of its events as reclaimed`;
    report({ kind: "position", message });
  }
  await guard(async () => {
    const stray = await patient.query<[string, number]>(database.qualify(strayTagsSql), []);
    for (const [tag, position] of stray) {
      report({ kind: "index", message: `the tag ${tag} leads to an event that has it not`, position });
    }
  });
  for (const check of rowChecks) {
    await guard(async () => {
      for await (const problem of check({ database, checkGoingOn })) report(problem);
    });
  }
  return { isSound: problemCount === 0, events, streams, problems, problemCount };
}

type ProblemRow = readonly [kind: VerifyProblem["kind"], message: string, stream: string, position: number];

/** Whether PostgreSQL itself cannot read something, or finds it otherwise than it was made. */
function isUnreadable(error: unknown): boolean {
  const state = sqlStateOf(error) ?? "";
  return isHithertoError(error, "STORE_DAMAGED") || (state.startsWith("42") && state !== "42501");
}
