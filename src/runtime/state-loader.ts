/**
 * Loads the state of a decider from the nearest point known: the cache, else a snapshot, else the beginning; and folds
 * in what came after.
 *
 * The truth is what the visible events of the stream say; cache and snapshots only save time. So a state that began
 * elsewhere than at the beginning counts only if
 * - the events after it are read, for any process may have appended some; and
 * - the stream, asked after that, still begins with the event that the state began with. If it does not, some of the
 *   events in the state have been deleted, truncated or have expired, and the state is folded anew. What is hidden
 *   never reappears below a state's beginning, so asking afterwards is safe.
 *
 * A long stream is read in several pages, each as of its own moment. Where two of them do not meet, the stream is asked,
 * too: if it has been truncated or deleted in between, what was folded is no state that ever was, and folding begins again.
 */
import type { AnyDecider, StateOf } from "../core/decider-types.ts";
import type { StoredEvent } from "../core/event.ts";
import { fold } from "../core/fold.ts";
import type { DecisionStore } from "./decision-store.ts";
import type { RuntimePlan } from "./runtime-options.ts";
import { decodeSnapshot } from "./snapshot-codec.ts";
import { createStateCache, deepFreeze } from "./state-cache.ts";

/** A state, and what must be known to fold on from it. Revisions are -1 where there is no event. */
export interface FoldedState<State> {
  readonly state: State;
  /** Revision of the first event folded in. */
  readonly firstRevision: number;
  /** Revision of the last event folded in. */
  readonly revision: number;
  /** Position of the last event folded in; 0 where there is none. */
  readonly position: number;
  /** The newest snapshot known to exist or to be on its way; revision -1 if none is. */
  readonly snapshot: { readonly revision: number; readonly takenAtMs: number };
  /** Whether nobody can change the state: only then may it be kept, or folded twice. */
  readonly isFrozen: boolean;
}

/** Bounds of the events to fold. */
export interface FoldBounds {
  /** Revision of the last event to fold in. */
  readonly to?: number;
  /** Only events recorded at or before this moment. */
  readonly until?: Date | string;
  readonly signal?: AbortSignal | undefined;
}

/** Loads states of one store. */
export interface StateLoader {
  /** The state now, or after the event at revision `to`. */
  load<D extends AnyDecider>(
    decider: D,
    stream: string,
    bounds?: Omit<FoldBounds, "until">,
  ): Promise<FoldedState<StateOf<D>>>;
  /** The state of the events within the bounds, all of them folded anew. */
  rebuild<D extends AnyDecider>(
    decider: D,
    stream: string,
    bounds?: FoldBounds,
  ): Promise<FoldedState<StateOf<D>>>;
  /** Keeps the latest state of a stream for the next load, if it can be kept; forgets the one before otherwise. */
  keep(decider: AnyDecider, stream: string, folded: FoldedState<unknown>): void;
  /** Forgets all states. */
  forget(): void;
}

const noSnapshot = { revision: -1, takenAtMs: 0 } as const;

/** Makes the loader of a store. */
export function createStateLoader(store: DecisionStore, plan: RuntimePlan): StateLoader {
  const cache = createStateCache<FoldedState<unknown>>(plan.cacheSize);
  const keyOf = createCacheKeys();

  function findBase<D extends AnyDecider>(
    decider: D,
    stream: string,
    to: number,
  ): FoldedState<StateOf<D>> | Promise<FoldedState<StateOf<D>> | undefined> {
    const cached = cache.get(keyOf(decider, stream));
    // The key says which decider made the state.
    if (cached !== undefined && cached.revision <= to) return cached as FoldedState<StateOf<D>>;
    return findSnapshot(store, decider, stream, { to, plan });
  }

  async function load<D extends AnyDecider>(
    decider: D,
    stream: string,
    bounds: Omit<FoldBounds, "until"> = {},
  ): Promise<FoldedState<StateOf<D>>> {
    const base = await findBase(decider, stream, bounds.to ?? Infinity);
    if (base === undefined) return rebuild(decider, stream, bounds);
    const folded = await foldOn(store, decider, stream, { base, bounds });
    if (folded !== undefined && (await isWhole(store, stream, folded))) return folded;
    return rebuild(decider, stream, bounds);
  }

  async function rebuild<D extends AnyDecider>(
    decider: D,
    stream: string,
    bounds: FoldBounds = {},
  ): Promise<FoldedState<StateOf<D>>> {
    for (;;) {
      const folded = await foldOn(store, decider, stream, { base: beginningOf(decider), bounds });
      if (folded !== undefined) return folded;
    }
  }

  function keep(decider: AnyDecider, stream: string, folded: FoldedState<unknown>): void {
    if (folded.isFrozen && folded.revision >= 0) cache.set(keyOf(decider, stream), folded);
    else cache.delete(keyOf(decider, stream));
  }

  return { load, rebuild, keep, forget: () => cache.clear() };
}

/** Folds the events that follow a state into the next one. Throws as {@link fold} does. */
export function foldEvents<D extends AnyDecider>(
  decider: D,
  base: FoldedState<StateOf<D>>,
  events: readonly StoredEvent[],
): FoldedState<StateOf<D>> {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return base;
  const state = fold<StateOf<D>>(decider, events, { from: base.state });
  return {
    state,
    firstRevision: base.firstRevision < 0 ? first.revision : base.firstRevision,
    revision: last.revision,
    position: last.position,
    snapshot: base.snapshot,
    isFrozen: deepFreeze(state),
  };
}

/** Keys of states by stream and decider; two deciders of one name are two deciders. */
function createCacheKeys(): (decider: AnyDecider, stream: string) => string {
  const numbers = new WeakMap<AnyDecider, number>();
  let last = 0;
  return (decider, stream) => {
    let number = numbers.get(decider);
    if (number === undefined) {
      last += 1;
      number = last;
      numbers.set(decider, number);
    }
    return `${number} ${stream}`;
  };
}

function beginningOf<D extends AnyDecider>(decider: D): FoldedState<StateOf<D>> {
  const state = decider.initial() as StateOf<D>;
  // Freezing the very first state shows an evolve function that changes it in place at its first event.
  return {
    state,
    firstRevision: -1,
    revision: -1,
    position: 0,
    snapshot: noSnapshot,
    isFrozen: deepFreeze(state),
  };
}

/** The newest sound snapshot at or below revision `to`. One that is damaged is reported and passed over. */
async function findSnapshot<D extends AnyDecider>(
  store: DecisionStore,
  decider: D,
  stream: string,
  { to, plan }: { readonly to: number; readonly plan: RuntimePlan },
): Promise<FoldedState<StateOf<D>> | undefined> {
  if (plan.snapshots === false) return undefined;
  const { name, stateVersion } = decider;
  let atRevision = Math.min(to, Number.MAX_SAFE_INTEGER);
  while (atRevision >= 0) {
    const found = await store.snapshots.find(stream, { name, stateVersion, atRevision });
    if (found === undefined) return undefined;
    try {
      const content = decodeSnapshot<StateOf<D>>(found, decider.snapshot);
      const snapshot = { revision: found.revision, takenAtMs: Date.parse(found.takenAt) };
      return { ...content, revision: found.revision, snapshot, isFrozen: deepFreeze(content.state) };
    } catch (error) {
      plan.report({ operation: "snapshot.load", stream, definition: name, error });
      atRevision = found.revision - 1;
    }
  }
  return undefined;
}

/** Folds what follows a state; undefined when events between two pages have been hidden meanwhile. */
async function foldOn<D extends AnyDecider>(
  store: DecisionStore,
  decider: D,
  stream: string,
  { base, bounds }: { readonly base: FoldedState<StateOf<D>>; readonly bounds: FoldBounds },
): Promise<FoldedState<StateOf<D>> | undefined> {
  let folded = base;
  if (bounds.to !== undefined && bounds.to <= base.revision) return base;
  for await (const page of store.readStream(stream, { ...bounds, from: base.revision + 1 }).pages()) {
    const isGap = folded.revision >= 0 && page[0]!.revision > folded.revision + 1;
    // Times that are not in order leave gaps for good, and so may `maxAgeMs`; the stream then still begins where it did.
    if (isGap && bounds.until === undefined && !(await isWhole(store, stream, folded))) return undefined;
    folded = foldEvents(decider, folded, page);
  }
  return folded;
}

/** Whether everything that was folded in can still be read; see the header. */
async function isWhole(store: DecisionStore, stream: string, folded: FoldedState<unknown>): Promise<boolean> {
  const info = await store.findStream(stream);
  return (
    info !== undefined && info.firstRevision === folded.firstRevision && info.revision >= folded.revision
  );
}
