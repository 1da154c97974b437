/**
 * The types of deciders, and what can be asked of one at compile time.
 */
import type { EventTypes } from "./event-type.ts";
import type { EventMetadata, NewEvent } from "./event.ts";
import type { Evolve } from "./fold.ts";
import type { Rejection } from "./rejection.ts";

/** What a `decide` function may know besides state and payload. */
export interface DecideContext {
  /** The time of the decision, ISO 8601 in UTC: the clock of a function that has none. */
  readonly now: string;
  /** The stream that is decided on. */
  readonly stream: string;
  /** The part of the stream's name after the category. */
  readonly id: string;
  /** What each event of the decision will carry; see {@link metadataOf}. */
  readonly metadata: EventMetadata;
}

/** An event to append, for a map from event types to data: one alternative for each type. */
export type NewEventOf<Events> = {
  [Type in keyof Events & string]: NewEvent<Type, Events[Type]>;
}[keyof Events & string];

/** What `decide` returns: one event, several, none (`[]` or nothing at all), or a rejection. */
export type Decision<Events, Reason extends string = string> =
  | NewEventOf<Events>
  | ReadonlyArray<NewEventOf<Events>>
  | Rejection<Reason>
  | undefined
  // A function that only rejects or does nothing has no return statement on one of its paths.
  | void;

/** What is known at compile time of one command: what it takes, and why it may be refused. Never a value. */
export interface CommandType<Payload, Reason extends string = string> {
  readonly payload: Payload;
  readonly reason: Reason;
}

/** The `decide` functions of a map from commands to their {@link CommandType}. */
export type Decide<State, Events, Commands> = {
  readonly [Name in keyof Commands]: Commands[Name] extends CommandType<infer Payload, infer Reason>
    ? (state: State, payload: Payload, context: DecideContext) => Decision<Events, Reason>
    : never;
};

/**
 * How a state that is not plain JSON (it holds a `Map`, a `Date`, a bigint) is kept in snapshots. `decode(encode(state))`
 * must equal the state; `encode` returns JSON.
 *
 * @example
 * ```ts
 * import type { StateCodec } from "hitherto/core";
 * const tags: StateCodec<ReadonlySet<string>> = {
 *   encode: (state) => [...state],
 *   decode: (json: readonly string[]) => new Set(json),
 * };
 * ```
 */
export interface StateCodec<State> {
  readonly encode: (state: State) => unknown;
  // `any`: what `encode` returned, after a round trip through JSON.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly decode: (json: any) => State;
}

/**
 * A decider as a value: plain, frozen, made by {@link decider}. `Events` maps event types to their data, `Commands`
 * maps commands to their {@link CommandType}.
 */
export interface Decider<State, Events, Commands> {
  readonly kind: "decider";
  readonly name: string;
  /** First part of the names of its streams. */
  readonly category: string;
  /** Version of the shape of the state; snapshots of another one are not used. */
  readonly stateVersion: number;
  readonly initial: () => State;
  readonly evolve: Evolve<State, Events>;
  readonly decide: Decide<State, Events, Commands>;
  readonly events: EventTypes<Events>;
  readonly ignore: readonly string[];
  readonly snapshot: StateCodec<State> | undefined;
}

/** Any decider, for constraints. */
// `any`: a decider both takes and gives its state, so no narrower type holds all of them.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyDecider = Decider<any, any, any>;

/** The state of a decider. */
export type StateOf<D> = D extends { readonly initial: () => infer State } ? State : never;

/** The map from event types to data of a decider. */
export type EventsOf<D> = D extends Decider<infer _State, infer Events, infer _Commands> ? Events : never;

/** The names of a decider's commands. */
export type CommandOf<D extends AnyDecider> = keyof D["decide"] & string;

/** What a command of a decider takes; `undefined` when it takes nothing. */
export type PayloadOf<D extends AnyDecider, Name extends CommandOf<D>> =
  D extends Decider<infer _State, infer _Events, infer Commands>
    ? Commands[Name & keyof Commands] extends CommandType<infer Payload>
      ? Payload
      : never
    : never;

/** Why a command of a decider may be refused: the union of its reasons, as far as they can be inferred. */
export type ReasonOf<D extends AnyDecider, Name extends CommandOf<D>> =
  D extends Decider<infer _State, infer _Events, infer Commands>
    ? Commands[Name & keyof Commands] extends CommandType<infer _Payload, infer Reason>
      ? Reason
      : never
    : never;
