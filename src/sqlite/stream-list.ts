/**
 * What is known of streams: one by name, or many in order.
 */
import { categoryOf } from "../core/event.ts";
import type { StreamInfo, StreamPolicy } from "../store/event-store.ts";
import type { ListPlan } from "../store/read-options.ts";
import type { LogReader } from "./log-reader.ts";
import type { Statements } from "./row-source.ts";
import type { PolicyRow } from "./stream-policies.ts";

/** Names fetched at once. */
const namesAtOnce = 500;

/** What is known of a stream; undefined if nothing was ever appended to it. */
export function describeStream(reader: LogReader, stream: string): StreamInfo | undefined {
  const revision = reader.lastRevision(stream);
  if (revision < 0) return undefined;
  const policy = reader.policies.find(stream);
  const firstRevision = policy === undefined ? 0 : reader.firstOfStream(stream)?.revision;
  return { stream, state: stateOf(policy, revision), revision, firstRevision, policy: publicPolicy(policy) };
}

function stateOf(policy: PolicyRow | undefined, revision: number): StreamInfo["state"] {
  if (policy === undefined) return "open";
  if (policy.isTombstoned) return "tombstoned";
  return policy.deletedRevision === revision ? "deleted" : "open";
}

function publicPolicy(policy: PolicyRow | undefined): StreamPolicy {
  const { maxCount, maxAgeMs, truncateBefore = 0 } = policy ?? {};
  return {
    ...(maxCount !== undefined && { maxCount }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(truncateBefore > 0 && { truncateBefore }),
  };
}

/** Names of streams after `plan.after`, in order, those without stored commits too. */
export function* listNames(
  statements: Statements,
  reader: LogReader,
  plan: ListPlan,
): Generator<readonly string[]> {
  let left = plan.limit;
  let after = plan.after ?? "";
  const category = plan.category;
  while (left > 0) {
    const names = namesAfter(statements, after, plan.prefix);
    if (names.length === 0) return;
    after = names.at(-1)!;
    const wanted = names
      .filter((name) => category === undefined || categoryOf(name) === category)
      .filter((name) => reader.uncheckedLastRevision(name) >= 0)
      .slice(0, left);
    left -= wanted.length;
    yield wanted;
  }
}

/** Jumps from name to name through the index, so that long streams cost no more than short ones. */
const nextNames = `
WITH RECURSIVE
  stored(name) AS (
    SELECT (SELECT min(stream) FROM commits WHERE stream > ? AND stream >= ?)
    UNION ALL
    SELECT (SELECT min(stream) FROM commits WHERE stream > stored.name) FROM stored
    WHERE stored.name IS NOT NULL AND substr(stored.name, 1, length(?)) = ? LIMIT ?
  ),
  kept(name) AS (SELECT stream FROM stream_policies WHERE stream > ? AND stream >= ? ORDER BY stream LIMIT ?)
SELECT name FROM (SELECT name FROM stored WHERE name IS NOT NULL UNION SELECT name FROM kept)
WHERE name > ? AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?`;

function namesAfter(statements: Statements, after: string, prefix: string): string[] {
  const stored = [after, prefix, prefix, prefix, namesAtOnce];
  const kept = [after, prefix, namesAtOnce];
  return statements
    .prepare<[string]>(nextNames)
    .all(...stored, ...kept, after, prefix, prefix, namesAtOnce)
    .map((row) => row[0]);
}
