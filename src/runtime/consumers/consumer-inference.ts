/**
 * How the types of consumers are inferred from what is written once: functions by event type take what their annotations
 * or `events` say, and what comes of them is what `handle` takes.
 */
import type { Problem } from "../../core/decider-inference.ts";
import type { DataIn, EventsIn, StoredEventOf } from "../../core/event-type.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { DataListed } from "../../core/projection-inference.ts";
import type { DeliveryContext } from "./consumer.ts";
import type { PublicEventOf } from "./public-event.ts";

/** The handlers of a consumer by event type, while they are being inferred. */
export type InferredHandlers<Listed, Handlers> = {
  readonly [Type in keyof Handlers]: AnyHandler<DataListed<Listed, Type>, Type>["handle"];
};

/** A method, because a method may say more about its parameters than is known here. */
interface AnyHandler<Data, Type> {
  handle(data: Data, event: StoredEvent<Type & string, Data>, context: DeliveryContext): void | Promise<void>;
}

/** Holds functions by event type against what `events` lists. */
export type CheckedTypes<Listed, Functions> = {
  readonly [Type in keyof Functions]: unknown extends Listed
    ? CheckedFunction<never, Type>
    : Type extends keyof Listed
      ? CheckedFunction<DataIn<Listed[Type]>, Type>
      : Problem<`events does not list the type ${Type & string}`>;
};

/** What a function takes of data must not be less than there is: `never` is less than anything. */
type CheckedFunction<Data, Type> = (
  data: Data,
  event: StoredEvent<Type & string, Data>,
  context: DeliveryContext,
) => unknown;

/** What `partitionBy` is given: an event of any type that has a function; else of one that `events` lists, or any. */
export type PartitionedEvent<Listed, Handlers, Maps> =
  IsAny<Handlers> extends false
    ? EventTaken<Listed, Handlers>
    : IsAny<Maps> extends false
      ? EventTaken<Listed, Maps>
      : StoredEventOf<EventsIn<Listed>>;

type EventTaken<Listed, Functions> = {
  [Type in keyof Functions & string]: StoredEvent<
    Type,
    unknown extends Listed ? DataTaken<Functions[Type]> : DataListed<Listed, Type>
  >;
}[keyof Functions & string];

/** Functions by type that were not given are `any`. */
type IsAny<Functions> = 0 extends 1 & Functions ? true : false;

type DataTaken<Taker> = Taker extends (data: infer Data, ...rest: never) => unknown ? Data : never;

/** What `handle` is given: public events where there is a `map`; else events of the types that `events` lists, or any. */
export type HandledEvent<Listed, Maps> =
  IsAny<Maps> extends true ? StoredEventOf<EventsIn<Listed>> : PublicEventOf<Maps>;
