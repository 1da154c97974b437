/**
 * Tests of deciders, decision models and projections in the words of the domain: given what happened, when a command comes, then
 * this follows. It needs no store, no clock and no test runner: what does not hold is thrown.
 *
 * It is strict. Events must agree in number and order, data and states in every key, every date and every -0 (see
 * `deepEqual`). States are frozen, so that a function which changes one in place fails here and not in production, and
 * events pass through JSON, as they do in a store.
 */
import { decide, normaliseDecision } from "../core/decide.ts";
import type {
  AnyDecider,
  CommandOf,
  DecideContext,
  EventsOf,
  NewEventOf,
  PayloadOf,
  ReasonOf,
  StateOf,
} from "../core/decider-types.ts";
import { streamOf } from "../core/decider.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { AnyEventTypes } from "../core/event-type.ts";
import type { EventMetadata, NewEvent, StoredEvent } from "../core/event.ts";
import { fold } from "../core/fold.ts";
import { defaultStream } from "../core/limits.ts";
import type { Projection } from "../core/projection.ts";
import type { Rejection } from "../core/rejection.ts";
import { ExpectationError } from "./expectation-error.ts";
import {
  expectEvents,
  expectNothing,
  expectRejection,
  expectState,
  expectThrown,
  requireEvents,
} from "./expectations.ts";
import { givenProjection } from "./given-projection.ts";
import type { GivenProjection } from "./given-projection.ts";
import type { Answer, Outcome, PastEventIn, Subject } from "./scenario.ts";
import { deepFreeze, run, runLater } from "./scenario.ts";

/** An event that happened: in today's shape, or in that of another schema version, which it then names. */
export type PastEvent<Events> = NewEventOf<Events> | (NewEvent & { readonly schemaVersion: number });

/** What the decision may know besides state and payload. Every part has a fixed default. */
export interface WhenContext {
  /** ISO 8601. Default `2000-01-01T00:00:00.000Z`. */
  readonly now?: string | undefined;
  /** Default `"1"`. */
  readonly id?: string | undefined;
  /** Default: none. */
  readonly metadata?: EventMetadata | undefined;
}

/** What a test is about: the types of the state, of the events and of the reasons for rejection. */
export interface Case {
  readonly state: unknown;
  readonly event: unknown;
  readonly reason: string;
}

/** What can be expected of the past alone. */
export interface PastExpectations<C extends Case, Done> {
  /** This state, in every part. */
  thenState(state: C["state"]): Done;
  /** An error with this code, or one that the function answers `true` to. */
  thenThrows(error: ErrorCode | (string & {}) | ((error: unknown) => boolean)): Done;
}

/** What can be expected of a command. `Done` is `void`, or a promise when the past is one. */
export interface Expectations<C extends Case, Done> extends PastExpectations<C, Done> {
  /**
   * Exactly these events, in this order. `type` and `data` always count; `tags` (in any order), `schemaVersion`,
   * `metadata`, `id` and `recordedAt` count where an expected event states them.
   */
  then(events: ReadonlyArray<C["event"]>): Done;
  /** No events, and no rejection either. */
  thenNothing(): Done;
  /** A rejection with this reason and, if they are given, exactly these details. */
  thenRejected(reason: C["reason"], details?: Readonly<Record<string, unknown>>): Done;
}

/** The payload, which may be left out where a command takes none, and the context. */
export type WhenArguments<Payload> = undefined extends Payload
  ? [payload?: Payload, context?: WhenContext]
  : [payload: Payload, context?: WhenContext];

/** The past of one instance of a decider. */
export interface GivenDecider<D extends AnyDecider, Done> extends PastExpectations<
  DeciderCase<D, never>,
  Done
> {
  /** A command comes. It is decided when an expectation is stated, anew for each. */
  when<Name extends CommandOf<D>>(
    command: Name,
    ...rest: WhenArguments<PayloadOf<D, Name>>
  ): Expectations<DeciderCase<D, Name>, Done>;
}

/** What a test of a decider is about. */
export interface DeciderCase<D extends AnyDecider, Name extends CommandOf<D>> extends Case {
  readonly state: StateOf<D>;
  readonly event: NewEventOf<EventsOf<D>>;
  readonly reason: ReasonOf<D, Name>;
}

/** The past of a decision model: events of any streams, with their tags. */
export interface GivenModel<State, Done> extends PastExpectations<ModelCase<State>, Done> {
  /** A decision is made on the model's state; of a past that is a promise it may be one too. */
  when(decide: (state: State) => ModelDecision<Done>): Expectations<ModelCase<State>, Done>;
}

/** What a test of a decision model is about. */
export interface ModelCase<State> extends Case {
  readonly state: State;
  readonly event: NewEvent;
}

/** What a decision on a model returns: events, nothing, a rejection, or a promise of these. */
export type ModelDecision<Done> =
  Done extends Promise<void>
    ?
        | NewEvent
        | readonly NewEvent[]
        | Rejection
        | undefined
        | Promise<NewEvent | readonly NewEvent[] | Rejection | undefined>
    : NewEvent | readonly NewEvent[] | Rejection | undefined;

/**
 * States the past, for {@link GivenDecider.when} and the expectations to follow. A promise of events makes every
 * expectation a promise.
 *
 * What does not hold is thrown as an `AssertionError` that lists each difference by its JSON Pointer.
 *
 * @example
 * ```ts
 * import { decider, reject } from "hitherto/core";
 * import { given } from "hitherto/testing";
 * const door = decider("door", {
 *   initial: () => ({ isOpen: true }),
 *   evolve: { Closed: () => ({ isOpen: false }) },
 *   decide: {
 *     close: (state) => (state.isOpen ? { type: "Closed", data: null } : reject("closed", "It is closed already.")),
 *   },
 * });
 * given(door, []).when("close").then([{ type: "Closed", data: null }]);
 * given(door, [{ type: "Closed", data: null }]).when("close").thenRejected("closed");
 * ```
 */
export function given<D extends AnyDecider>(
  decider: D,
  past: ReadonlyArray<PastEvent<EventsOf<D>>>,
): GivenDecider<D, void>;
export function given<D extends AnyDecider>(
  decider: D,
  past: PromiseLike<ReadonlyArray<PastEvent<EventsOf<D>>>>,
): GivenDecider<D, Promise<void>>;
export function given<State>(model: DecisionModel<State>, past: readonly NewEvent[]): GivenModel<State, void>;
export function given<State>(
  model: DecisionModel<State>,
  past: PromiseLike<readonly NewEvent[]>,
): GivenModel<State, Promise<void>>;
export function given<Document>(
  projection: Projection<Document>,
  past: readonly PastEventIn[],
): GivenProjection<Document, void>;
export function given<Document>(
  projection: Projection<Document>,
  past: PromiseLike<readonly PastEventIn[]>,
): GivenProjection<Document, Promise<void>>;
export function given(definition: Definition, past: Past): unknown {
  switch ((definition as Partial<typeof definition> | undefined)?.kind) {
    case "decider":
      return givenDecider(definition as AnyDecider, past);
    case "decision-model":
      return givenModel(definition as DecisionModel<unknown>, past);
    case "projection":
      return givenProjection(definition as Projection<unknown>, past);
    default:
      throw new ExpectationError(
        "given() takes what was made by decider(), decisionModel(), composeModels() or projection().",
      );
  }
}

type Definition = AnyDecider | DecisionModel<unknown> | Projection<unknown>;

type Past = readonly NewEvent[] | PromiseLike<readonly NewEvent[]>;

/** Both kinds of `Done`: which one it is follows from the past. */
type NowOrLater = void | Promise<void>;

function givenDecider(decider: AnyDecider, past: Past): GivenDecider<AnyDecider, NowOrLater> {
  const subject = (name: string, id: string): Subject => ({
    name,
    stream: streamOf(decider, id),
    events: decider.events as AnyEventTypes,
    fold: (events) => foldFrozen(decider, events),
  });
  return {
    ...pastExpectations(decider.name, () => attempt(subject(decider.name, "1"), past, () => [])),
    when: (command, payload?: unknown, context: WhenContext = {}) => {
      const { now = "2000-01-01T00:00:00.000Z", id = "1", metadata = {} } = context;
      const told: DecideContext = { now, stream: streamOf(decider, id), id, metadata };
      const name = `${decider.name}: "${command}"`;
      const answer = (state: unknown): Answer => decide(decider, state, { name: command, payload }, told);
      return expectations(name, () => attempt(subject(name, id), past, answer));
    },
  };
}

function givenModel(model: DecisionModel<unknown>, past: Past): GivenModel<unknown, NowOrLater> {
  const { events, fold: foldModel } = model;
  const name = "the decision";
  const subject: Subject = {
    name,
    stream: defaultStream,
    events,
    fold: (stored) => deepFreeze(foldModel(stored)),
  };
  const answer = (decision: unknown): Answer => normaliseDecision(decision, { name, events });
  return {
    ...pastExpectations("the decision model", () => attempt(subject, past, () => [])),
    when: (decideOn) => {
      const decideNow = (state: unknown): Answer => answer(decideOn(state));
      const decideLater = async (state: unknown): Promise<Answer> => answer(await decideOn(state));
      return expectations(name, () => attempt(subject, past, isLater(past) ? decideLater : decideNow));
    },
  };
}

function attempt(
  subject: Subject,
  past: Past,
  decideOn: (state: unknown) => Answer | Promise<Answer>,
): Outcome | Promise<Outcome> {
  if (isLater(past)) return runLater(subject, past, decideOn);
  return run(subject, past, decideOn as (state: unknown) => Answer);
}

function expectations(
  name: string,
  outcome: () => Outcome | Promise<Outcome>,
): Expectations<Case, NowOrLater> {
  const check = checker(outcome);
  return {
    ...pastExpectations(name, outcome),
    // The word of the pattern. `await` on it by mistake ends in an error that says so.
    // oxlint-disable-next-line unicorn/no-thenable
    then: (events) => {
      requireEvents(name, events);
      return check((found) => expectEvents(name, found, events));
    },
    thenNothing: () => check((found) => expectNothing(name, found)),
    thenRejected: (reason, details) => check((found) => expectRejection(name, found, { reason, details })),
  };
}

function pastExpectations(
  name: string,
  outcome: () => Outcome | Promise<Outcome>,
): PastExpectations<Case, NowOrLater> {
  const check = checker(outcome);
  return {
    thenState: (state) => check((found) => expectState(name, found, state)),
    thenThrows: (error) => check((found) => expectThrown(name, found, error)),
  };
}

/** Runs the scenario, then the comparison: at once, or when the scenario has ended. */
function checker(
  outcome: () => Outcome | Promise<Outcome>,
): (compare: (found: Outcome) => void) => NowOrLater {
  return (compare) => {
    const found = outcome();
    return found instanceof Promise ? found.then(compare) : compare(found);
  };
}

/** Folds event by event and freezes each state, so that no function can change the one it was given. */
function foldFrozen(decider: AnyDecider, events: readonly StoredEvent[]): unknown {
  let state: unknown = deepFreeze(fold(decider, []));
  for (const event of events) state = deepFreeze(fold(decider, [event], { from: state }));
  return state;
}

function isLater(past: Past): past is PromiseLike<readonly NewEvent[]> {
  return typeof past === "object" && past !== null && "then" in past;
}
