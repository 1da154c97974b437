/**
 * Compares the checkpoints of consumers with the log. Stores do not know what their records say.
 */
import { isHithertoError } from "../core/errors.ts";
import type { EventStore, VerifyProblem, VerifyReport } from "../store/event-store.ts";
import { unreachedProblem } from "./reached-position.ts";
import { recordKeyParts, spaces } from "./records.ts";
import type { PartitionRecord } from "./records.ts";

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

/** Says which partitions of consumers are stored where the log has not come to. */
export async function* checkpointProblems(store: EventStore): AsyncGenerator<VerifyProblem, undefined> {
  try {
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
  } catch (error) {
    // The store's own report tells of what it can not read.
    if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
  }
}
