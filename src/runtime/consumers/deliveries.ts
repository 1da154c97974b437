/**
 * Delivers events to the handlers of a consumer: in order within a key, side by side across keys, with at most
 * `inFlightMax` deliveries under way, each tried again as the policy says.
 *
 * The states of a lane (see `owned-partition.ts`) and what leads from one to the next
 * - An event of a key without a lane is delivered at once if there is room. A handler that returns then leaves no trace;
 *   only one that returns a promise or throws makes a lane, which is **busy** or goes on as after a failure.
 * - Otherwise its event waits in the lane. A lane with something to deliver is **ready**; lanes take turns, in the order
 *   in which they became ready, one event each.
 * - **busy** to **ready** or **idle**: the delivery came to its end. A lane that is idle and free is forgotten.
 * - **busy** to **waiting**: it failed or took too long, and is to be tried again. Its place among those under way is free
 *   for others meanwhile: a key that is retrying holds up only itself.
 * - **waiting** to **ready**: the pause is over.
 * - **busy** to **idle**, key blocked: it failed for good, and is to be parked. What waited behind it is to be parked
 *   as held, like every later event of the key.
 * - **busy** to **halted**: it failed for good, and the consumer is to stop at it.
 *
 * An attempt that took too long is aborted, and whatever becomes of it counts no more; the next attempt does not wait
 * for it, since it may never end.
 */
import { performance } from "node:perf_hooks";
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { failedRecord, heldRecord } from "../parked/parked-records.ts";
import type { ParkedRecord } from "../records.ts";
import { retryDelayMs } from "../retry-policy.ts";
import { toWorkError } from "../work-error.ts";
import type { WorkEvent } from "../work-status.ts";
import type { ConsumePlan } from "./consume-plan.ts";
import type { Consumer, ErrorClass } from "./consumer.ts";
import { Delivery } from "./delivery.ts";
import type { DeliveryHost } from "./delivery.ts";
import { isOwnershipLost } from "./inbox.ts";
import type { Lane, Outcome, OwnedPartition, Task } from "./owned-partition.ts";
import type { Step } from "./steps.ts";

/** What deliveries need, and whom they tell. */
export interface DeliveriesOptions {
  readonly consumer: Consumer;
  readonly plan: ConsumePlan;
  readonly host: DeliveryHost;
  readonly stepOf: (type: string) => Step | undefined;
  readonly clock: () => Date;
  readonly random: () => number;
  /** Something has been worked off, parked, or given up. */
  readonly onProgress: () => void;
  /** The consumer is to stop at an event. */
  readonly onHalt: (event: StoredEvent, error: unknown) => void;
  /** A handler's transaction found that another member owns the partition. */
  readonly onLost: (partition: OwnedPartition) => void;
  readonly onFailure: (failure: Extract<WorkEvent, { kind: "failure" }>) => void;
}

/** Delivers; see the module's header. */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #inFlightMax: number;
  #inFlight = 0;
  readonly #ready = new Set<Lane>();
  #isPumping = false;
  /** Events that fail without a call of their handler. */
  readonly #refused = new WeakMap<StoredEvent, { readonly error: unknown }>();
  /** Events that wait or are under way, over all partitions. */
  #unfinished = 0;

  constructor(options: DeliveriesOptions) {
    this.#options = options;
    this.#inFlightMax = options.plan.inFlightMax;
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Takes an event of an open partition, in order of position. */
  accept(partition: OwnedPartition, event: StoredEvent, key: string, step: Step): void {
    const isFree = this.#inFlight < this.#inFlightMax && this.#ready.size === 0;
    if (isFree && !partition.lanes.has(key)) this.#deliverAtOnce(partition, event, key, step);
    else this.#enqueue(partition.laneOf(key), event);
  }

  /** Takes an event that can not be lifted, or whose key can not be told: it fails as if its handler did. */
  refuse(partition: OwnedPartition, event: StoredEvent, error: unknown): void {
    this.#refused.set(event, { error });
    this.#enqueue(partition.laneOf(event.stream), event);
  }

  /** As {@link refuse}, of an event that will be replayed. */
  refuseReplay(event: StoredEvent, error: unknown): void {
    this.#refused.set(event, { error });
  }

  /** Delivers the parked event of a key that is replaying. Its outcome is the caller's business. */
  replay(lane: Lane, event: StoredEvent, of: ParkedRecord): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    lane.task = newTask(event, { of, end: resolve });
    this.#count(lane.partition, 1);
    this.#makeReady(lane);
    return promise;
  }

  /**
   * What was to be held behind a key's parked events is delivered after all: the key is free. If the partition is on its
   * way to another owner, it is delivered there.
   */
  unblock(lane: Lane): void {
    const { partition } = lane;
    const drafts = [...partition.drafts.values()].filter((draft) => draft.lane === lane);
    drafts.sort((a, b) => a.event.position - b.event.position);
    for (const { event } of drafts) partition.drafts.delete(event.position);
    partition.reopen(drafts.map(({ event }) => event.position));
    lane.keyState = "free";
    lane.stored = undefined;
    if (partition.phase !== "open") return;
    lane.waiting = drafts.map(({ event }) => event);
    lane.next = 0;
    this.#count(partition, drafts.length);
    // A replay that somebody made pointless comes to its end first.
    if (lane.task === undefined) this.#goOn(lane);
  }

  /**
   * Lets a partition come to rest: what has begun, and what waits at or below `upTo`, is finished; the rest is dropped and
   * stays open. Resolves when it is at rest.
   */
  async drain(partition: OwnedPartition, upTo: number): Promise<void> {
    for (const lane of partition.lanes.values()) this.#dropWaiting(lane, upTo);
    if (partition.unfinished === 0) return;
    partition.drained ??= Promise.withResolvers<void>();
    await partition.drained.promise;
  }

  /** Drops everything of a partition, and aborts what is under way. */
  drop(partition: OwnedPartition, reason: HithertoError): void {
    for (const lane of partition.lanes.values()) {
      this.#dropWaiting(lane, -1);
      const { task } = lane;
      if (task === undefined) continue;
      task.delivery?.abort(reason);
      this.#release(task);
      this.#dropTask(lane, task);
    }
    this.#pump();
  }

  #enqueue(lane: Lane, event: StoredEvent): void {
    const { partition } = lane;
    if (lane.keyState !== "free") {
      this.#hold(lane, event);
      return;
    }
    partition.open.add(event.position);
    lane.waiting.push(event);
    this.#count(partition, 1);
    if (lane.phase === "idle") this.#makeReady(lane);
  }

  #hold(lane: Lane, event: StoredEvent): void {
    const record = heldRecord(event, this.#options.clock());
    lane.partition.drafts.set(event.position, { lane, event, record });
    this.#options.onProgress();
  }

  /** The fast path: nothing is kept for a handler that returns at once. */
  #deliverAtOnce(partition: OwnedPartition, event: StoredEvent, key: string, step: Step): void {
    partition.startedUpTo = event.position;
    const delivery = new Delivery(this.#options.host, partition, { event, key, attempt: 1, isReplay: false });
    let promise: Promise<unknown> | undefined;
    let thrown: { readonly error: unknown } | undefined;
    try {
      promise = promiseOf(step.handler(event.data, event, delivery));
    } catch (error) {
      thrown = { error };
    }
    if (thrown === undefined && promise === undefined) {
      delivery.finish();
      partition.done += 1;
      return;
    }
    const lane = partition.laneOf(key);
    partition.open.add(event.position);
    this.#count(partition, 1);
    const task = this.#begin(lane, event);
    this.#take(lane, task, delivery);
    if (promise === undefined) this.#settle(lane, task, thrown);
    else this.#await(lane, task, promise);
  }

  /** Gives places among those under way to lanes, in turn. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const began = performance.now();
    for (const lane of this.#ready) {
      if (this.#inFlight >= this.#inFlightMax) break;
      this.#ready.delete(lane);
      this.#attempt(lane);
      if (performance.now() - began > turnMs) break;
    }
    this.#isPumping = false;
    // Handlers that return at once must not keep everything else from its turn.
    if (this.#ready.size > 0 && this.#inFlight < this.#inFlightMax) setImmediate(() => this.#pump());
  }

  #attempt(lane: Lane): void {
    const task = lane.task ?? this.#begin(lane, lane.waiting[lane.next++]!);
    compact(lane);
    const { partition } = lane;
    const { event, replay } = task;
    if (event.position > partition.startedUpTo) partition.startedUpTo = event.position;
    const attempt = task.tries + 1 + (replay?.of.attempts ?? 0);
    const of = { event, key: lane.key, attempt, isReplay: replay !== undefined };
    const delivery = new Delivery(this.#options.host, partition, of);
    this.#take(lane, task, delivery);
    let promise: Promise<unknown> | undefined;
    let thrown: { readonly error: unknown } | undefined;
    try {
      promise = promiseOf(this.#call(event, delivery));
    } catch (error) {
      thrown = { error };
    }
    if (promise === undefined) this.#settle(lane, task, thrown);
    else this.#await(lane, task, promise);
  }

  #call(event: StoredEvent, delivery: Delivery): void | Promise<void> {
    const refused = this.#refused.get(event);
    if (refused !== undefined) throw refused.error;
    return this.#options.stepOf(event.type)?.handler(event.data, event, delivery);
  }

  #begin(lane: Lane, event: StoredEvent): Task {
    const task = newTask(event);
    lane.task = task;
    return task;
  }

  #take(lane: Lane, task: Task, delivery: Delivery): void {
    task.delivery = delivery;
    lane.phase = "busy";
    this.#inFlight += 1;
  }

  #await(lane: Lane, task: Task, promise: Promise<unknown>): void {
    const { delivery } = task;
    const settle = (failure?: { readonly error: unknown }): void => {
      if (task.delivery === delivery) this.#settle(lane, task, failure);
    };
    promise.then(
      () => settle(),
      (error: unknown) => settle({ error }),
    );
    delivery?.watch(() => {
      const error = this.#tookTooLong(task);
      delivery.abort(error);
      settle({ error });
    });
  }

  #settle(lane: Lane, task: Task, failure?: { readonly error: unknown }): void {
    task.delivery?.finish();
    this.#release(task);
    if (failure === undefined) this.#finish(lane, task, { kind: "done" });
    else this.#fail(lane, task, failure.error);
    this.#pump();
  }

  /** Gives back the place among those under way. */
  #release(task: Task): void {
    if (task.delivery === undefined) return;
    task.delivery = undefined;
    this.#inFlight -= 1;
  }

  #fail(lane: Lane, task: Task, error: unknown): void {
    const { partition } = lane;
    const { consumer, clock, onFailure, onLost } = this.#options;
    if (isOwnershipLost(error, consumer.name, partition.number)) {
      onLost(partition);
      return;
    }
    task.tries += 1;
    task.firstFailedAt ??= clock();
    const next = this.#decide(task, error);
    const { position } = task.event;
    partition.error = toWorkError(error, clock(), position);
    const attempt = task.tries + (task.replay?.of.attempts ?? 0);
    onFailure({ kind: "failure", work: `consumer/${consumer.name}`, error, position, attempt, next });
    if (next === "retry") this.#retryLater(lane, task);
    else if (next === "skip") this.#finish(lane, task, { kind: "skipped" });
    else if (next === "halt") this.#halt(lane, task, error);
    else this.#finish(lane, task, { kind: "failed", record: this.#failedRecord(task, error, attempt) });
  }

  /** A replay that fails is parked again, whatever else the policy says: somebody asked for it, and is to see it. */
  #decide(task: Task, error: unknown): "retry" | "park" | "skip" | "halt" {
    const { policy } = this.#options.consumer;
    const errorClass = this.#classify(task.event, error);
    if (errorClass === "poison") return "park";
    // A server that is away is no fault of the event, and comes back.
    const hasTriesLeft =
      task.tries <= this.#options.plan.retry.max || isHithertoError(error, "STORE_UNREACHABLE");
    if (errorClass === "transient" && hasTriesLeft) return "retry";
    if (task.replay !== undefined) return "park";
    return policy.onError === "stop" ? "halt" : policy.onError;
  }

  #classify(event: StoredEvent, error: unknown): ErrorClass {
    if (isHithertoError(error, "DELIVERY_TIMEOUT")) return "transient";
    try {
      const errorClass = this.#options.consumer.policy.classify(error, event);
      if (errorClasses.has(errorClass)) return errorClass;
    } catch {
      // As when it answers something else: nothing is known about the error then.
    }
    return "transient";
  }

  #failedRecord(task: Task, error: unknown, attempts: number): ParkedRecord {
    const failure = { error, attempts, at: this.#options.clock(), firstAt: task.firstFailedAt };
    return failedRecord(task.event, failure, task.replay?.of);
  }

  #retryLater(lane: Lane, task: Task): void {
    const { plan, random } = this.#options;
    lane.phase = "waiting";
    lane.partition.retrying += 1;
    const again = (): void => {
      this.#stopWaiting(lane, task);
      this.#makeReady(lane);
    };
    task.timer = setTimeout(again, retryDelayMs(plan.retry, task.tries, random));
  }

  #stopWaiting(lane: Lane, task: Task): void {
    if (task.timer === undefined) return;
    clearTimeout(task.timer);
    task.timer = undefined;
    lane.partition.retrying -= 1;
  }

  #halt(lane: Lane, task: Task, error: unknown): void {
    lane.phase = "halted";
    this.#options.onHalt(task.event, error);
  }

  #finish(lane: Lane, task: Task, outcome: Outcome): void {
    const { partition } = lane;
    lane.task = undefined;
    lane.phase = "idle";
    if (task.replay === undefined) this.#workedOff(lane, task.event, outcome);
    else task.replay.end(outcome);
    if (task.replay !== undefined && lane.keyState === "free") this.#goOn(lane);
    this.#count(partition, -1);
    this.#options.onProgress();
  }

  #workedOff(lane: Lane, event: StoredEvent, outcome: Outcome): void {
    const { partition } = lane;
    partition.open.delete(event.position);
    partition.done += 1;
    if (outcome.kind === "failed") this.#block(lane, event, outcome.record);
    else this.#goOn(lane);
  }

  #block(lane: Lane, event: StoredEvent, record: ParkedRecord): void {
    const { partition } = lane;
    partition.drafts.set(event.position, { lane, event, record });
    lane.keyState = "blocked";
    const behind = lane.waiting.slice(lane.next);
    lane.waiting = [];
    lane.next = 0;
    for (const held of behind) {
      partition.open.delete(held.position);
      this.#hold(lane, held);
    }
    this.#count(partition, -behind.length);
  }

  #goOn(lane: Lane): void {
    if (lane.next < lane.waiting.length) this.#makeReady(lane);
    else lane.partition.lanes.delete(lane.key);
  }

  #makeReady(lane: Lane): void {
    lane.phase = "ready";
    this.#ready.add(lane);
    this.#pump();
  }

  #dropWaiting(lane: Lane, upTo: number): void {
    const { partition, task } = lane;
    const waiting = lane.waiting.slice(lane.next);
    lane.waiting = waiting.filter(({ position }) => position <= upTo);
    lane.next = 0;
    this.#count(partition, lane.waiting.length - waiting.length);
    if (task === undefined) {
      if (lane.waiting.length === 0) this.#rest(lane);
      return;
    }
    const isKept = task.replay === undefined && lane.phase !== "halted" && task.event.position <= upTo;
    if (task.delivery === undefined && !isKept) this.#dropTask(lane, task);
  }

  #dropTask(lane: Lane, task: Task): void {
    this.#stopWaiting(lane, task);
    lane.task = undefined;
    this.#rest(lane);
    task.replay?.end({ kind: "dropped" });
    this.#count(lane.partition, -1);
  }

  #rest(lane: Lane): void {
    this.#ready.delete(lane);
    lane.phase = "idle";
  }

  #count(partition: OwnedPartition, change: number): void {
    if (change === 0) return;
    partition.unfinished += change;
    this.#unfinished += change;
    if (partition.unfinished > 0) return;
    partition.drained?.resolve();
    partition.drained = undefined;
  }

  #tookTooLong({ event, delivery }: Task): HithertoError {
    const consumer = this.#options.consumer.name;
    const timeoutMs = delivery?.timeoutMs ?? this.#options.plan.handlerTimeoutMs;
    return new HithertoError("DELIVERY_TIMEOUT", { consumer, position: event.position, timeoutMs });
  }
}

function newTask(event: StoredEvent, replay?: Task["replay"]): Task {
  return { event, tries: 0, firstFailedAt: undefined, delivery: undefined, timer: undefined, replay };
}

const errorClasses: ReadonlySet<unknown> = new Set<ErrorClass>(["transient", "permanent", "poison"]);

/** How long handlers that return at once may go on, one after the other. */
export const turnMs = 10;

/** Gives back the room of events that are gone, now and then. */
function compact(lane: Lane): void {
  if (lane.next < 1_024) return;
  lane.waiting = lane.waiting.slice(lane.next);
  lane.next = 0;
}

/** What a handler returned, if it is to be waited for: as with `await`, also what only looks like a promise. */
function promiseOf(value: unknown): Promise<unknown> | undefined {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  if (!isObject || typeof (value as PromiseLike<unknown>).then !== "function") return undefined;
  // Also where its `then` throws, or calls back twice.
  return Promise.resolve(value);
}
