/**
 * How a state came about: each event of a stream with the state before and after it.
 */
import { changes } from "../core/changes.ts";
import type { AnyDecider, StateOf } from "../core/decider-types.ts";
import { upcast } from "../core/event-type.ts";
import type { StoredEvent } from "../core/event.ts";
import { definedParts } from "../core/selections.ts";
import type { EventStore } from "../store/event-store.ts";
import { throwIfAborted } from "../store/read-options.ts";
import type { HistoryEntry, HistoryRange } from "./hitherto.ts";
import { foldEvents } from "./state-loader.ts";
import type { StateLoader } from "./state-loader.ts";

/** Where a history is read, and whose it is. */
export interface HistorySource<D extends AnyDecider> {
  readonly store: EventStore;
  readonly loader: StateLoader;
  readonly decider: D;
  readonly stream: string;
  readonly range: HistoryRange;
}

/** What each event changed. See {@link Hitherto.history}. */
export async function* history<D extends AnyDecider>(
  source: HistorySource<D>,
): AsyncGenerator<HistoryEntry<StateOf<D>>, undefined> {
  for await (const step of steps(source)) yield withChanges(step);
}

/** The first event after which a predicate is false. See {@link Hitherto.bisect}. */
export async function bisect<D extends AnyDecider>(
  source: HistorySource<D>,
  holds: (state: StateOf<D>, event: StoredEvent) => boolean | Promise<boolean>,
): Promise<HistoryEntry<StateOf<D>> | undefined> {
  for await (const step of steps(source)) {
    if (!(await holds(step.after, step.event))) return withChanges(step);
  }
  return undefined;
}

type Step<State> = Omit<HistoryEntry<State>, "changes">;

async function* steps<D extends AnyDecider>({
  store,
  loader,
  decider,
  stream,
  range,
}: HistorySource<D>): AsyncGenerator<Step<StateOf<D>>, undefined> {
  const { from = 0, to, signal } = range;
  // Revision -1 is before the first event: nothing is folded in.
  let folded = await loader.load(decider, stream, { to: from - 1, signal });
  for await (const page of store.readStream(stream, definedParts({ from, to, signal })).pages()) {
    for (const stored of page) {
      throwIfAborted(signal, "history");
      // What the decider passes over may be of a version that it has never heard of.
      const event = decider.ignore.includes(stored.type) ? stored : upcast(decider.events, stored);
      const next = foldEvents(decider, folded, [event]);
      yield { event, before: folded.state, after: next.state };
      folded = next;
    }
  }
}

function withChanges<State>(step: Step<State>): HistoryEntry<State> {
  return { ...step, changes: changes(step.before, step.after) };
}
