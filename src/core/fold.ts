import { isPromise, threwInWords } from "./calls.ts";
/**
 * Folding: the present state is what follows from the events, one after the other.
 */
import { refuseArgument, requireArgument } from "./check-arguments.ts";
import { HithertoError } from "./errors.ts";
import type { AnyEventTypes, DataIn, EventType } from "./event-type.ts";
import { typeOf, upcastTo } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import type { LiteralValue } from "./literal-value.ts";

/**
 * What each type of event does to the state: a pure function from the state, the event's data and the event itself to
 * the next state. `Events` maps event types to their data. The state must never be `undefined` and is not to be
 * changed in place.
 */
export type Evolve<State, Events> = {
  readonly [Type in keyof Events]: (
    state: State,
    data: Events[Type],
    event: StoredEvent<Type & string, Events[Type]>,
  ) => NoInfer<State>;
};

/**
 * One function of {@link InferredEvolve}. As long as the state is not inferred, it may return anything: that keeps
 * literal types such as `{ status: "paid" }`, which TypeScript would widen to `{ status: string }`.
 */
export type InferredStep<State, Entry, Type> = unknown extends State
  ? EvolveFunction<State, Entry, Type, LiteralValue>
  : EvolveFunction<State, Entry, Type, NoInfer<State>>;

type EvolveFunction<State, Entry, Type, Next> = (
  state: State,
  data: DataIn<Entry>,
  event: StoredEvent<Type & string, DataIn<Entry>>,
) => Next;

/** {@link Evolve} as it is inferred: data types come from definitions, or else from the functions' annotations. */
export type InferredEvolve<State, Listed> = {
  readonly [Type in keyof Listed]: InferredStep<State, Listed[Type], Type>;
};

/** As {@link InferredEvolve}, for definitions that look at some of the listed types only. */
export type InferredPartialEvolve<State, Listed> = {
  readonly [Type in keyof Listed]?: InferredStep<State, Listed[Type], Type>;
};

/** What folding needs of a definition. Deciders and decision models have it. */
export interface Foldable<State> {
  /** For error messages. */
  readonly name: string;
  /** The state before any event; called anew for each fold. */
  readonly initial: () => State;
  /** Functions by event type; see {@link Evolve}. */
  readonly evolve: object;
  readonly events: AnyEventTypes;
  /** Event types that are passed over. Any other type without a function is an error. */
  readonly ignore: readonly string[];
}

/** Where a fold starts. */
export interface FoldOptions<State> {
  /** The state that earlier events have led to, such as a snapshot's. Default: the initial state. */
  readonly from?: State | undefined;
}

/**
 * Folds events, oldest first, into a state. Old events are lifted to the schema version of the code on the way.
 *
 * @throws `EVENT_TYPE_UNKNOWN` for a type that has no function and is not ignored; `EVOLVE_FAILED` when a function
 * throws, or returns nothing or a promise; `EVENT_NEWER_THAN_CODE`, `UPCASTER_MISSING`, `UPCASTER_FAILED`; `ARGUMENT_INVALID` when
 * the events are not iterable.
 *
 * @example
 * ```ts
 * import type { StoredEvent } from "hitherto/core";
 * import { decider, fold } from "hitherto/core";
 * const counter = decider("counter", {
 *   initial: () => 0,
 *   evolve: { Counted: (total, data: { by: number }) => total + data.by },
 *   decide: { count: (_total, by: number) => ({ type: "Counted", data: { by } }) },
 * });
 * const total = (events: StoredEvent[]): number => fold(counter, events);
 * ```
 */
export function fold<State>(
  definition: Foldable<State>,
  events: Iterable<StoredEvent>,
  options: FoldOptions<State> = {},
): State {
  requireArgument("definition", definition);
  requireFoldable(definition);
  requireIterable(events);
  requireArgument("options", options);
  const { steps, ignored } = compiled(definition);
  const { from = definition.initial() } = options;
  let state: unknown = from;
  for (const event of events) {
    if (typeof event !== "object" || event === null) refuseArgument("events", "it holds what is no event");
    const step = steps.get(event.type);
    if (step !== undefined) state = evolveBy(step, state, event, definition);
    else if (!ignored.has(event.type)) refuseType(definition, event);
  }
  return state as State;
}

type EvolveStep = (state: unknown, data: unknown, event: StoredEvent) => unknown;

interface Step {
  readonly evolve: EvolveStep;
  readonly definition: EventType;
}

interface CompiledFold {
  readonly steps: ReadonlyMap<string, Step>;
  readonly ignored: ReadonlySet<string>;
}

/** Looking a step up in a map is several times faster than in the definition's objects, whose keys vary. */
const compiledFolds = new WeakMap<object, CompiledFold>();

function compiled(definition: Foldable<unknown>): CompiledFold {
  const known = compiledFolds.get(definition);
  if (known !== undefined) return known;
  const steps = new Map<string, Step>();
  for (const [type, evolve] of Object.entries(definition.evolve) as Array<[string, EvolveStep]>) {
    steps.set(type, { evolve, definition: typeOf(definition.events, type) });
  }
  const made = { steps, ignored: new Set(definition.ignore) };
  compiledFolds.set(definition, made);
  return made;
}

function evolveBy(step: Step, state: unknown, event: StoredEvent, owner: Foldable<unknown>): unknown {
  const isCurrent = event.schemaVersion === step.definition.schemaVersion;
  const current = isCurrent ? event : upcastTo(step.definition, event);
  let next: unknown;
  try {
    next = step.evolve(state, current.data, current);
  } catch (cause) {
    throw evolveFailed(owner, event, threwInWords(cause), cause);
  }
  if (next === undefined) throw evolveFailed(owner, event, "returned nothing");
  if (isPromise(next)) throw evolveFailed(owner, event, "returned a promise");
  return next;
}

function evolveFailed(
  owner: Foldable<unknown>,
  { type, stream, revision }: StoredEvent,
  problem: string,
  cause?: unknown,
): HithertoError {
  const details = { definition: owner.name, type, stream, revision, problem };
  return new HithertoError("EVOLVE_FAILED", details, cause === undefined ? undefined : { cause });
}

function refuseType({ name }: Foldable<unknown>, { type, stream, revision }: StoredEvent): never {
  throw new HithertoError("EVENT_TYPE_UNKNOWN", { type, definition: name, stream, revision });
}

function requireFoldable({ initial, evolve, events }: Foldable<unknown>): void {
  if (typeof initial === "function" && typeof evolve === "object" && typeof events === "object") return;
  refuseArgument("definition", "it must be made by decider() or decisionModel()");
}

/** Refuses what is no iterable. @throws `ARGUMENT_INVALID` */
export function requireIterable(events: unknown): void {
  const isIterable = typeof events === "object" && events !== null && Symbol.iterator in events;
  if (isIterable) return;
  throw new HithertoError("ARGUMENT_INVALID", {
    argument: "events",
    problem: "it is not an iterable of events",
  });
}
