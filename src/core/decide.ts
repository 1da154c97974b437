import { isPromise } from "./calls.ts";
/**
 * Deciding: from a command to the events that are to be appended, or a rejection. Pure; loading and appending are the
 * runtime's.
 */
import { refuseArgument, requireArgument, requireKind } from "./check-arguments.ts";
import type {
  AnyDecider,
  CommandOf,
  DecideContext,
  EventsOf,
  NewEventOf,
  PayloadOf,
  ReasonOf,
  StateOf,
} from "./decider-types.ts";
import { HithertoError } from "./errors.ts";
import type { AnyEventTypes } from "./event-type.ts";
import { completeEvent } from "./event-type.ts";
import type { EventMetadata, NewEvent } from "./event.ts";
import type { Rejection } from "./rejection.ts";
import { isRejection } from "./rejection.ts";

/** A command to decide on. */
export interface Command<Name extends string = string, Payload = unknown> {
  readonly name: Name;
  readonly payload: Payload;
}

/**
 * Decides a command on a state. The events come back ready to append: checked, with schema version, tags and metadata;
 * an empty array when nothing is to happen.
 *
 * @throws `COMMAND_UNKNOWN`; `DECISION_INVALID` when the decision is no event, array of events, rejection or nothing,
 * or holds an event type that `evolve` does not know; `SCHEMA_VIOLATION`; and whatever the `decide` function throws.
 *
 * @example
 * ```ts
 * import { decide, decider } from "hitherto/core";
 * const counter = decider("counter", {
 *   initial: () => 0,
 *   evolve: { Counted: (total, data: { by: number }) => total + data.by },
 *   decide: { count: (_total, by: number) => ({ type: "Counted", data: { by } }) },
 * });
 * const context = { now: "2026-11-21T08:40:00.000Z", stream: "counter-1", id: "1", metadata: {} };
 * decide(counter, 0, { name: "count", payload: 2 }, context); // [{ type: "Counted", data: { by: 2 }, … }]
 * ```
 */
export function decide<D extends AnyDecider, Name extends CommandOf<D>>(
  decider: D,
  state: StateOf<D>,
  command: Command<Name, PayloadOf<D, Name>>,
  context: DecideContext,
): ReadonlyArray<NewEventOf<EventsOf<D>>> | Rejection<ReasonOf<D, Name>> {
  requireKind("decider", decider, deciderKind);
  requireArgument("command", command);
  requireArgument("context", context);
  const handler = findHandler(decider, command.name);
  const decision = handler(state, command.payload, context);
  if (isRejection(decision)) return decision as Rejection<ReasonOf<D, Name>>;
  const owner = { definition: decider.name, command: command.name };
  const known = decider.evolve as Readonly<Record<string, unknown>>;
  const events = normalise(decision, owner).map((event) => {
    if (!Object.hasOwn(known, event.type)) {
      refuse(owner, `evolve has no function for events of type ${event.type}`);
    }
    return complete(event, decider.events as AnyEventTypes, context.metadata);
  });
  return events;
}

/**
 * Brings the decision of a plain function on a decision model into the same form as {@link decide} does.
 *
 * @throws `DECISION_INVALID`, `SCHEMA_VIOLATION`.
 *
 * @example
 * ```ts
 * import { normaliseDecision } from "hitherto/core";
 * normaliseDecision({ type: "Joined", data: {} }, { name: "join", events: {}, metadata: { userId: "ada" } });
 * // [{ type: "Joined", data: {}, metadata: { userId: "ada" } }]
 * ```
 */
export function normaliseDecision(
  decision: unknown,
  options: {
    readonly name: string;
    readonly events: AnyEventTypes;
    readonly metadata?: EventMetadata | undefined;
  },
): readonly NewEvent[] | Rejection {
  requireArgument("options", options);
  requireArgument("options.events", options.events);
  if (isRejection(decision)) return decision;
  const owner = { definition: "decision model", command: options.name };
  return normalise(decision, owner).map((event) => complete(event, options.events, options.metadata ?? {}));
}

const deciderKind: readonly string[] = ["decider"];

type Handler = (state: unknown, payload: unknown, context: DecideContext) => unknown;

interface Owner {
  readonly definition: string;
  readonly command: string;
}

function findHandler(decider: AnyDecider, command: string): Handler {
  if (typeof command !== "string") refuseArgument("command.name", "it must be a string");
  const handlers = decider.decide as Readonly<Record<string, Handler>>;
  const handler = Object.hasOwn(handlers, command) ? handlers[command] : undefined;
  if (handler !== undefined) return handler;
  throw new HithertoError("COMMAND_UNKNOWN", {
    decider: decider.name,
    command,
    known: Object.keys(handlers),
  });
}

function normalise(decision: unknown, owner: Owner): readonly NewEvent[] {
  if (decision === undefined) return [];
  if (isPromise(decision)) {
    refuse(owner, "it is a promise; decide before, and hand what is needed over in the payload");
  }
  const events: readonly unknown[] = Array.isArray(decision) ? decision : [decision];
  return events.map((event, index) => requireEvent(event, index, owner));
}

function requireEvent(event: unknown, index: number, owner: Owner): NewEvent {
  if (isRejection(event)) refuse(owner, `entry ${index} is a rejection; return it alone, without events`);
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    refuse(owner, `entry ${index} is ${describe(event)} where an event was expected`);
  }
  const { type, data, tags } = event as Partial<NewEvent>;
  if (typeof type !== "string" || type === "") refuse(owner, `entry ${index} has no type`);
  if (data === undefined) refuse(owner, `the event ${type} has no data; give null or {} if there are none`);
  if (tags !== undefined && !Array.isArray(tags)) refuse(owner, `the tags of ${type} are not an array`);
  return event as NewEvent;
}

function complete(event: NewEvent, types: AnyEventTypes, metadata: EventMetadata): NewEvent {
  const completed = completeEvent(types, event);
  const merged = { ...metadata, ...event.metadata };
  return Object.keys(merged).length === 0 ? completed : { ...completed, metadata: merged };
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function refuse(owner: Owner, problem: string): never {
  throw new HithertoError("DECISION_INVALID", { ...owner, problem });
}
