/**
 * Events: what is handed to a store, and what a store hands back.
 */
import { refuseArgument } from "./check-arguments.ts";

/** A value that JSON can carry without loss. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * What is known about an event besides its data. The named keys carry meaning for Hitherto; any other key is the
 * application's own. Values must be JSON; a key whose value is `undefined` is left out.
 */
export interface EventMetadata {
  /** Ties together everything that one request or process instance set off. */
  readonly correlationId?: string | undefined;
  /** The id of the command or event that directly caused this one. */
  readonly causationId?: string | undefined;
  /** Who did it. */
  readonly userId?: string | undefined;
  /** W3C trace context, `traceparent` header (https://www.w3.org/TR/trace-context/). */
  readonly traceparent?: string | undefined;
  /** W3C trace context, `tracestate` header. */
  readonly tracestate?: string | undefined;
  readonly [key: string]: unknown;
}

/**
 * An event to append. Only `type` and `data` are needed.
 *
 * @example
 * ```ts
 * import type { NewEvent } from "hitherto/core";
 * const deposited: NewEvent = { type: "MoneyDeposited", data: { amount: 100 }, tags: ["account:42"] };
 * ```
 */
export interface NewEvent<Type extends string = string, Data = unknown> {
  /** What happened, in the past tense. Not empty, at most `limits.typeLengthMax` long, no control characters. */
  readonly type: Type;
  /** The facts: a JSON value, or bytes. */
  readonly data: Data;
  /** A UUID, unique in the store. The store makes a version-7 UUID when it is left out. */
  readonly id?: string | undefined;
  /** The version of the shape of `data`: an integer from 1 to 65,535. Default 1. */
  readonly schemaVersion?: number | undefined;
  readonly metadata?: EventMetadata | undefined;
  /** Labels to query by, such as `order:123`; repeated tags count once. */
  readonly tags?: readonly string[] | undefined;
  /**
   * When it was recorded, for events that come from elsewhere (import, backfill): ISO 8601 in UTC with
   * milliseconds. Left out, the store takes its own clock.
   */
  readonly recordedAt?: string | undefined;
}

/** An event as a store returns it. Immutable: the arrays and objects within are not to be changed. */
export interface StoredEvent<Type extends string = string, Data = unknown> {
  /** UUID, unique in the store. */
  readonly id: string;
  /** The one stream that the event belongs to. */
  readonly stream: string;
  /** Index of the event in its stream; the first one is 0. */
  readonly revision: number;
  /** Place in the whole log; strictly increasing in commit order, from 1, possibly with gaps. */
  readonly position: number;
  readonly type: Type;
  /** Version of the shape of `data`; 1 unless the writer said otherwise. */
  readonly schemaVersion: number;
  readonly data: Data;
  /** Never undefined; `{}` when the writer gave none. */
  readonly metadata: EventMetadata;
  /** Never undefined; without repetitions, in the writer's order. */
  readonly tags: readonly string[];
  /** ISO 8601 in UTC with milliseconds, such as `2026-11-21T08:40:00.000Z`. */
  readonly recordedAt: string;
}

/**
 * The part of a stream name before its first `-`; the whole name if it has none.
 *
 * @example
 * ```ts
 * import { categoryOf } from "hitherto/core";
 * categoryOf("order-2026-17"); // "order"
 * ```
 */
export function categoryOf(stream: string): string {
  if (typeof stream !== "string") refuseArgument("stream", "it must be a string");
  const dash = stream.indexOf("-");
  return dash < 0 ? stream : stream.slice(0, dash);
}
