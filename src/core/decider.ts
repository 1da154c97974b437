/**
 * Deciders: a consistency boundary as three pure functions. `initial` is the state before anything happened, `evolve`
 * says what each event changes, `decide` answers commands with events, with nothing, or with a rejection.
 * The pattern is Jérémie Chassaing's (https://thinkbeforecoding.com/post/2021/12/17/functional-event-sourcing-decider).
 */
import { refuseArgument, requireArgument } from "./check-arguments.ts";
import {
  refuseDefinition,
  requireCount,
  requireFunction,
  requireFunctions,
  requireObject,
  requireStrings,
} from "./check-definition.ts";
import type { AnyHandlers, Checked, CommandsOf } from "./decider-inference.ts";
import type { Decider, StateCodec } from "./decider-types.ts";
import { HithertoError } from "./errors.ts";
import type { AnyEventTypes, EventsIn, ListedTypes } from "./event-type.ts";
import { requireEventTypes } from "./event-type.ts";
import type { InferredEvolve } from "./fold.ts";
import { limits } from "./limits.ts";

/** What {@link decider} takes. The order matters to inference: `initial`, `events`, `evolve`, `decide`. */
export interface DeciderOptions<State, Listed, Handlers> {
  /** The state before any event. */
  readonly initial: () => State;
  /**
   * Schemas, versions and upcasters by event type. If given, it lists every type, `evolve` must handle each, and the
   * types of the data come from here; if not, they come from the annotations in `evolve`.
   */
  readonly events?: ListedTypes<Listed> | undefined;
  /** What each event changes. */
  readonly evolve: InferredEvolve<State, Listed>;
  /** What each command leads to. Pure and synchronous: what it needs to know comes with the payload. */
  readonly decide: Handlers;
  /** Version of the shape of the state. Raise it when the state changes, so that old snapshots are not used. Default 1. */
  readonly stateVersion?: number | undefined;
  /** First part of stream names, without `-`. Default: the decider's name. */
  readonly category?: string | undefined;
  /** Event types that its streams hold but that change nothing here. */
  readonly ignore?: readonly string[] | undefined;
  /** How snapshots keep the state. Needed only if the state is not plain JSON; without it, it gets no snapshots then. */
  readonly snapshot?: StateCodec<NoInfer<State>> | undefined;
}

/**
 * Defines a decider. State, events and commands are inferred: annotate what `evolve` functions take, or list `events`;
 * annotate the payloads that `decide` functions take. An event type that `evolve` does not handle cannot be decided.
 *
 * @throws `DEFINITION_INVALID` for an empty name, a category that is empty, too long or holds `-`, a state version that is not
 * a positive integer, or anything that has the wrong type.
 *
 * @example
 * ```ts
 * import { decider, reject } from "hitherto/core";
 * const account = decider("account", {
 *   initial: () => ({ isOpen: false, balance: 0 }),
 *   evolve: {
 *     AccountOpened: (state, _data: { owner: string }) => ({ ...state, isOpen: true }),
 *     MoneyDeposited: (state, data: { amount: number }) => ({ ...state, balance: state.balance + data.amount }),
 *   },
 *   decide: {
 *     deposit: (state, payload: { amount: number }) =>
 *       state.isOpen
 *         ? { type: "MoneyDeposited", data: payload }
 *         : reject("account-not-open", "Open the account first."),
 *   },
 * });
 * ```
 */
// The defaults are never what is inferred. They make TypeScript apply `InferredStep` to functions without parameters
// too, which it looks at before it has inferred anything.
export function decider<
  State = unknown,
  Listed = unknown,
  // `any`: no other type satisfies the constraint whatever `Listed` is.
  // oxlint-disable-next-line typescript/no-explicit-any
  Handlers extends AnyHandlers<State> & Checked<EventsIn<Listed>, Handlers> = any,
>(
  name: string,
  options: DeciderOptions<State, Listed, Handlers>,
): Decider<State, EventsIn<Listed>, CommandsOf<Handlers>> {
  requireOptions(name, options);
  const { initial, evolve, decide, stateVersion = 1, category = name, ignore = [] } = options;
  const definition: Decider<State, unknown, unknown> = {
    kind: "decider",
    name,
    category,
    stateVersion,
    initial,
    evolve: Object.freeze({ ...evolve }),
    decide: Object.freeze({ ...decide }),
    events: Object.freeze({ ...options.events }),
    ignore: Object.freeze([...ignore]),
    snapshot: options.snapshot,
  };
  return Object.freeze(definition) as Decider<State, EventsIn<Listed>, CommandsOf<Handlers>>;
}

/**
 * The stream of one instance of a decider: its category, a dash, and the id.
 *
 * @throws `ARGUMENT_INVALID` for an id that is not a string or is empty.
 *
 * @example
 * ```ts
 * import { streamOf } from "hitherto/core";
 * streamOf({ category: "account" }, "42"); // "account-42"
 * ```
 */
export function streamOf(definition: { readonly category: string }, id: string): string {
  requireArgument("definition", definition);
  if (typeof definition.category !== "string") refuseArgument("definition.category", "it must be a string");
  if (typeof id === "string" && id !== "") return `${definition.category}-${id}`;
  throw new HithertoError("ARGUMENT_INVALID", { argument: "id", problem: "it must be a string, not empty" });
}

function requireOptions(name: string, options: unknown): void {
  if (typeof name !== "string" || name === "") {
    refuseDefinition("decider", "its name is not a string, or is empty");
  }
  requireObject(name, "the second argument", options);
  const { initial, evolve, decide, events, stateVersion, category, ignore, snapshot } = options as Partial<
    DeciderOptions<unknown, AnyEventTypes, object>
  >;
  requireFunction(name, "initial", initial);
  requireEventTypes(name, events);
  requireFunctions(name, "evolve", evolve);
  requireFunctions(name, "decide", decide);
  for (const type of Object.keys(events ?? {})) {
    if (!Object.hasOwn(evolve, type)) {
      refuseDefinition(name, `evolve has no function for ${type}, which events lists`);
    }
  }
  requireCategory(name, category ?? name);
  requireCount(name, "stateVersion", stateVersion ?? 1, Number.MAX_SAFE_INTEGER);
  requireStrings(name, "ignore", ignore);
  if (snapshot === undefined) return;
  requireFunction(name, "snapshot.encode", snapshot?.encode);
  requireFunction(name, "snapshot.decode", snapshot?.decode);
}

function requireCategory(name: string, category: unknown): void {
  const lengthMax = limits.streamNameLengthMax - "-1".length;
  const isText = typeof category === "string" && category !== "" && category.length <= lengthMax;
  if (isText && !category.includes("-")) return;
  const problem =
    `its category (by default its name) must be a string of 1 to ${lengthMax} characters ` +
    'without "-", which ends it in a stream name';
  refuseDefinition(name, problem);
}
