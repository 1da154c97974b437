/**
 * The reference store: everything of the port in memory, plainly. Other stores are compared with it.
 *
 * What the port leaves to be said, fixed here for every store:
 *
 * - **Order of checks.** Bad input; then repetition; then, stream by stream in the order given, the tombstone and the
 *   expectation; then the condition. The first that fails decides.
 * - **Repetition.** An append repeats when all its events have ids, all are stored in the streams named, and their
 *   positions rise in the order given. It is recognised whatever the expectation, the condition, tombstones and
 *   policies say, and whether or not the events are visible. Contents are not compared. The ids of reclaimed events
 *   are forgotten.
 * - **Hidden events.** Deleted, tombstoned, or outside their stream's policy: no read, query, subscription, `findEvent`
 *   or condition sees them, from the moment of the change. `maxCount` counts revisions back from the last one ever
 *   appended; `maxAgeMs` looks at each event's `recordedAt` and the store's clock. A policy that is lifted brings
 *   back what has not been reclaimed; deletion lasts. Reclaiming may leave behind what shares an append with visible
 *   events.
 * - **Streams** that were given a policy or a tombstone but never an event are neither found nor listed.
 * - **Expectations.** `none` and `exists` are about visible events. A revision is about the last event ever appended, and
 *   holds only while there are visible events: who decided on them must not append to a stream deleted meanwhile.
 * - **Time.** `recordedAt` is what the clock says when the append is made, the same for all its events; should the
 *   clock go back, so does it. Order is told by positions, never by time.
 * - **Snapshots** of a stream are forgotten when it is deleted, for they hold what deleted events said.
 *
 * Everything runs in one turn of the event loop, so nothing needs a lock. Only transactions of the read side take longer:
 * while one is under way, other writes wait for their turn (`turns.ts`), and reads see what was before it (`staging.ts`).
 */
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { checkedClock } from "./clock.ts";
import { answer } from "./event-loop.ts";
import { eventSequence } from "./event-sequence.ts";
import type {
  AppendOptions,
  AppendResult,
  BackupOptions,
  BackupReport,
  EventSequence,
  EventStore,
  Expectation,
  ListStreamsOptions,
  ReadOptions,
  ReclaimOptions,
  ReclaimResult,
  StoreStats,
  StreamAppend,
  StreamInfo,
  StreamPolicy,
  SubscribeOptions,
  Subscription,
  VerifyOptions,
  VerifyReport,
} from "./event-store.ts";
import { callAll } from "./listeners.ts";
import { MemoryLog, planAppend } from "./memory-log.ts";
import { MemoryReadSide } from "./memory-read-side.ts";
import { MemorySnapshots } from "./memory-snapshots.ts";
import {
  checkBackupOptions,
  checkFilePath,
  checkId,
  checkFunction,
  checkListener,
  checkOptions,
  checkStreamName,
  checkVerifyOptions,
  planList,
  planPolicy,
  planRead,
  planReclaim,
  planRemoval,
  throwIfAborted,
} from "./read-options.ts";
import { Stage } from "./staging.ts";
import { openSubscription } from "./subscription.ts";
import { Turns } from "./turns.ts";
import { uuidV7 } from "./uuid.ts";

/** How a memory store tells the time and names events; for tests that must be repeatable. */
export interface MemoryStoreOptions {
  /** Gives dates of the years 1970 to 9999; any other is refused with `ARGUMENT_INVALID`. Default: the system's clock. */
  readonly clock?: (() => Date) | undefined;
  /** Makes the id of an event whose writer gives none. Default: version-7 UUIDs. */
  readonly ids?: (() => string) | undefined;
}

/**
 * Opens a store that keeps everything in memory and loses it with the process.
 *
 * @throws `ARGUMENT_INVALID`
 *
 * @example
 * ```ts
 * import { openMemoryStore } from "hitherto/store";
 * await using store = openMemoryStore();
 * await store.append({ stream: "account-42", expect: "none", events: [{ type: "AccountOpened", data: {} }] });
 * ```
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): EventStore {
  checkOptions(options);
  for (const name of ["clock", "ids"] as const) checkFunction(name, options[name]);
  return new MemoryStore(options);
}

const url = "memory:";
const problemsMax = 100;

class MemoryStore implements EventStore {
  readonly url = url;
  readonly snapshots: MemorySnapshots = new MemorySnapshots(
    () => this.#checkOpen(),
    (stream) => this.#log.findStream(stream)?.revision ?? -1,
  );
  readonly readSide: MemoryReadSide;
  readonly #turns = new Turns();
  readonly #log: MemoryLog;
  readonly #watchers = new Set<() => void>();
  #isClosed = false;

  constructor({ clock, ids }: MemoryStoreOptions) {
    const date = checkedClock(clock);
    const now = (): number => date().getTime();
    const stage = new Stage();
    this.#log = new MemoryLog({ stage, now, newId: ids ?? (() => uuidV7(now())) });
    this.readSide = new MemoryReadSide({
      url,
      stage,
      log: this.#log,
      turns: this.#turns,
      checkOpen: () => this.#checkOpen(),
      onCommit: () => this.#notify(),
    });
  }

  append(batch: StreamAppend | readonly StreamAppend[], options: AppendOptions = {}): Promise<AppendResult> {
    return this.#run(() => {
      const append = planAppend(batch, options);
      return this.#write(() => {
        throwIfAborted(options.signal, "append");
        const result = this.#log.append(append);
        if (!result.isDuplicate) this.#notify();
        return result;
      });
    });
  }

  read(options?: ReadOptions): EventSequence {
    const plan = planRead(options);
    return eventSequence(() => this.#log.pages("committed", plan, this.#guard), plan);
  }

  readStream(stream: string, options?: ReadOptions): EventSequence {
    checkStreamName(stream);
    const plan = planRead(options);
    return eventSequence(() => this.#log.streamPages(stream, plan, this.#guard), plan);
  }

  subscribe(options?: SubscribeOptions): Subscription {
    return openSubscription(this, options);
  }

  /** Calls `listener` after each append and on closing; see {@link SubscriptionSource.watch}. */
  watch(listener: () => void): () => void {
    checkListener(listener);
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  findEvent(id: string): Promise<StoredEvent | undefined> {
    return this.#run(() => {
      checkId(id);
      return this.#log.findEvent(id.toLowerCase());
    });
  }

  head(): Promise<number> {
    return this.#run(() => this.#log.head("committed"));
  }

  findStream(name: string): Promise<StreamInfo | undefined> {
    return this.#run(() => {
      checkStreamName(name);
      return this.#log.findStream(name);
    });
  }

  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo> {
    const plan = planList(options);
    const list = (): Promise<StreamInfo[]> => this.#run(() => this.#log.listStreams(plan));
    return {
      async *[Symbol.asyncIterator]() {
        yield* await list();
      },
    };
  }

  setStreamPolicy(name: string, policy: StreamPolicy): Promise<void> {
    return this.#run(() => {
      checkStreamName(name);
      const planned = planPolicy(policy);
      return this.#write(() => this.#log.setPolicy(name, planned));
    });
  }

  deleteStream(name: string, options?: { readonly expect?: Expectation }): Promise<void> {
    return this.#run(() => this.#hideStream(name, options, "deleted"));
  }

  tombstoneStream(name: string, options?: { readonly expect?: Expectation }): Promise<void> {
    return this.#run(() => this.#hideStream(name, options, "tombstoned"));
  }

  reclaim(options?: ReclaimOptions): Promise<ReclaimResult> {
    return this.#run(() => {
      const { erase } = planReclaim(options);
      return this.#write(() => {
        const events = this.#log.reclaim();
        if (!erase) return { events };
        for (const stream of this.#log.hidingStreams()) this.snapshots.forget(stream);
        return { events, isErased: true };
      });
    });
  }

  stats(): Promise<StoreStats> {
    return this.#run(() => ({
      engine: "memory",
      url,
      format: 1,
      head: this.#log.head("committed"),
      ...this.#log.count(),
      snapshots: this.snapshots.count,
      bytes: undefined,
      durability: "none",
    }));
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#run(() => {
      checkVerifyOptions(options);
      const problems = this.#log.findProblems();
      const { events, streams } = this.#log.count();
      options.onProgress?.(events, events);
      return {
        isSound: problems.length === 0,
        events,
        streams,
        problems: problems.slice(0, problemsMax),
        problemCount: problems.length,
      };
    });
  }

  backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    return this.#run(() => {
      checkFilePath("path", path);
      checkBackupOptions(options, "backup");
      const instead = "write its events to a file with exportEvents";
      throw new HithertoError("BACKUP_UNSUPPORTED", { store: url, instead });
    });
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#notify();
    }
    await this.#turns.run(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs what happens in one turn; what it throws becomes a rejection. See `event-loop.ts`. */
  #run<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    return answer(() => {
      this.#checkOpen();
      return body();
    });
  }

  /** Runs a write when its turn has come, which is at once unless a transaction is under way. */
  #write<Result>(body: () => Result): Promise<Result> {
    return this.#turns.run(body);
  }

  readonly #guard = (): void => this.#checkOpen();

  #checkOpen(): void {
    if (this.#isClosed) throw new HithertoError("STORE_CLOSED", { store: url });
  }

  #notify(): void {
    this.readSide.notify();
    callAll(this.#watchers);
  }

  #hideStream(
    name: string,
    options: { readonly expect?: Expectation } = {},
    state: "deleted" | "tombstoned",
  ): Promise<void> {
    checkStreamName(name);
    const expect = planRemoval(options);
    return this.#write(() => {
      if (this.#log.hide(name, expect, state)) this.snapshots.forget(name);
    });
  }
}
