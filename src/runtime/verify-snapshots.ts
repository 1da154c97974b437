/**
 * Compares snapshots with what their streams say, event by event from the first one.
 */
import { isDeepStrictEqual } from "node:util";
import type { AnyDecider } from "../core/decider-types.ts";
import { isHithertoError } from "../core/errors.ts";
import type { EventStore, Snapshot, VerifyProblem } from "../store/event-store.ts";
import { throwIfAborted } from "../store/read-options.ts";
import { decodeSnapshot } from "./snapshot-codec.ts";
import type { SnapshotContent } from "./snapshot-codec.ts";
import type { FoldedState, StateLoader } from "./state-loader.ts";

/** What is compared. */
export interface SnapshotVerification {
  readonly store: EventStore;
  readonly loader: StateLoader;
  readonly deciders: readonly AnyDecider[];
  readonly signal: AbortSignal | undefined;
}

/** Says which snapshots of some deciders are damaged, or are not what a fresh fold gives. */
export async function* snapshotProblems(
  verification: SnapshotVerification,
): AsyncGenerator<VerifyProblem, undefined> {
  for (const decider of verification.deciders) yield* problemsOf(decider, verification);
}

async function* problemsOf(
  decider: AnyDecider,
  { store, loader, signal }: SnapshotVerification,
): AsyncGenerator<VerifyProblem, undefined> {
  for await (const { stream } of store.listStreams({ category: decider.category })) {
    throwIfAborted(signal, "verify");
    for (const snapshot of await store.snapshots.list(stream)) {
      if (snapshot.name !== decider.name || snapshot.stateVersion !== decider.stateVersion) continue;
      const fault = await findFault(decider, snapshot, { loader, signal });
      if (fault === undefined) continue;
      const message = `the snapshot of "${snapshot.name}" at revision ${snapshot.revision} ${fault}`;
      yield { kind: "snapshot", message, stream };
    }
  }
}

/** What is wrong with a snapshot; undefined for one that loading would use rightly, or not at all. */
async function findFault(
  decider: AnyDecider,
  snapshot: Snapshot,
  { loader, signal }: Pick<SnapshotVerification, "loader" | "signal">,
): Promise<string | undefined> {
  try {
    const content = decodeSnapshot<unknown>(snapshot, decider.snapshot);
    const folded = await loader.rebuild(decider, snapshot.stream, { to: snapshot.revision, signal });
    return describeDifference(snapshot, content, folded);
  } catch (error) {
    if (isHithertoError(error, "SNAPSHOT_DAMAGED")) return `is damaged: ${error.message}`;
    if (isHithertoError(error, "EVOLVE_FAILED", "EVENT_TYPE_UNKNOWN", "EVENT_NEWER_THAN_CODE")) {
      return `cannot be compared: ${error.message}`;
    }
    throw error;
  }
}

function describeDifference(
  { revision }: Snapshot,
  content: SnapshotContent<unknown>,
  folded: FoldedState<unknown>,
): string | undefined {
  // Of other events than can be read now: loading passes it over.
  if (content.firstRevision !== folded.firstRevision) return undefined;
  if (folded.revision !== revision) return `lies beyond the last event, at revision ${folded.revision}`;
  const isSame = content.position === folded.position && isDeepStrictEqual(content.state, folded.state);
  return isSame ? undefined : "is not the state that its events lead to";
}
