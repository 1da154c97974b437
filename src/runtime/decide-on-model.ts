/**
 * Deciding on a decision model: read the events that it looks at, fold, decide, and append under the condition that no
 * other such event came in between.
 *
 * Models overlap in ways that only the store can see, so decisions do not wait for each other at first. Those that met
 * a conflict try again one after the other, in a lane of this handle, and do not meet each other there.
 */
import { normaliseDecision } from "../core/decide.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import type { NewEvent, StoredEvent } from "../core/event.ts";
import { defaultStream } from "../core/limits.ts";
import { metadataOf } from "../core/metadata.ts";
import { isRejection } from "../core/rejection.ts";
import type { Rejection } from "../core/rejection.ts";
import type { DecisionStore } from "./decision-store.ts";
import type { Runtime } from "./execute.ts";
import type { Accepted, DecideOnModel, DecideOptions, ExecuteResult, LoadedModel } from "./hitherto.ts";
import { appendDecision, findFirstTime } from "./idempotency.ts";
import type { Appended, KeyedDecision } from "./idempotency.ts";
import { provisional, storedAs, tryOut } from "./provisional-events.ts";
import { toRejected } from "./results.ts";
import { Conflict, retry, toConflict } from "./retry.ts";
import { deepFreeze } from "./state-cache.ts";

/** A decision on a model, and how it is made; all of it checked. */
export interface ModelRun<State, Reason extends string> {
  readonly runtime: Runtime;
  readonly model: DecisionModel<State>;
  readonly decide: DecideOnModel<State, Reason>;
  readonly options: DecideOptions;
}

/** The queue's name for the lane; no stream can have it. */
const retryLane = "";

/** Makes a decision on a model. See {@link Hitherto.decide}. */
export async function decideOnModel<State, Reason extends string>(
  run: ModelRun<State, Reason>,
): Promise<ExecuteResult<State, Reason>> {
  const { queue, plan } = run.runtime;
  const { signal, retries = 10, name = defaultName } = run.options;
  return retry((number) => (number === 1 ? attempt(run) : queue.run(retryLane, () => attempt(run), signal)), {
    operation: `decision "${name}"`,
    retries,
    random: plan.random,
    signal,
  });
}

/** Folds the events that a model looks at, up to a position if one is given. */
export async function foldModel<State>(
  store: DecisionStore,
  model: DecisionModel<State>,
  bounds: { readonly to?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<LoadedModel<State>> {
  let state = model.initial();
  let position = 0;
  for await (const page of store.read({ ...bounds, query: model.query }).pages()) {
    state = model.fold(page, { from: state });
    position = page.at(-1)?.position ?? position;
  }
  return { state, position, condition: model.condition(position) };
}

const defaultName = "decision";

async function attempt<State, Reason extends string>(
  run: ModelRun<State, Reason>,
): Promise<ExecuteResult<State, Reason> | Conflict> {
  const { runtime, model, options } = run;
  const { stream = defaultStream, signal } = options;
  const keyed = keyedDecision(options, stream);
  const first = keyed === undefined ? undefined : await findFirstTime(runtime.store, keyed);
  if (first !== undefined) return repeat(run, first);

  const loaded = await foldModel(runtime.store, model, { signal });
  const { state, position, condition } = loaded;
  const isFrozen = deepFreeze(state);
  const decided = decideOn(run, loaded);
  if (isRejection(decided)) return toRejected(decided as Rejection<Reason>);
  const { events } = decided;
  if (events.length === 0) {
    return { accepted: true, revision: "none", position, events: [], state, isDuplicate: false };
  }
  const append = { ...(options.stream !== undefined && { stream }), events };
  const appended = await appendDecision(runtime.store, append, { condition, signal, decision: keyed }).catch(
    toConflict,
  );
  if (appended instanceof Conflict) return appended;
  if (appended.isDuplicate) return repeat(run, appended);
  // Stored: whatever fails from here on is told, and does not fail the decision.
  try {
    if ("failure" in appended) throw appended.failure;
    // What is not frozen may have been changed by deciding on it.
    if (!isFrozen) return await repeat(run, appended);
    return { accepted: true, ...appended, state: model.fold(appended.events, { from: state }) };
  } catch (error) {
    const { name = defaultName } = options;
    runtime.plan.report({ operation: "decision", stream, definition: name, error });
    const { revision, position: at } = appended;
    const stored = storedAs(decided.provisional, appended);
    return {
      accepted: true,
      revision,
      position: at,
      events: stored,
      state: decided.tried,
      isDuplicate: false,
    };
  }
}

/** What was decided, and what it comes to as far as that can be told before it is stored. */
interface Decided<State> {
  readonly events: readonly NewEvent[];
  readonly provisional: readonly StoredEvent[];
  readonly tried: State;
}

/** Decides, and makes sure that the model can follow what was decided. */
function decideOn<State, Reason extends string>(
  { runtime, model, decide, options }: ModelRun<State, Reason>,
  { state, position }: LoadedModel<State>,
): Decided<State> | Rejection {
  const { commandId, name = defaultName, stream = defaultStream } = options;
  const now = runtime.plan.clock().toISOString();
  const metadata = metadataOf({ id: commandId, metadata: options.metadata });
  const decision = decide(state, { now, metadata });
  const events = normaliseDecision(decision, { name, events: model.events, metadata });
  if (isRejection(events)) return events;
  const after = { revision: -1, position };
  const decided = provisional(events, { now, stream, after });
  const tried = tryOut(decided, (some) => model.fold(some, { from: state }));
  return { events, provisional: decided, tried };
}

/** The result with the state of then, folded from what is stored. */
async function repeat<State, Reason extends string>(
  { runtime, model }: ModelRun<State, Reason>,
  appended: Appended,
): Promise<Accepted<State>> {
  const { state } = await foldModel(runtime.store, model, { to: appended.position });
  return { accepted: true, ...appended, state };
}

function keyedDecision(
  { idempotencyKey: key, name = defaultName }: DecideOptions,
  stream: string,
): KeyedDecision | undefined {
  return key === undefined ? undefined : { key, scope: ["model", stream], command: name, stream };
}
