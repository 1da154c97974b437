/**
 * Running a command: find what was decided under its key; load; decide; append under the revision that was decided on;
 * and all of it again when another writer was faster.
 */
import { decide } from "../core/decide.ts";
import type { AnyDecider, CommandOf, PayloadOf, ReasonOf, StateOf } from "../core/decider-types.ts";
import { HithertoError } from "../core/errors.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import { metadataOf } from "../core/metadata.ts";
import { isRejection } from "../core/rejection.ts";
import type { Rejection } from "../core/rejection.ts";
import type { DecisionStore } from "./decision-store.ts";
import type { Accepted, ExecuteOptions, ExecuteResult } from "./hitherto.ts";
import { appendDecision, findFirstTime } from "./idempotency.ts";
import type { Appended, KeyedDecision } from "./idempotency.ts";
import { provisional, storedAs, tryOut } from "./provisional-events.ts";
import { lastRevision, toRejected } from "./results.ts";
import { Conflict, retry, toConflict } from "./retry.ts";
import type { RuntimePlan } from "./runtime-options.ts";
import type { Snapshotter } from "./snapshotter.ts";
import { foldEvents } from "./state-loader.ts";
import type { FoldedState, StateLoader } from "./state-loader.ts";
import type { StreamQueue } from "./stream-queue.ts";

/** What running definitions takes, made once for each handle. */
export interface Runtime {
  readonly store: DecisionStore;
  readonly plan: RuntimePlan;
  readonly loader: StateLoader;
  readonly snapshotter: Pick<Snapshotter, "consider">;
  readonly queue: StreamQueue;
}

/** A command, whom it is for, and how it is run; all of it checked. */
export interface CommandRun<D extends AnyDecider, Name extends CommandOf<D>> {
  readonly runtime: Runtime;
  readonly decider: D;
  readonly id: string;
  readonly stream: string;
  readonly command: Name;
  readonly payload: PayloadOf<D, Name>;
  readonly options: ExecuteOptions;
}

/** Runs a command. See {@link Hitherto.execute}. */
export async function execute<D extends AnyDecider, Name extends CommandOf<D>>(
  run: CommandRun<D, Name>,
): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>>> {
  const { runtime, stream, options } = run;
  const { signal, retries = 10 } = options;
  const operation = `command "${run.command}" on stream "${stream}"`;
  const attempts = { operation, retries, signal, random: runtime.plan.random };
  return runtime.queue.run(stream, () => retry(() => attempt(run), attempts), signal);
}

/** Loads the state of a stream now, keeps it for the next time, and takes a snapshot in the background if one is due. */
export async function loadLatest<D extends AnyDecider>(
  { loader, snapshotter }: Runtime,
  decider: D,
  stream: string,
  signal: AbortSignal | undefined,
): Promise<FoldedState<StateOf<D>>> {
  const loaded = snapshotter.consider(decider, stream, await loader.load(decider, stream, { signal }));
  loader.keep(decider, stream, loaded);
  return loaded;
}

async function attempt<D extends AnyDecider, Name extends CommandOf<D>>(
  run: CommandRun<D, Name>,
): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>> | Conflict> {
  const { decider, stream, options } = run;
  const { store } = run.runtime;
  const keyed = keyedDecision(run);
  const first = keyed === undefined ? undefined : await findFirstTime(store, keyed);
  if (first !== undefined) return repeat(run, first);

  const loaded = await loadLatest(run.runtime, decider, stream, options.signal);
  requireExpectation(run, loaded.revision);
  const decided = decideOn(run, loaded);
  if (isRejection(decided)) return toRejected(decided);
  const { decision } = decided;
  if (decision.length === 0) return finish(run, loaded, []);

  const append = { stream, expect: lastRevision(loaded.revision), events: decision };
  const how = { signal: options.signal, decision: keyed };
  const appended = await appendDecision(store, append, how).catch(toConflict);
  if (appended instanceof Conflict) return appended;
  if (appended.isDuplicate) return repeat(run, appended);
  return conclude(run, loaded, { ...decided, appended });
}

/** The result of what has been appended: it is stored, so whatever fails from here on is told, and does not fail the command. */
async function conclude<D extends AnyDecider, Name extends CommandOf<D>>(
  run: CommandRun<D, Name>,
  loaded: FoldedState<StateOf<D>>,
  { decision, provisional: decided, tried, appended }: Decided<D> & { readonly appended: Appended },
): Promise<Accepted<StateOf<D>>> {
  try {
    if ("failure" in appended) throw appended.failure;
    const isReadBack = appended.events.length === decision.length;
    return finish(run, await stateAfter(run, loaded, appended, isReadBack), appended.events);
  } catch (error) {
    const { runtime, decider, stream } = run;
    runtime.plan.report({ operation: "decision", stream, definition: decider.name, error });
    runtime.loader.keep(decider, stream, { ...loaded, isFrozen: false });
    const events = storedAs(decided, appended);
    const { position, revision } = appended;
    return { accepted: true, revision, position, events, state: tried.state, isDuplicate: false };
  }
}

/** What was decided, and what it comes to as far as that can be told before it is stored. */
interface Decided<D extends AnyDecider> {
  readonly decision: readonly NewEvent[];
  readonly provisional: readonly StoredEvent[];
  readonly tried: FoldedState<StateOf<D>>;
}

/** Decides, and makes sure that the state can follow what was decided. */
function decideOn<D extends AnyDecider, Name extends CommandOf<D>>(
  { runtime, decider, id, stream, command, payload, options }: CommandRun<D, Name>,
  loaded: FoldedState<StateOf<D>>,
): Decided<D> | Rejection<ReasonOf<D, Name>> {
  const now = runtime.plan.clock().toISOString();
  const metadata = metadataOf({ id: options.commandId, metadata: options.metadata });
  const decision = decide(decider, loaded.state, { name: command, payload }, { now, stream, id, metadata });
  if (isRejection(decision)) return decision;
  // An event that evolve cannot take would make its stream unreadable for good: find out before it is stored.
  const events = provisional(decision, { now, stream, after: loaded });
  const tried = tryOut(events, (some) => foldEvents(decider, loaded, some));
  return { decision, provisional: events, tried };
}

/** The state after the events that were appended, as they read now that they are stored. */
async function stateAfter<D extends AnyDecider, Name extends CommandOf<D>>(
  { runtime, decider, stream }: CommandRun<D, Name>,
  loaded: FoldedState<StateOf<D>>,
  { events, revision }: Appended,
  isReadBack: boolean,
): Promise<FoldedState<StateOf<D>>> {
  // What is not frozen may have been changed by deciding on it; what the stream's policy hides at once cannot be folded.
  if (loaded.isFrozen && isReadBack) return foldEvents(decider, loaded, events);
  return runtime.loader.load(decider, stream, { to: revision });
}

/** The result of a decision that was made before: the state too is the one of then. */
async function repeat<D extends AnyDecider, Name extends CommandOf<D>>(
  { runtime, decider, stream }: CommandRun<D, Name>,
  { events, revision, position }: Appended,
): Promise<Accepted<StateOf<D>>> {
  const { state } = await runtime.loader.load(decider, stream, { to: revision });
  return { accepted: true, revision, position, events, state, isDuplicate: true };
}

function finish<D extends AnyDecider, Name extends CommandOf<D>>(
  { runtime, decider, stream, options }: CommandRun<D, Name>,
  folded: FoldedState<StateOf<D>>,
  events: readonly StoredEvent[],
): Accepted<StateOf<D>> {
  const { loader, snapshotter } = runtime;
  const { state, position, revision } = folded;
  loader.keep(decider, stream, snapshotter.consider(decider, stream, folded, options.snapshot === "now"));
  return { accepted: true, revision: lastRevision(revision), position, events, state, isDuplicate: false };
}

function requireExpectation<D extends AnyDecider, Name extends CommandOf<D>>(
  { stream, options }: CommandRun<D, Name>,
  revision: number,
): void {
  const { expect: expected = "any" } = options;
  if (expected === "any" || expected === lastRevision(revision)) return;
  if (expected === "exists" && revision >= 0) return;
  throw new HithertoError("REVISION_CONFLICT", { stream, expected, actual: lastRevision(revision) });
}

function keyedDecision<D extends AnyDecider, Name extends CommandOf<D>>({
  decider,
  id,
  stream,
  command,
  options,
}: CommandRun<D, Name>): KeyedDecision | undefined {
  const { idempotencyKey: key } = options;
  return key === undefined ? undefined : { key, scope: ["decider", decider.name, id], command, stream };
}
