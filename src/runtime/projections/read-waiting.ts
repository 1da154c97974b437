/**
 * Answers that reflect a position, and what is said when there is none.
 */
import { HithertoError } from "../../core/errors.ts";
import { throwIfAborted } from "../../store/read-options.ts";
import type { ReadStamp } from "../../store/read-side.ts";
import type { DocumentSource } from "./document-source.ts";
import type { WaitPlan } from "./find-plan.ts";
import type { PositionWatch } from "./position-watch.ts";

/** The read model that is asked. */
export interface AskedModel {
  readonly name: string;
  readonly source: Pick<DocumentSource, "stamp" | "buildingPosition">;
  readonly watch: PositionWatch;
}

/** What a store says, and of which state; undefined when there was nothing to ask. */
export interface Answer {
  readonly stamp: ReadStamp | undefined;
}

/**
 * Asks once the read model has reached the position, and again should it have been emptied in between.
 *
 * @throws `READ_MODEL_NOT_READY` without a position to wait for; `WAIT_TIMEOUT`, `ABORTED`.
 */
export async function answerAt<Said extends Answer>(
  model: AskedModel,
  plan: WaitPlan,
  ask: () => Promise<Said>,
): Promise<Said & { readonly stamp: ReadStamp }> {
  const { waitFor: position } = plan;
  const begunAt = performance.now();
  throwIfAborted(plan.signal, "read");
  for (;;) {
    if (position !== undefined) await waitUntil(model, plan, { position, begunAt });
    const answer = await ask();
    if (isOf(answer, position ?? 0)) return answer;
    if (position === undefined) throw await notReady(model.name, model.source);
  }
}

/** The error of a read model whose first build has not caught up. */
export async function notReady(
  readModel: string,
  source: Pick<DocumentSource, "buildingPosition">,
): Promise<HithertoError> {
  const position = await source.buildingPosition();
  return new HithertoError("READ_MODEL_NOT_READY", {
    readModel,
    ...(position !== undefined && { position }),
  });
}

async function waitUntil(
  { name, source, watch }: AskedModel,
  { timeoutMs, signal }: WaitPlan,
  { position, begunAt }: { readonly position: number; readonly begunAt: number },
): Promise<void> {
  const remainingMs = Math.max(0, timeoutMs - (performance.now() - begunAt));
  const hasReached = (stamp: ReadStamp | undefined): boolean =>
    stamp !== undefined && stamp.position >= position;
  const stamp = await watch.until(hasReached, { signal, timeoutMs: remainingMs });
  if (stamp !== undefined) return;
  throwIfAborted(signal, "read");
  const reached = (await source.stamp())?.position ?? (await source.buildingPosition()) ?? 0;
  const work = `The read model "${name}"`;
  throw new HithertoError("WAIT_TIMEOUT", { work, position, reached, waitedMs: timeoutMs });
}

function isOf<Said extends Answer>(
  answer: Said,
  position: number,
): answer is Said & { readonly stamp: ReadStamp } {
  return answer.stamp !== undefined && answer.stamp.position >= position;
}
