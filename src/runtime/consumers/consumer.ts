/**
 * Consumers as plain definitions: named, durable subscriptions whose place in the log is kept in the store.
 */
import type { AnyEventTypes } from "../../core/event-type.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { EventFilter } from "../../core/query.ts";
import type { SqlTransaction } from "../../core/sql.ts";
import type { AppendOptions, AppendResult, StreamAppend } from "../../store/event-store.ts";
import type { RetryPolicy } from "../retry-policy.ts";
import type { WorkEvent } from "../work-status.ts";

/**
 * What to do about an error: `transient` is tried again and then handed to `onError`; `permanent` goes to `onError` at
 * once; `poison` is parked at once, whatever `onError` says.
 */
export type ErrorClass = "transient" | "permanent" | "poison";

/** What a handler may do within the transaction of {@link DeliveryContext.once}. */
export interface InboxTransaction extends SqlTransaction {
  /** Appends events in the same transaction. */
  append(batch: StreamAppend | readonly StreamAppend[], options?: AppendOptions): Promise<AppendResult>;
}

/** What a handler is told about a delivery. */
export interface DeliveryContext {
  /** The consumer's name. */
  readonly consumer: string;
  /**
   * The same for every delivery of this event to this consumer, and for no other: give it to whatever takes one, since
   * an event may be delivered more than once. A UUID.
   */
  readonly idempotencyKey: string;
  /** 1 for the first attempt, and counting on over replays. */
  readonly attempt: number;
  /** Whether this is the replay of a parked event. */
  readonly isReplay: boolean;
  /** The key that orders it: events of one key are delivered one after the other. */
  readonly key: string;
  /**
   * Ends when the delivery no longer counts: the member stops for good, took too long, or was overtaken. Give it to
   * whatever takes one.
   */
  readonly signal: AbortSignal;
  /** More time for a handler that takes longer than `handlerTimeoutMs`: so many milliseconds from now. */
  readonly extend: (ms: number) => void;
  /**
   * Runs `body` in a transaction of the store, once for this event however often it is delivered: that it ran is
   * recorded in the same transaction. False when it had run before. Call it once per delivery.
   */
  readonly once: (body: (transaction: InboxTransaction) => Promise<void>) => Promise<boolean>;
}

/** Takes one event. What it throws, or rejects with, is a failed delivery. */
export type DeliveryHandler = (
  data: unknown,
  event: StoredEvent,
  context: DeliveryContext,
) => void | Promise<void>;

/** How a consumer delivers; see the options of `consumer` for meanings and defaults. */
export interface DeliveryPolicy {
  readonly retry: RetryPolicy;
  readonly classify: (error: unknown, event: StoredEvent) => ErrorClass;
  /** After the last retry: park the event, skip it, or stop the consumer there. */
  readonly onError: "park" | "skip" | "stop";
}

/** A consumer as a value: plain, frozen, made by `consumer`. */
export interface Consumer {
  readonly kind: "consumer";
  /** Letters, digits, `_`, `-` and `.`, beginning with a letter, at most 64 characters. */
  readonly name: string;
  /** Which events; those of the types that `on` names, where it names any. */
  readonly filter: EventFilter;
  /** Where a consumer begins that has no place in the log yet. */
  readonly from: "start" | "end" | number | Date;
  /** Orders deliveries: events of one key go one after the other. Default: the stream. */
  readonly partitionBy: (event: StoredEvent) => string;
  /** Partitions that a new consumer gets. Default 8. */
  readonly partitions: number;
  /** The handler of an event type; undefined for types that pass by. */
  readonly handlerOf: (type: string) => DeliveryHandler | undefined;
  readonly events: AnyEventTypes;
  readonly policy: DeliveryPolicy;
}

/** How this process takes part in a consumer. */
export interface ConsumeOptions {
  /** Deliveries under way at once, over all keys. 1 to 10,000; default 100. */
  readonly inFlightMax?: number | undefined;
  /** Events read ahead at most. Default 5,000. */
  readonly prefetchMax?: number | undefined;
  /** How long one delivery may take before it counts as failed. Default 30,000 milliseconds. */
  readonly handlerTimeoutMs?: number | undefined;
  /** After this time without a sign of life, others take its partitions. At least 30, default 3,000 milliseconds. */
  readonly leaseMs?: number | undefined;
  /** How long `stop` waits for deliveries under way. Default 10,000 milliseconds. */
  readonly stopTimeoutMs?: number | undefined;
  /** Checkpoints are written this often at most while there is work. Default 100 milliseconds. */
  readonly checkpointMs?: number | undefined;
  /** Lag that counts as too much, in milliseconds. Default 5,000. */
  readonly lagAlertMs?: number | undefined;
  /** Told of changes of state, failures, and lag that begins or ceases to be too much. */
  readonly onEvent?: ((event: WorkEvent) => void) | undefined;
}

/** This process's part in a consumer. Made by `Hitherto.consume`; it begins at once. */
export interface ConsumerMember extends AsyncDisposable {
  readonly consumer: Consumer;
  /** Partitions that this member owns now. */
  readonly partitions: readonly number[];
  /** Resolves when every event that was in the log at the call has been worked off or parked, by whichever member. */
  caughtUp(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Rejects when the consumer stopped at a failed event (`onError: "stop"`), resolves when the member was stopped. */
  readonly ended: Promise<void>;
  /** Takes on nothing more, waits for what is under way, keeps the checkpoints, gives the partitions away. */
  stop(): Promise<void>;
}
