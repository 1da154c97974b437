/**
 * Takes snapshots: on demand, or in the background when one is due. A background snapshot begins once the answer to the
 * command has been given, delays nobody, and reports what goes wrong; `idle` waits for those under way.
 *
 * One is due when the number of events passed a multiple of `every` since the last one known, or when that one is older
 * than `maxAgeMs` and there are newer events. A decider is not tried again in the background by a handle once its state
 * turned out not to be faithful to JSON, which has been reported then, or once the store turned out to be read-only.
 */
import { setImmediate } from "node:timers/promises";
import type { AnyDecider } from "../core/decider-types.ts";
import { isHithertoError } from "../core/errors.ts";
import type { EventStore } from "../store/event-store.ts";
import type { RuntimePlan } from "./runtime-options.ts";
import { encodeSnapshot } from "./snapshot-codec.ts";
import type { FoldedState, StateLoader } from "./state-loader.ts";

/** Takes the snapshots of one store. */
export interface Snapshotter {
  /** Saves a snapshot now. @throws `SNAPSHOT_NOT_FAITHFUL`, and what the store throws. */
  save(decider: AnyDecider, stream: string, folded: FoldedState<unknown>): Promise<void>;
  /**
   * Begins a snapshot in the background if one is due, or at once if `isWanted`; returns the state as it is to be
   * kept, with what is then known of its snapshots.
   */
  consider<State>(
    decider: AnyDecider,
    stream: string,
    folded: FoldedState<State>,
    isWanted?: boolean,
  ): FoldedState<State>;
  /** Resolves when no snapshot is under way. */
  idle(): Promise<void>;
}

/** Makes the snapshotter of a store. */
export function createSnapshotter(store: EventStore, loader: StateLoader, plan: RuntimePlan): Snapshotter {
  /** At most one for each stream and name. */
  const underWay = new Map<string, Promise<void>>();
  const refused = new WeakSet<AnyDecider>();
  const keep = plan.snapshots === false ? 3 : plan.snapshots.keep;

  async function save(decider: AnyDecider, stream: string, folded: FoldedState<unknown>): Promise<void> {
    const { name, stateVersion } = decider;
    const key = { stream, name, stateVersion, revision: folded.revision };
    const state = await encodeSnapshot<unknown>(key, folded, decider.snapshot);
    await store.snapshots.save({ ...key, takenAt: plan.clock().toISOString(), state }, { keep });
  }

  async function saveInBackground(
    decider: AnyDecider,
    stream: string,
    folded: FoldedState<unknown>,
  ): Promise<void> {
    try {
      await setImmediate();
      // The caller has the state too, and may change what is not frozen.
      const own = folded.isFrozen ? folded : await loader.load(decider, stream, { to: folded.revision });
      await save(decider, stream, own);
    } catch (error) {
      if (isHithertoError(error, "SNAPSHOT_NOT_FAITHFUL", "STORE_READ_ONLY")) refused.add(decider);
      // A store that was opened to be read has nobody to tell of it.
      if (isHithertoError(error, "STORE_READ_ONLY")) return;
      plan.report({ operation: "snapshot.save", stream, definition: decider.name, error });
    }
  }

  return {
    save,
    consider: (decider, stream, folded, isWanted = false) => {
      const isDue = isWanted ? folded.revision >= 0 : isSnapshotDue(folded, plan);
      const key = `${decider.name} ${stream}`;
      if (!isDue || refused.has(decider) || underWay.has(key)) return folded;
      const task = saveInBackground(decider, stream, folded).finally(() => underWay.delete(key));
      underWay.set(key, task);
      return { ...folded, snapshot: { revision: folded.revision, takenAtMs: plan.clock().getTime() } };
    },
    idle: async () => {
      await Promise.all(underWay.values());
    },
  };
}

/** Takes none: for states that may be undone. */
export const noSnapshots: Pick<Snapshotter, "consider"> = { consider: (_decider, _stream, folded) => folded };

function isSnapshotDue({ revision, snapshot }: FoldedState<unknown>, plan: RuntimePlan): boolean {
  if (plan.snapshots === false || revision <= snapshot.revision) return false;
  const { every, maxAgeMs } = plan.snapshots;
  if (Math.floor((revision + 1) / every) > Math.floor((snapshot.revision + 1) / every)) return true;
  return snapshot.revision >= 0 && plan.clock().getTime() - snapshot.takenAtMs > maxAgeMs;
}
