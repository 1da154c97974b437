/**
 * Brings inline read models up to the end of the log, within a transaction that appends. It begins where the read model
 * is, whoever brought it there, and holds the store's write lock to the end; so several processes that feed one document
 * can not lose each other's changes.
 *
 * A read model that can not simply go on is left alone, and the process that owns its generation catches it up: while it is
 * being built, paused, halted, or further behind than `gapMax`; while keys of it are parked, since only the owner knows them;
 * and when an event of somebody else, from before these appends, fails.
 */
import { filterOf } from "../../core/projection-step.ts";
import type { AnyProjection } from "../../core/projection.ts";
import type { ReadModelInfo, ReadSideTransaction } from "../../store/read-side.ts";
import type { ProjectionRecord, RunRecord } from "../records.ts";
import { DocumentFold } from "./document-fold.ts";
import type { LoadDocuments } from "./document-fold.ts";
import { EventFailed } from "./event-failure.ts";
import { projectionRef, runRef } from "./generation-records.ts";
import { applySqlStep } from "./sql-steps.ts";

/** How far behind a read model may be, in positions, and still be stepped by an append. */
const gapMax = 1_000;

/** Which part of the log is new. */
export interface Appended {
  /** End of the log before the transaction appended. */
  readonly before: number;
  readonly head: number;
}

/**
 * Steps the read model of one projection. @throws {@link EventFailed} for an event that the transaction appended, or when
 * what was written has to be undone.
 */
export async function stepInline(
  transaction: ReadSideTransaction,
  projection: AnyProjection,
  appended: Appended,
): Promise<void> {
  const model = await findSteppable(transaction, projection, appended);
  if (model === undefined) return;
  const { head } = appended;
  const events = await transaction.read({ ...filterOf(projection), from: model.position + 1, to: head });
  const step = { step: "advance", generation: model.generation, from: model.position, to: head } as const;
  if (projection.kind === "sql-projection") {
    for (const event of events) await applySqlStep(projection, transaction.sql(model.generation), event);
    await transaction.commit({ models: [step] });
    return;
  }
  const load: LoadDocuments = (keys) => transaction.findDocuments(model.generation, keys);
  const folded = await new DocumentFold(projection).fold(events, { load });
  if (folded.failure === undefined) {
    await transaction.commit({ models: [{ ...step, documents: folded.documents }] });
  } else if (folded.failure.event.position > appended.before) {
    throw new EventFailed(folded.failure);
  }
}

/** The active generation, if it can be stepped. */
async function findSteppable(
  transaction: ReadSideTransaction,
  { name, version }: AnyProjection,
  { before, head }: Appended,
): Promise<ReadModelInfo | undefined> {
  const models = await transaction.findModels(name);
  const active = models.find(({ state }) => state === "active");
  if (active?.version !== version || active.position >= head) return undefined;
  if (before - active.position > gapMax) return undefined;
  const [wanted, run] = await Promise.all([
    transaction.findRecord(projectionRef(name)),
    transaction.findRecord(runRef(active)),
  ]);
  if ((wanted?.value as ProjectionRecord | undefined)?.wanted === "paused") return undefined;
  const { hasParked = false, progress } = (run?.value ?? {}) as Partial<RunRecord>;
  return hasParked || progress?.state === "halted" ? undefined : active;
}
