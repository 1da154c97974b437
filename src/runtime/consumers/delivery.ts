/**
 * One delivery of one event, as its handler sees it. What most handlers never ask for (the signal, the idempotency key,
 * the timer) is made when it is asked for: a handler that returns at once costs one object.
 *
 * A delivery is **under way** until it is **over**: because the handler has come to its end, or because it was aborted
 * (it took too long, the member stopped, the partition was lost). What a handler does after that counts no more; `once`
 * and `extend` then refuse.
 */
import { createHash } from "node:crypto";
import { HithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { inWords } from "../../store/check-input.ts";
import type { DeliveryContext, InboxTransaction } from "./consumer.ts";
import type { OwnedPartition } from "./owned-partition.ts";

/** What `once` must know of a delivery. */
export interface OnceCall {
  readonly partition: OwnedPartition;
  readonly event: StoredEvent;
  readonly key: string;
  /** Throws when the delivery is over. */
  readonly check: () => void;
  readonly body: (transaction: InboxTransaction) => Promise<void>;
}

/** What all deliveries of a member share. */
export interface DeliveryHost {
  readonly consumer: string;
  readonly handlerTimeoutMs: number;
  readonly once: (call: OnceCall) => Promise<boolean>;
}

/** What is delivered, and for which time. */
export interface DeliveryOf {
  readonly event: StoredEvent;
  readonly key: string;
  /** Counts on over replays. */
  readonly attempt: number;
  readonly isReplay: boolean;
}

/** A delivery; see the module's header. */
export class Delivery implements DeliveryContext {
  readonly #host: DeliveryHost;
  readonly #partition: OwnedPartition;
  readonly #of: DeliveryOf;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onTimeout: (() => void) | undefined;
  #timeoutMs: number;
  /** Why it is over; undefined while it is under way. */
  #end: HithertoError | "done" | undefined;

  constructor(host: DeliveryHost, partition: OwnedPartition, of: DeliveryOf) {
    this.#host = host;
    this.#partition = partition;
    this.#of = of;
    this.#timeoutMs = host.handlerTimeoutMs;
  }

  get consumer(): string {
    return this.#host.consumer;
  }

  get idempotencyKey(): string {
    return idempotencyKeyOf(this.#host.consumer, this.#of.event.id);
  }

  get attempt(): number {
    return this.#of.attempt;
  }

  get isReplay(): boolean {
    return this.#of.isReplay;
  }

  get key(): string {
    return this.#of.key;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#end instanceof HithertoError) this.#abort.abort(this.#end);
    return this.#abort.signal;
  }

  get extend(): (ms: number) => void {
    return (ms) => {
      if (!Number.isFinite(ms) || ms < 0 || ms > timerMsMax) {
        const problem = `it must be a number of milliseconds from 0 to ${timerMsMax}, not ${inWords(ms)}`;
        throw new HithertoError("ARGUMENT_INVALID", { argument: "ms", problem });
      }
      this.#check();
      this.#timeoutMs = ms;
      if (this.#onTimeout !== undefined) this.watch(this.#onTimeout);
    };
  }

  get once(): (body: (transaction: InboxTransaction) => Promise<void>) => Promise<boolean> {
    return async (body) => {
      if (typeof body !== "function") {
        const problem = `it must be a function, not ${inWords(body)}`;
        throw new HithertoError("ARGUMENT_INVALID", { argument: "body", problem });
      }
      const { event, key } = this.#of;
      const check = (): void => this.#check();
      check();
      return this.#host.once({ partition: this.#partition, event, key, check, body });
    };
  }

  /** Lets the time run: `onTimeout` is called when it is up, unless the delivery is over by then. */
  watch(onTimeout: () => void): void {
    clearTimeout(this.#timer);
    this.#onTimeout = onTimeout;
    this.#timer = setTimeout(onTimeout, this.#timeoutMs);
  }

  /** How long it may take, as far as is known now, in milliseconds. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** It has come to its end. */
  finish(): void {
    this.#end ??= "done";
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  /** It no longer counts. */
  abort(reason: HithertoError): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    clearTimeout(this.#timer);
    this.#abort?.abort(reason);
  }

  #check(): void {
    if (this.#end === undefined) return;
    if (this.#end !== "done") throw this.#end;
    throw new HithertoError("ABORTED", { operation: "delivery" });
  }
}

const timerMsMax = 2_147_483_647;

/** A version-5 UUID (RFC 9562, 5.5): the event's id is the namespace, the consumer's name is the name in it. */
export function idempotencyKeyOf(consumer: string, eventId: string): string {
  const namespace = Buffer.from(eventId.replaceAll("-", ""), "hex");
  const digest = createHash("sha1").update(namespace).update(consumer).digest();
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = digest.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
