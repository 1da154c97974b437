/**
 * Compares the checkpoints of consumers with the log, and their number with what the consumers say. Stores do not know what their records say.
 */
import { isHithertoError } from "../core/errors.ts";
import type { EventStore, VerifyProblem, VerifyReport } from "../store/event-store.ts";
import { partitionsProblem } from "./consumers/consumer-records.ts";
import { unreachedProblem } from "./reached-position.ts";
import { recordKeyParts, spaces } from "./records.ts";
import type { ConsumerRecord, PartitionRecord } from "./records.ts";

const problemsMax = 100;

/** Adds problems to a report. */
export async function withProblems(
  report: VerifyReport,
  found: AsyncIterable<VerifyProblem>,
): Promise<VerifyReport> {
  const problems = [...report.problems];
  let { problemCount } = report;
  for await (const problem of found) {
    problemCount += 1;
    if (problems.length < problemsMax) problems.push(problem);
  }
  return { ...report, isSound: problemCount === 0, problems, problemCount };
}

/** Says which partitions of consumers are stored where the log has not come to, and which consumers lack some. */
export async function* checkpointProblems(store: EventStore): AsyncGenerator<VerifyProblem, undefined> {
  try {
    const consumers = await store.readSide.listRecords(spaces.consumers);
    const partitions = await store.readSide.listRecords(spaces.partitions);
    // Asked after the positions were read, so none of them can be ahead of it.
    const head = await store.head();
    for (const { key, value } of partitions) {
      const [consumer, partition] = recordKeyParts(key);
      const { position } = (value ?? {}) as Partial<PartitionRecord>;
      const message = unreachedProblem(
        `partition ${partition} of the consumer "${consumer}"`,
        position,
        head,
      );
      if (message !== undefined) yield { kind: "position", message };
    }
    const counts = countBy(partitions.map(({ key }) => recordKeyParts(key)[0]!));
    for (const { key, version, value } of consumers) {
      const message = partitionsProblem(key, (value ?? {}) as ConsumerRecord, counts.get(key) ?? 0);
      if (message === undefined) continue;
      // They may have been dealt out anew, or removed, since the consumer's record was read.
      const now = await store.readSide.findRecord({ space: spaces.consumers, key });
      if (now?.version === version) yield { kind: "position", message };
    }
  } catch (error) {
    // The store's own report tells of what it can not read.
    if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
  }
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
