/**
 * Defining consumers: what is written becomes a plain {@link Consumer}, and everything that is wrong is said at once.
 */
import { isPromise } from "../../core/calls.ts";
import {
  refuseDefinition,
  requireCount,
  requireFunction,
  requireFunctions,
  requireObject,
  requireStrings,
} from "../../core/check-definition.ts";
import { isHithertoError } from "../../core/errors.ts";
import type { AnyEventTypes, ListedTypes } from "../../core/event-type.ts";
import { requireEventTypes } from "../../core/event-type.ts";
import type { StoredEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import type { EventFilter, Query } from "../../core/query.ts";
import { checkDefined, definedParts } from "../../core/selections.ts";
import { planRead } from "../../store/read-options.ts";
import type { RetryPolicy } from "../retry-policy.ts";
import { planRetry } from "../retry-policy.ts";
import type { CheckedTypes, HandledEvent, InferredHandlers, PartitionedEvent } from "./consumer-inference.ts";
import type { Consumer, DeliveryContext, DeliveryHandler, DeliveryPolicy, ErrorClass } from "./consumer.ts";
import { publicEvent } from "./public-event.ts";
import type { InferredMaps } from "./public-event.ts";

/**
 * What {@link consumer} takes. The order matters to inference: `events`, `on` or `map`, then the rest.
 *
 * Either `on` or `handle` takes the events. The parts of the filter must all hold.
 */
export interface ConsumerOptions<Listed = unknown, Handlers = unknown, Maps = unknown> {
  /** Only events of these types. Not together with `on` or `map`, whose functions say it. Default: those of `events`. */
  readonly types?: readonly string[];
  /** Only events of streams of these categories. */
  readonly categories?: readonly string[];
  /** Only events that have all of these tags. */
  readonly tags?: readonly string[];
  /** Only events of streams whose names begin so. */
  readonly streamPrefix?: string;
  /** Only events that match this query. */
  readonly query?: Query;
  /**
   * Where a consumer begins that has no place in the log yet: at the first event, after the last one, after a position, which
   * the log must have reached, or with what was recorded from a moment on. Default `"start"`.
   */
  readonly from?: "start" | "end" | number | Date;
  /** Versions and upcasters by event type; may list more types than this consumer looks at. */
  readonly events?: ListedTypes<Listed>;
  /** Handlers by event type. A type without one passes by. (Beside `undefined`, parameters would not be inferred.) */
  readonly on?: InferredHandlers<NoInfer<Listed>, Handlers> & Handlers;
  /**
   * Makes public events of private ones, for `handle`. Pure and synchronous. A type without a function passes by, and so
   * does an event of which a function makes undefined.
   */
  readonly map?: InferredMaps<NoInfer<Listed>, Maps> & Maps;
  /** Takes every event that passes the filter. */
  readonly handle?:
    | ((event: HandledEvent<Listed, Maps>, context: DeliveryContext) => void | Promise<void>)
    | undefined;
  /** Orders deliveries: events of one key go one after the other, other keys beside them. Pure. Default: the stream. */
  readonly partitionBy?: ((event: PartitionedEvent<Listed, Handlers, Maps>) => string) | undefined;
  /** Partitions that a new consumer gets: how many members can share its work. 1 to `limits.partitionsMax`; default 8. */
  readonly partitions?: number | undefined;
  /** Default: 5 retries, from 100 milliseconds on, doubling up to 10 seconds. */
  readonly retry?: RetryPolicy | undefined;
  /** Tells what to do about an error. Default: every one is `transient`. */
  readonly classify?: ((error: unknown, event: StoredEvent) => ErrorClass) | undefined;
  /** After the last retry: `park` (default) the event and hold back the later ones of its key, `skip` it, or `stop`. */
  readonly onError?: DeliveryPolicy["onError"] | undefined;
}

/**
 * Defines a consumer: a named, durable subscription, whose place in the log is kept in the store. What it delivers, it
 * delivers at least once, in order within each key; give the context's idempotency key to whatever takes one, or put the
 * effect into the same store with `once`.
 *
 * @throws `DEFINITION_INVALID` for a name that is not made of 1 to 64 letters, digits, `_`, `-` and `.` with a letter
 * first, both or neither of `on` and `handle`, `types` beside functions by type, or anything that has the wrong type.
 *
 * @example
 * ```ts
 * import { consumer } from "hitherto";
 * const receipts = consumer("receipts", {
 *   on: {
 *     OrderPaid: async (data: { email: string; amount: string }, _event, context) => {
 *       await fetch("https://mail.example/send", {
 *         method: "POST",
 *         headers: { "idempotency-key": context.idempotencyKey },
 *         body: JSON.stringify({ to: data.email, text: `We received ${data.amount}.` }),
 *         signal: context.signal,
 *       });
 *     },
 *   },
 *   retry: { max: 8 },
 * });
 * const published = consumer("published", {
 *   map: { OrderPaid: (data: { amount: string }) => ({ type: "shop.OrderPaid", data: { total: data.amount } }) },
 *   handle: (event) => console.log(event.type, event.id, event.data.total),
 * });
 * ```
 */
export function consumer<
  Listed = unknown,
  // `any` satisfies the constraints whatever `Listed` is, and says that the functions were not given.
  // oxlint-disable-next-line typescript/no-explicit-any
  Handlers extends CheckedTypes<Listed, Handlers> = any,
  // oxlint-disable-next-line typescript/no-explicit-any
  Maps extends CheckedTypes<Listed, Maps> = any,
>(name: string, options: ConsumerOptions<Listed, Handlers, Maps>): Consumer {
  requireName(name);
  requireObject(name, "the second argument", options);
  const loose = options as LooseOptions;
  requireOptions(name, loose);
  const { from = "start", partitionBy = streamOfEvent, partitions = 8, events } = loose;
  return Object.freeze({
    kind: "consumer",
    name,
    filter: asDefinition(name, () => filterOf(loose)),
    from: from instanceof Date ? new Date(from) : from,
    partitionBy,
    partitions,
    handlerOf: handlersOf(name, loose),
    events: Object.freeze({ ...events }),
    policy: Object.freeze({
      retry: Object.freeze(asDefinition(name, () => planRetry(loose.retry))),
      classify: loose.classify ?? transient,
      onError: loose.onError ?? "park",
    }),
  } satisfies Consumer);
}

/** The options without what is known about their types. */
interface LooseOptions extends Pick<
  ConsumerOptions,
  | "types"
  | "categories"
  | "tags"
  | "streamPrefix"
  | "query"
  | "from"
  | "partitions"
  | "retry"
  | "classify"
  | "onError"
> {
  readonly events?: AnyEventTypes;
  readonly on?: Readonly<Record<string, DeliveryHandler>>;
  readonly map?: Readonly<Record<string, MapFunction>>;
  readonly handle?: ((event: unknown, context: DeliveryContext) => void | Promise<void>) | undefined;
  readonly partitionBy?: ((event: StoredEvent) => string) | undefined;
}

type MapFunction = (data: unknown, event: StoredEvent) => unknown;

const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

function streamOfEvent({ stream }: StoredEvent): string {
  return stream;
}

function transient(): ErrorClass {
  return "transient";
}

function filterOf(options: LooseOptions): EventFilter {
  const { categories, tags, streamPrefix, query, on, map, events } = options;
  const named = on ?? map ?? events;
  const types = options.types ?? (named === undefined ? undefined : Object.keys(named));
  const filter = definedParts({ types, categories, tags, streamPrefix, query });
  return Object.freeze(planRead(filter).filter ?? {});
}

function handlersOf(name: string, { on, map, handle }: LooseOptions): Consumer["handlerOf"] {
  if (on !== undefined) return lookUp(on);
  const handleAny = handle as NonNullable<typeof handle>;
  if (map === undefined) {
    const handler: DeliveryHandler = (_data, event, context) => handleAny(event, context);
    return () => handler;
  }
  const mapped = Object.entries(map).map(([type, make]) => [type, mapFirst(name, make, handleAny)] as const);
  return lookUp(Object.fromEntries(mapped));
}

function lookUp(handlers: Readonly<Record<string, DeliveryHandler>>): Consumer["handlerOf"] {
  const byType = new Map(Object.entries(handlers));
  return (type) => byType.get(type);
}

function mapFirst(
  name: string,
  make: MapFunction,
  handle: NonNullable<LooseOptions["handle"]>,
): DeliveryHandler {
  return (data, event, context) => {
    const made = make(data, event);
    if (made === undefined) return undefined;
    requireMade(name, event.type, made);
    return handle(publicEvent(made, event, context), context);
  };
}

function requireMade(
  name: string,
  type: string,
  made: unknown,
): asserts made is { readonly type: string; readonly data: unknown } {
  const isEvent = typeof made === "object" && made !== null && "type" in made && "data" in made;
  if (!isPromise(made) && isEvent && typeof made.type === "string" && made.type !== "") return;
  refuseDefinition(name, `map.${type} made something that is neither undefined nor has a type and data`);
}

function requireName(name: unknown): void {
  if (typeof name === "string" && namePattern.test(name)) return;
  const found = typeof name === "string" ? JSON.stringify(name) : "what was given";
  refuseDefinition(
    "consumer",
    `its name ${found} is not made of 1 to 64 letters, digits, _, - and ., a letter first`,
  );
}

function requireOptions(name: string, options: LooseOptions): void {
  asDefinition(name, () => checkDefined(options, selectingParts));
  const { events, partitionBy, partitions = 8, classify, onError = "park", from = "start" } = options;
  requireEventTypes(name, events);
  requireHandlers(name, options);
  requireTypes(name, options);
  if (partitionBy !== undefined) requireFunction(name, "partitionBy", partitionBy);
  requireCount(name, "partitions", partitions, limits.partitionsMax);
  if (classify !== undefined) requireFunction(name, "classify", classify);
  if (!["park", "skip", "stop"].includes(onError)) {
    refuseDefinition(name, 'onError is not "park", "skip" or "stop"');
  }
  requireFrom(name, from);
}

/** Each of them left out means more events. */
const selectingParts = [
  "types",
  "categories",
  "tags",
  "streamPrefix",
  "query",
  "from",
  "events",
  "on",
  "map",
] as const;

function requireHandlers(name: string, { on, map, handle }: LooseOptions): void {
  if ((on === undefined) === (handle === undefined)) {
    const found = on === undefined ? "neither on nor handle" : "both on and handle";
    refuseDefinition(name, `it has ${found}, and one of them must take the events`);
  }
  if (handle !== undefined) requireFunction(name, "handle", handle);
  if (on !== undefined && map !== undefined) {
    refuseDefinition(name, "map makes events for handle, not for on");
  }
  for (const [field, functions] of Object.entries({ on, map })) {
    if (functions === undefined) continue;
    requireFunctions(name, field, functions);
    if (Object.keys(functions).length === 0) {
      refuseDefinition(name, `${field} is empty, so it would look at no event`);
    }
  }
}

function requireTypes(name: string, { types, on, map, events }: LooseOptions): void {
  if (types === undefined) return;
  requireStrings(name, "types", types);
  if (on !== undefined || map !== undefined) {
    refuseDefinition(name, `it has types, but ${on === undefined ? "map" : "on"} already names them`);
  }
  const unlisted = types.find((type) => events !== undefined && !Object.hasOwn(events, type));
  if (unlisted !== undefined) {
    refuseDefinition(name, `types names ${unlisted}, which events does not list`);
  }
}

function requireFrom(name: string, from: unknown): void {
  const isPlace = from === "start" || from === "end" || (Number.isSafeInteger(from) && Number(from) >= 0);
  const isMoment = from instanceof Date && !Number.isNaN(from.getTime());
  if (isPlace || isMoment) return;
  refuseDefinition(name, 'from is not "start", "end", a position or a valid Date');
}

/** Says of arguments that are checked elsewhere that a definition holds them. */
function asDefinition<Result>(name: string, check: () => Result): Result {
  try {
    return check();
  } catch (error) {
    if (isHithertoError(error, "ARGUMENT_INVALID")) {
      refuseDefinition(name, `its ${error.details.argument} is not valid: ${error.details.problem}`);
    }
    if (isHithertoError(error, "NAME_INVALID")) {
      refuseDefinition(
        name,
        `its ${error.details.kind} ${JSON.stringify(error.details.name)} ${error.details.problem}`,
      );
    }
    throw error;
  }
}
