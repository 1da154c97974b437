/**
 * Decision models: the small state that one decision needs, folded from just the events that matter to it, wherever
 * in the log they are. The query that finds these events is also what an append is made conditional on, so the state
 * and its consistency boundary cannot drift apart (https://dcb.events/topics/command-context).
 */
import { requireArgument } from "./check-arguments.ts";
import {
  refuseDefinition,
  requireFunction,
  requireFunctions,
  requireObject,
  requireSelecting,
  requireStrings,
} from "./check-definition.ts";
import type { AnyEventTypes, ListedTypes } from "./event-type.ts";
import { requireEventTypes } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import type { FoldOptions, InferredPartialEvolve } from "./fold.ts";
import { fold, requireIterable } from "./fold.ts";
import type { AppendCondition, Query, QueryItem } from "./query.ts";
import { passesQuery } from "./query.ts";

/** A decision model as a value: plain, frozen, made by {@link decisionModel} or {@link composeModels}. */
export interface DecisionModel<State> {
  readonly kind: "decision-model";
  /** Finds the events that the model looks at, and no others. */
  readonly query: Query;
  /** The state before any event. */
  readonly initial: () => State;
  /** Folds the events that match the query, oldest first; others are passed over. Throws as {@link fold} does. */
  readonly fold: (events: Iterable<StoredEvent>, options?: FoldOptions<State>) => State;
  /** Holds while no event after this position matches the query. Default: none in the whole log may. */
  readonly condition: (after?: number) => AppendCondition;
  /** What is known about its event types; completes the events that are decided on it. */
  readonly events: AnyEventTypes;
}

/** The state of a decision model. */
export type ModelStateOf<Model> = Model extends DecisionModel<infer State> ? State : never;

/** What {@link decisionModel} takes. The order matters to inference: `initial`, `events`, `evolve`. */
export interface DecisionModelOptions<State, Listed> {
  /** For error messages. Default `"decision model"`. */
  readonly name?: string | undefined;
  /** Tags that an event must all carry to be looked at. Default: none, events count by their type alone. */
  readonly tags?: readonly string[];
  readonly initial: () => State;
  /** Schemas, versions and upcasters by event type; may list more types than this model looks at. */
  readonly events?: ListedTypes<Listed> | undefined;
  /** What each event changes. Its keys are the event types that the model looks at. */
  readonly evolve: InferredPartialEvolve<State, Listed>;
}

/**
 * Defines a decision model.
 *
 * @throws `DEFINITION_INVALID` when `evolve` has no functions, a tag is not a string, or anything has the wrong type.
 *
 * @example
 * ```ts
 * import { decisionModel } from "hitherto/core";
 * const courseCapacity = (course: string) =>
 *   decisionModel({
 *     tags: [`course:${course}`],
 *     initial: () => 0,
 *     evolve: {
 *       CourseDefined: (_capacity, data: { capacity: number }) => data.capacity,
 *       CapacityChanged: (_capacity, data: { capacity: number }) => data.capacity,
 *     },
 *   });
 * courseCapacity("c1").condition(17);
 * // { failIfMatch: [{ types: ["CourseDefined", "CapacityChanged"], tags: ["course:c1"] }], after: 17 }
 * ```
 */
// The defaults are never what is inferred; see `decider`.
export function decisionModel<State = unknown, Listed = unknown>(
  options: DecisionModelOptions<State, Listed>,
): DecisionModel<State> {
  requireOptions(options);
  const { name = "decision model", tags = [], initial } = options;
  const evolve: object = Object.freeze({ ...options.evolve });
  const events = Object.freeze({ ...options.events }) as AnyEventTypes;
  const foldable = Object.freeze({ name, initial, evolve, events, ignore: [] });
  const query = freezeQuery([
    { types: Object.keys(evolve), ...(tags.length > 0 && { tags: [...new Set(tags)] }) },
  ]);
  return Object.freeze({
    kind: "decision-model",
    query,
    initial,
    fold: (stored, from) => {
      requireIterable(stored);
      return fold(foldable, matching(query, stored), from);
    },
    condition: (after) => conditionOf(query, after),
    events,
  } satisfies DecisionModel<State>);
}

/** The state of composed models: each one's state under its name. */
export type ComposedState<Models> = { readonly [Name in keyof Models]: ModelStateOf<Models[Name]> };

/**
 * Composes decision models by name into one, whose state has each model's state under its name and whose condition
 * covers them all. What it returns composes again.
 *
 * @throws `DEFINITION_INVALID` when there are no models, when a value is none, or when two of them define one event
 * type differently.
 *
 * @example
 * ```ts
 * import { composeModels, decisionModel } from "hitherto/core";
 * const capacity = decisionModel({
 *   tags: ["course:c1"],
 *   initial: () => 0,
 *   evolve: { CourseDefined: (_capacity, data: { capacity: number }) => data.capacity },
 * });
 * const subscriptions = decisionModel({
 *   tags: ["course:c1"],
 *   initial: () => 0,
 *   evolve: { StudentSubscribed: (count) => count + 1 },
 * });
 * const model = composeModels({ capacity, subscriptions });
 * const { capacity: seats } = model.fold([]);
 * ```
 */
// `any`: models of any state compose; the state type of each is kept in `Models`.
// oxlint-disable-next-line typescript/no-explicit-any
export function composeModels<const Models extends Readonly<Record<string, DecisionModel<any>>>>(
  models: Models,
): DecisionModel<ComposedState<Models>> {
  requireModels(models);
  const parts: ReadonlyArray<readonly [string, DecisionModel<unknown>]> = Object.entries(models);
  const query = freezeQuery(parts.flatMap(([, model]) => model.query));
  const each = (state: (model: DecisionModel<unknown>, name: string) => unknown): ComposedState<Models> =>
    Object.fromEntries(parts.map(([name, model]) => [name, state(model, name)])) as ComposedState<Models>;

  return Object.freeze({
    kind: "decision-model",
    query,
    initial: () => each((model) => model.initial()),
    fold: (stored, { from } = {}) => {
      const events = Array.isArray(stored) ? (stored as readonly StoredEvent[]) : [...stored];
      return each((model, name) => model.fold(events, { from: from?.[name] }));
    },
    condition: (after) => conditionOf(query, after),
    events: mergeEventTypes(parts.map(([, model]) => model.events)),
  } satisfies DecisionModel<ComposedState<Models>>);
}

function* matching(query: Query, events: Iterable<StoredEvent>): Generator<StoredEvent> {
  for (const event of events) {
    requireArgument("events", event);
    if (passesQuery(query, event)) yield event;
  }
}

function conditionOf(failIfMatch: Query, after: number | undefined): AppendCondition {
  return after === undefined ? { failIfMatch } : { failIfMatch, after };
}

/** Without repeated items; order kept. */
function freezeQuery(items: readonly QueryItem[]): Query {
  const distinct = new Map(items.map((item) => [JSON.stringify([item.types, item.tags]), item]));
  return Object.freeze([...distinct.values()].map((item) => Object.freeze(item)));
}

function mergeEventTypes(catalogues: readonly AnyEventTypes[]): AnyEventTypes {
  const merged = new Map<string, AnyEventTypes[string]>();
  for (const [type, definition] of catalogues.flatMap((catalogue) => Object.entries(catalogue))) {
    const known = merged.get(type) ?? definition;
    if (known !== definition) {
      refuseDefinition("composed models", `two models define the event type ${type} differently`);
    }
    merged.set(type, definition);
  }
  return Object.freeze(Object.fromEntries(merged));
}

function requireOptions(options: unknown): void {
  const owner = "decision model";
  requireObject(owner, "the options", options);
  const { initial, evolve, events, tags } = options as Partial<DecisionModelOptions<unknown, AnyEventTypes>>;
  requireFunction(owner, "initial", initial);
  requireFunctions(owner, "evolve", evolve);
  if (Object.keys(evolve).length === 0) {
    refuseDefinition(owner, "evolve is empty, so it would look at no event");
  }
  requireEventTypes(owner, events);
  requireSelecting(owner, options, ["tags"]);
  requireStrings(owner, "tags", tags);
  if (tags?.length === 0) refuseDefinition(owner, "tags is empty; name at least one, or leave it out");
}

function requireModels(models: unknown): void {
  const owner = "composed models";
  requireObject(owner, "the argument", models);
  const entries = Object.entries(models as Readonly<Record<string, Partial<DecisionModel<unknown>> | null>>);
  if (entries.length === 0) refuseDefinition(owner, "there is no model");
  for (const [name, model] of entries) {
    if (model?.kind !== "decision-model") refuseDefinition(owner, `${name} is not a decision model`);
  }
}
