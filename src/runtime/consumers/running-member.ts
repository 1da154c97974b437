/**
 * A member of a consumer at work. It puts the parts together; each has its own states in its own header: what is owned
 * (`ownership.ts`), how the log is read (`log-feed.ts`), how events are delivered (`deliveries.ts`), when and how what
 * came of it is written (`checkpoints.ts`, `partition-writer.ts`), and how parked events are replayed (`replays.ts`).
 *
 * States of a member
 * - **running**: from the start. Over and over it looks at what it owns, if that is due, and reads a page. When there is
 *   nothing to read it waits for a signal of the store, a beat, or progress that makes room; at most a second.
 * - **halting**: an event failed for good under `onError: "stop"`, or no more events can be parked. Nothing is read any
 *   more. It is written into the consumer's record, by which all members give their partitions back.
 * - **standing by**: it owns nothing, since it is paused, halted, or others are enough. It looks on, and goes on when the
 *   records say so. When it first stands by halted, `ended` rejects; a resume makes it go on nevertheless.
 * - **stopping**: by `stop`. Nothing is begun any more; everything is given back.
 * - **ended**: it has stopped, the consumer was removed, or the store was closed.
 */
import { performance } from "node:perf_hooks";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { endsHandle, isLoss } from "../../store/ends-handle.ts";
import { checkOptions, checkSignal, throwIfAborted } from "../../store/read-options.ts";
import type { Member } from "../membership.ts";
import { ParkedRoom } from "../parked/parked-room.ts";
import { Bell } from "../projections/bell.ts";
import { monitorLag } from "../status/lag-monitor.ts";
import type { LagMonitor } from "../status/lag-monitor.ts";
import { lagAlertMsDefault } from "../status/lag.ts";
import { toWorkError } from "../work-error.ts";
import type { WorkError, WorkEvent, WorkProgress, WorkState } from "../work-status.ts";
import { workOf } from "../work.ts";
import type { Work } from "../work.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { ConsumePlan } from "./consume-plan.ts";
import { changeConsumer, listPartitions } from "./consumer-records.ts";
import type { StoredConsumer } from "./consumer-records.ts";
import type { Consumer, ConsumerMember } from "./consumer.ts";
import { Deliveries, turnMs } from "./deliveries.ts";
import { runOnce } from "./inbox.ts";
import { LogFeed } from "./log-feed.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { Ownership } from "./ownership.ts";
import { PartitionWriter } from "./partition-writer.ts";
import { Replays } from "./replays.ts";
import { createSteps } from "./steps.ts";

/** What a member is made of. */
export interface MemberParts {
  readonly work: Work;
  readonly consumer: Consumer;
  readonly plan: ConsumePlan;
  readonly member: Member;
  /** Parked events that there can be. */
  readonly parkedEventsMax: number;
  /** Called when it has ended. */
  readonly onEnd: () => void;
}

/** Takes part in a consumer from now on; its records must be there. */
export function startMember(parts: MemberParts): ConsumerMember {
  const member = new RunningMember(parts);
  member.start();
  return member;
}

const pollMs = 1_000;
/** Signals come with every append; looks need not. */
const lookEveryMs = 10;
const pauseAfterErrorMs = 500;

class RunningMember implements ConsumerMember {
  readonly consumer: Consumer;
  readonly ended: Promise<void>;
  readonly #parts: MemberParts;
  readonly #work: string;
  readonly #ownership: Ownership;
  readonly #writer: PartitionWriter;
  readonly #checkpoints: Checkpoints;
  readonly #feed: LogFeed;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  readonly #ending: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Those who wait for progress. */
  readonly #watchers = new Set<() => void>();
  readonly #detach: Array<() => void> = [];
  #takePartNoMore: () => void = () => undefined;
  #running: Promise<unknown> = Promise.resolve();
  #isThoroughDue = true;
  /** Whether it has taken its share, as far as there was one. */
  #hasLooked = false;
  #isLookMissed = false;
  #isProgressNoted = false;
  #lookedAtMs = -Infinity;
  /** When the members were looked at by ourselves. */
  #thoroughAtMs = -Infinity;
  #halting: { readonly halted: WorkError; readonly cause: unknown; isWritten: boolean } | undefined;
  /** What the store refused, until a turn finds nothing left to read. */
  #failing: WorkError | undefined;
  #state: WorkState = "idle";
  #isOwner = false;
  #stopped: Promise<void> | undefined;

  constructor(parts: MemberParts) {
    const { work, consumer, plan, member } = parts;
    const { name } = consumer;
    const { readSide, store } = work;
    this.#parts = parts;
    this.consumer = consumer;
    this.#work = workOf({ kind: "consumer", name });
    this.ended = this.#ending.promise;
    // Who does not listen is told by the hooks; an unheard rejection is not to end the process.
    this.ended.catch(() => undefined);
    const stepOf = createSteps(consumer);
    const keysMax = plan.inFlightMax;
    const onError = this.#onError;
    const onLost = (partition: OwnedPartition): void => this.#ownership.lose(partition);
    const progressOf = (partition: OwnedPartition): WorkProgress => this.#progressOf(partition);
    const owned = (): Iterable<OwnedPartition> => this.#ownership.owned.values();
    const deliveries = this.#createDeliveries(stepOf, onLost);
    const room = new ParkedRoom(readSide, { kind: "consumer", name }, parts.parkedEventsMax);
    const writer = new PartitionWriter({
      readSide,
      consumer: name,
      member: member.id,
      progressOf,
      onLost,
      onKeyChanged: (lane, stored) => this.#ownership.noteKey(lane, stored),
      requireRoom: (count) => room.take(count),
    });
    const replays = new Replays({ store, consumer: name, deliveries, writer, stepOf, keysMax, onError });
    this.#writer = writer;
    this.#ownership = new Ownership({
      work,
      consumer,
      plan,
      member,
      deliveries,
      writer,
      replays,
      onSeen: (seen) => this.#onSeen(seen),
      onRemoved: () => this.#onRemoved(),
      onChange: () => this.#onOwnershipChange(),
      onError,
    });
    this.#feed = new LogFeed({
      store,
      consumer,
      deliveries,
      stepOf,
      prefetchMax: plan.prefetchMax,
      owned,
      dealing: () => this.#ownership.seen?.record ?? { partitions: 1, before: [] },
    });
    this.#checkpoints = new Checkpoints({
      writer,
      checkpointMs: plan.checkpointMs,
      owned,
      progressOf,
      signal: this.#stopping.signal,
      onRound: () => this.#onRound(),
      onError: (error, partitions) => this.#onCheckpointFailed(error, partitions),
    });
  }

  #createDeliveries(
    stepOf: ReturnType<typeof createSteps>,
    onLost: (partition: OwnedPartition) => void,
  ): Deliveries {
    const { work, consumer, plan, member } = this.#parts;
    const inbox = { readSide: work.readSide, consumer: consumer.name, member: member.id };
    return new Deliveries({
      consumer,
      plan,
      host: {
        consumer: consumer.name,
        handlerTimeoutMs: plan.handlerTimeoutMs,
        once: (call) => runOnce(inbox, call),
      },
      stepOf,
      clock: work.plan.clock,
      random: work.plan.random,
      onProgress: this.#onProgress,
      onHalt: ({ position }, error) => this.#halt(position, error),
      onLost,
      onFailure: (failure) => this.#onFailure(failure),
    });
  }

  start(): void {
    const { work, member } = this.#parts;
    const lag = this.#watchLag();
    this.#takePartNoMore = member.takePart(this.#work);
    this.#detach.push(
      work.readSide.watch(this.#onSignal),
      member.onBeat(() => this.#lookSoon()),
      () => lag.stop(),
    );
    this.#running = Promise.all([this.#run(), this.#checkpoints.run()]);
  }

  get partitions(): readonly number[] {
    const open = [...this.#ownership.owned.values()].filter(({ phase }) => phase === "open");
    return open.map(({ number }) => number).sort((a, b) => a - b);
  }

  async caughtUp(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    checkOptions(options);
    const { signal } = options;
    checkSignal(signal);
    const operation = `wait for ${this.#work}`;
    const target = await this.#parts.work.store.head();
    for (;;) {
      throwIfAborted(signal, operation);
      if (this.#isStopping) throw new HithertoError("ABORTED", { operation });
      const halted = this.#ownership.seen?.record.halted;
      if (halted !== undefined) throw this.#errorOf(halted);
      if (await this.#hasReached(target)) return;
      await this.#nextProgress(signal);
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  // Running

  async #run(): Promise<void> {
    let yieldedAtMs = performance.now();
    while (!this.#isStopping) {
      const isBusy = await this.#turn();
      if (this.#isStopping) return;
      if (isBusy && performance.now() - yieldedAtMs <= turnMs) continue;
      await (isBusy ? nextTurn() : this.#bell.wait(this.#pauseMs()));
      yieldedAtMs = performance.now();
    }
  }

  /** Looks if that is due, and reads a page. Says whether there may be more to read at once. */
  async #turn(): Promise<boolean> {
    try {
      await this.#lookIfDue();
      if (this.#isStopping || this.#halting !== undefined) return false;
      const isBusy = await this.#feed.step();
      if (isBusy) this.#onProgress();
      else this.#failing = undefined;
      return isBusy;
    } catch (error) {
      if (!this.#isStopping) await this.#onTurnFailed(error);
      return true;
    }
  }

  async #onTurnFailed(error: unknown): Promise<void> {
    if (isLoss(error)) {
      const failure = { kind: "failure", work: this.#work, position: undefined, attempt: 1 } as const;
      this.#onFailure({ ...failure, error, next: "halt" });
      this.#ending.reject(error);
    } else this.#onError(error);
    if (endsHandle(error)) {
      this.#ownership.loseAll();
      void this.stop();
      return;
    }
    const failing = toWorkError(error, this.#parts.work.plan.clock());
    if (failing.message !== this.#failing?.message) this.#failing = failing;
    this.#noteState();
    await this.#ownership.noteFailed(this.#failing);
    await pause(pauseAfterErrorMs, this.#stopping.signal);
    this.#isThoroughDue = true;
  }

  /** A look that would come too soon after the last one is made up for. */
  async #lookIfDue(): Promise<void> {
    const now = performance.now();
    this.#isLookMissed = !this.#isThoroughDue && now - this.#lookedAtMs < lookEveryMs;
    if (this.#isLookMissed) return;
    const { asked } = this.#ownership.seen?.record ?? {};
    const isThorough = this.#isThoroughDue || asked !== undefined || now - this.#thoroughAtMs >= pollMs;
    this.#isThoroughDue = false;
    this.#lookedAtMs = now;
    if (isThorough) await this.#lookAround(now);
    await this.#ownership.look(isThorough);
    this.#hasLooked = true;
    this.#noteState();
    this.#tellWatchers();
    const halted = this.#ownership.seen?.record.halted;
    if (halted !== undefined && this.#ownership.owned.size === 0) this.#ending.reject(this.#errorOf(halted));
  }

  /** Beats may be far apart; that another process came or is gone is to be seen sooner. */
  async #lookAround(now: number): Promise<void> {
    if (now - this.#thoroughAtMs < pollMs) return;
    this.#thoroughAtMs = now;
    await this.#parts.work.look();
  }

  #pauseMs(): number {
    return this.#isLookMissed ? lookEveryMs : pollMs;
  }

  #lookSoon(): void {
    this.#isThoroughDue = true;
    this.#bell.ring();
  }

  readonly #onSignal = (): void => {
    this.#bell.ring();
    this.#tellWatchers();
  };

  /** Comes with every event that is worked off; those of a turn of the event loop are told once. */
  readonly #onProgress = (): void => {
    if (this.#isProgressNoted) return;
    this.#isProgressNoted = true;
    setImmediate(() => {
      this.#isProgressNoted = false;
      this.#checkpoints.ring();
      this.#onSignal();
    });
  };

  #onRound(): void {
    this.#noteState();
    this.#onSignal();
  }

  #onSeen({ record }: StoredConsumer): void {
    if (record.halted === undefined && this.#halting?.isWritten === true) this.#halting = undefined;
  }

  #onRemoved(): void {
    const { name } = this.consumer;
    this.#ending.reject(new HithertoError("CONSUMER_UNKNOWN", { consumer: name, known: [] }));
    void this.stop();
  }

  #onOwnershipChange(): void {
    const isOwner = this.#ownership.owned.size > 0;
    if (isOwner !== this.#isOwner) {
      this.#isOwner = isOwner;
      this.#tell({ kind: "owner", work: this.#work, isOwner });
    }
    this.#lookSoon();
    this.#tellWatchers();
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    this.#bell.ring();
    this.#tellWatchers();
    await this.#running;
    // Others share out all partitions from now on, and take each as soon as it is given back.
    this.#takePartNoMore();
    await this.#ownership.giveBackAll();
    for (const detach of this.#detach) detach();
    this.#ending.resolve();
    this.#parts.onEnd();
  }

  // Halting

  #halt(position: number, cause: unknown): void {
    if (this.#halting !== undefined) return;
    const halted = toWorkError(cause, this.#parts.work.plan.clock(), position);
    this.#halting = { halted, cause, isWritten: false };
    void this.#writeHalt(this.#halting);
  }

  async #writeHalt(halting: { readonly halted: WorkError; isWritten: boolean }): Promise<void> {
    const { readSide } = this.#parts.work;
    const { halted } = halting;
    while (!this.#isStopping && !halting.isWritten) {
      try {
        await changeConsumer(readSide, this.consumer.name, (record) =>
          record.halted === undefined ? { ...record, halted } : undefined,
        );
        halting.isWritten = true;
      } catch (error) {
        this.#onError(error);
        await pause(pauseAfterErrorMs, this.#stopping.signal);
      }
    }
    this.#lookSoon();
  }

  #onCheckpointFailed(error: unknown, partitions: readonly OwnedPartition[]): void {
    const drafts = partitions.flatMap(({ drafts: all }) => [...all.keys()]);
    if (isHithertoError(error, "PARKED_FULL")) this.#halt(Math.min(...drafts), error);
    else if (!this.#isStopping) this.#onError(error);
  }

  #errorOf(halted: WorkError): HithertoError {
    const position = halted.position ?? 0;
    const details = { consumer: this.consumer.name, position, problem: halted.message };
    const cause = this.#halting?.cause;
    return new HithertoError("CONSUMER_STOPPED", details, cause === undefined ? undefined : { cause });
  }

  // Being caught up

  async #hasReached(target: number): Promise<boolean> {
    const { owned } = this.#ownership;
    if (!this.#hasLooked) return false;
    for (const partition of owned.values()) if (partition.lowWaterMark < target) return false;
    const stored = await listPartitions(this.#parts.work.readSide, this.consumer.name);
    const isAt = ({ partition, record }: (typeof stored)[number]): boolean =>
      Math.max(record.position, owned.get(partition)?.lowWaterMark ?? 0) >= target;
    if (stored.length === 0 || !stored.every(isAt)) return false;
    // What has been parked, and how far it is, is to be found in the store by who has waited for it.
    const isUnwritten = ({ drafts, lowWaterMark, position }: OwnedPartition): boolean =>
      drafts.size > 0 || lowWaterMark > position;
    const unwritten = [...owned.values()].filter(isUnwritten);
    await this.#writer.checkpoint(unwritten);
    // What another member has taken over meanwhile is not where it was here.
    return unwritten.every(({ isOurs }) => isOurs);
  }

  async #nextProgress(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const timer = setTimeout(wake, pollMs);
    this.#watchers.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    if (signal?.aborted === true) wake();
    await promise;
    signal?.removeEventListener("abort", wake);
    this.#watchers.delete(wake);
    clearTimeout(timer);
  }

  #tellWatchers(): void {
    for (const wake of this.#watchers) wake();
  }

  // What others are told

  #progressOf(partition: OwnedPartition): WorkProgress {
    const { ratePerSecond } = partition;
    return { state: this.#stateOf(partition), error: this.#failing ?? partition.error, ratePerSecond };
  }

  #stateOf({ retrying, reached, unfinished }: OwnedPartition): WorkState {
    if (retrying > 0 || this.#failing !== undefined) return "retrying";
    const isLive = reached >= this.#feed.head && unfinished <= this.#parts.plan.inFlightMax;
    return isLive ? "live" : "catching-up";
  }

  #noteState(): void {
    const state = this.#stateNow();
    if (state === this.#state) return;
    this.#state = state;
    this.#tell({ kind: "state", work: this.#work, state });
  }

  #stateNow(): WorkState {
    const record = this.#ownership.seen?.record;
    if (record?.halted !== undefined) return "halted";
    if (record?.wanted === "paused") return "paused";
    if (this.#failing !== undefined) return "retrying";
    const states = new Set([...this.#ownership.owned.values()].map((partition) => this.#stateOf(partition)));
    return (["retrying", "catching-up", "live"] as const).find((state) => states.has(state)) ?? "idle";
  }

  #watchLag(): LagMonitor {
    const { work, plan } = this.#parts;
    return monitorLag(work, {
      alertMs: plan.lagAlertMs ?? lagAlertMsDefault,
      filter: this.consumer.filter,
      position: () => this.#lowestPosition(),
      onLag: (lag) => this.#tell({ kind: "lag", work: this.#work, lag }),
      onError: this.#onError,
    });
  }

  /** Of the partitions owned here; of all, where none is, for that may be because it is paused or halted. */
  async #lowestPosition(): Promise<number | undefined> {
    const owned = [...this.#ownership.owned.values()].map(({ lowWaterMark }) => lowWaterMark);
    if (owned.length > 0) return Math.min(...owned);
    const stored = await listPartitions(this.#parts.work.readSide, this.consumer.name);
    return stored.length === 0 ? undefined : Math.min(...stored.map(({ record }) => record.position));
  }

  /** What is given up, for now or for good, is told even where nobody listens to the hooks. */
  #onFailure(failure: Extract<WorkEvent, { kind: "failure" }>): void {
    this.#tell(failure);
    if (failure.next !== "retry") this.#report(failure.error);
  }

  readonly #onError = (error: unknown): void => {
    const failure = { kind: "failure", work: this.#work, position: undefined, attempt: 1 } as const;
    this.#tell({ ...failure, error, next: "retry" });
    this.#report(error);
  };

  #tell(event: WorkEvent): void {
    try {
      this.#parts.plan.onEvent?.(event);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    this.#parts.work.plan.report({ operation: "consumer", definition: this.consumer.name, error });
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
