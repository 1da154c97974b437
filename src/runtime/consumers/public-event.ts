/**
 * Public events: what others may know of what happened here. Events of the log are private, free to change with the code;
 * a consumer's `map` makes of some of them public ones, whose shape is a promise to others, with all that they need to
 * know in it, so that they need not ask back (event-carried state transfer).
 */
import type { EventMetadata, StoredEvent } from "../../core/event.ts";
import type { LiteralValue } from "../../core/literal-value.ts";
import { metadataCausedBy } from "../../core/metadata.ts";
import type { DataListed } from "../../core/projection-inference.ts";
import type { DeliveryContext } from "./consumer.ts";

/** A public event, as a consumer with a `map` is given it. Plain JSON as far as its data are. */
export interface PublicEvent<Type extends string = string, Data = unknown> {
  /**
   * A UUID: the same for every delivery of this event by this consumer, and for no other. Receivers recognise repetitions
   * by it. Equal to the delivery's idempotency key.
   */
  readonly id: string;
  readonly type: Type;
  readonly data: Data;
  /** What orders it: events of one key come one after the other. */
  readonly key: string;
  /** Position of the private event, which rises for the events of one key. */
  readonly position: number;
  /** When the private event was recorded: ISO 8601 in UTC with milliseconds. */
  readonly recordedAt: string;
  /** Correlation and trace of the private event, which is its cause; see `metadataCausedBy`. No more of it is public. */
  readonly metadata: EventMetadata;
}

/** The functions of a consumer that make public events of private ones, while they are being inferred. */
export type InferredMaps<Listed, Maps> = {
  readonly [Type in keyof Maps]: AnyMap<DataListed<Listed, Type>, Type>["make"];
};

/** A method, because a method may say more about its parameters than is known here. Literal types are kept. */
interface AnyMap<Data, Type> {
  make(
    data: Data,
    event: StoredEvent<Type & string, Data>,
  ): { readonly type: "" | (string & {}); readonly data: LiteralValue } | undefined;
}

/** The public events that such functions make: one alternative for each type. */
export type PublicEventOf<Maps> = {
  [Type in keyof Maps]: Maps[Type] extends (...parameters: never) => infer Made ? AsPublic<Made> : never;
}[keyof Maps];

type AsPublic<Made> = Made extends { readonly type: infer Type extends string; readonly data: infer Data }
  ? PublicEvent<Type, Data>
  : never;

/** Completes what a map function made of an event. */
export function publicEvent(
  { type, data }: { readonly type: string; readonly data: unknown },
  event: StoredEvent,
  { idempotencyKey, key }: Pick<DeliveryContext, "idempotencyKey" | "key">,
): PublicEvent {
  const { position, recordedAt } = event;
  return { id: idempotencyKey, type, data, key, position, recordedAt, metadata: metadataCausedBy(event) };
}
