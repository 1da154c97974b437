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
 * Everything runs in one turn of the event loop, so nothing needs a lock.
 */
import { HithertoError } from "../core/errors.ts";
import type { BlockingEvent } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import { matchesFilter, matchesQuery } from "../core/query.ts";
import type { AppendCondition } from "../core/query.ts";
import { checkExpectation } from "./check-input.ts";
import { decodeEvents } from "./decode-events.ts";
import { encodeAppend } from "./encode-append.ts";
import type { EncodedAppend, EncodedStream, EventRecord } from "./encode-append.ts";
import { eventSequence } from "./event-sequence.ts";
import type { EventPage } from "./event-sequence.ts";
import type {
  AppendOptions,
  AppendResult,
  EventSequence,
  EventStore,
  Expectation,
  ListStreamsOptions,
  ReadOptions,
  StoreStats,
  StreamAppend,
  StreamAppendResult,
  StreamInfo,
  StreamPolicy,
  SubscribeOptions,
  Subscription,
  VerifyOptions,
  VerifyProblem,
  VerifyReport,
} from "./event-store.ts";
import { MemorySnapshots } from "./memory-snapshots.ts";
import {
  checkId,
  checkOptions,
  checkSignal,
  checkStreamName,
  checkVerifyOptions,
  planList,
  planPolicy,
  planRead,
  throwIfAborted,
} from "./read-options.ts";
import type { ListPlan, ReadPlan } from "./read-options.ts";
import type { ReadSide } from "./read-side.ts";
import { openSubscription } from "./subscription.ts";
import { uuidV7 } from "./uuid.ts";

/** How a memory store tells the time and names events; for tests that must be repeatable. */
export interface MemoryStoreOptions {
  /** Default: the system's clock. */
  readonly clock?: (() => Date) | undefined;
  /** Makes the id of an event whose writer gives none. Default: version-7 UUIDs. */
  readonly ids?: (() => string) | undefined;
}

/**
 * Opens a store that keeps everything in memory and loses it with the process.
 *
 * @example
 * ```ts
 * import { openMemoryStore } from "hitherto/store";
 * await using store = openMemoryStore();
 * await store.append({ stream: "account-42", expect: "none", events: [{ type: "AccountOpened", data: {} }] });
 * ```
 */
export function openMemoryStore(options: MemoryStoreOptions = {}): EventStore {
  return new MemoryStore(options);
}

const url = "memory:";
const pageSize = 1_000;
const problemsMax = 100;

interface Stream {
  readonly name: string;
  /** What is stored, hidden events included, in order of revision. */
  events: StoredEvent[];
  /** Of the last event ever appended; -1 before the first. */
  revision: number;
  /** Events below this revision have been deleted. */
  deletedBefore: number;
  state: StreamInfo["state"];
  policy: StreamPolicy;
}

class MemoryStore implements EventStore {
  readonly url = url;
  readonly snapshots: MemorySnapshots = new MemorySnapshots(() => this.#checkOpen());
  readonly readSide: ReadSide = {} as ReadSide;
  readonly #now: () => number;
  readonly #newId: () => string;
  /** What is stored, hidden events included, in order of position. */
  #log: StoredEvent[] = [];
  #head = 0;
  readonly #streams = new Map<string, Stream>();
  readonly #byId = new Map<string, StoredEvent>();
  readonly #watchers = new Set<() => void>();
  #isClosed = false;

  constructor({ clock = () => new Date(), ids }: MemoryStoreOptions) {
    this.#now = () => clock().getTime();
    this.#newId = ids ?? (() => uuidV7(this.#now()));
  }

  append(batch: StreamAppend | readonly StreamAppend[], options: AppendOptions = {}): Promise<AppendResult> {
    return this.#run(() => {
      checkOptions(options);
      checkSignal(options.signal);
      throwIfAborted(options.signal, "append");
      const append = encodeAppend(batch, options);
      const repeated = this.#findRepeated(append);
      if (repeated !== undefined) return repeated;
      for (const { stream, expect, firstRevision } of append.streams) {
        if (this.#streams.get(stream)?.state === "tombstoned") {
          throw new HithertoError("STREAM_TOMBSTONED", { stream });
        }
        this.#checkExpectation(stream, expect);
        if (firstRevision !== undefined) this.#checkFirstRevision(stream, firstRevision);
      }
      if (append.condition !== undefined) this.#checkCondition(append.condition);
      return this.#write(append);
    });
  }

  read(options?: ReadOptions): EventSequence {
    const plan = planRead(options);
    return eventSequence(() => this.#pages(() => this.#log, "position", plan), plan);
  }

  readStream(stream: string, options?: ReadOptions): EventSequence {
    checkStreamName(stream);
    const plan = planRead(options);
    const events = (): readonly StoredEvent[] => this.#streams.get(stream)?.events ?? [];
    return eventSequence(() => this.#pages(events, "revision", plan), plan);
  }

  subscribe(options?: SubscribeOptions): Subscription {
    return openSubscription(this, options);
  }

  /** Calls `listener` after each append and on closing; see {@link SubscriptionSource.watch}. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  findEvent(id: string): Promise<StoredEvent | undefined> {
    return this.#run(() => {
      checkId(id);
      const event = this.#byId.get(id.toLowerCase());
      return event !== undefined && this.#isVisible(event) ? handOut(event) : undefined;
    });
  }

  head(): Promise<number> {
    return this.#run(() => this.#head);
  }

  findStream(name: string): Promise<StreamInfo | undefined> {
    return this.#run(() => {
      checkStreamName(name);
      const stream = this.#streams.get(name);
      return stream !== undefined && stream.revision >= 0 ? this.#describe(stream) : undefined;
    });
  }

  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo> {
    const plan = planList(options);
    const list = (): Promise<StreamInfo[]> => this.#run(() => this.#list(plan));
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
      const stream = this.#streamNamed(name);
      const truncateBefore = Math.max(stream.policy.truncateBefore ?? 0, planned.truncateBefore ?? 0);
      stream.policy = truncateBefore === 0 ? planned : { ...planned, truncateBefore };
    });
  }

  deleteStream(name: string, options: { readonly expect?: Expectation | undefined } = {}): Promise<void> {
    return this.#run(() => this.#hideStream(name, options, "deleted"));
  }

  tombstoneStream(name: string, options: { readonly expect?: Expectation | undefined } = {}): Promise<void> {
    return this.#run(() => this.#hideStream(name, options, "tombstoned"));
  }

  reclaim(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ readonly events: number }> {
    return this.#run(() => {
      checkOptions(options);
      checkSignal(options.signal);
      throwIfAborted(options.signal, "reclaim");
      const hidden = this.#log.filter((event) => !this.#isVisible(event));
      for (const event of hidden) this.#byId.delete(event.id);
      const isKept = (event: StoredEvent): boolean => this.#byId.has(event.id);
      this.#log = this.#log.filter(isKept);
      for (const stream of this.#streams.values()) stream.events = stream.events.filter(isKept);
      return { events: hidden.length };
    });
  }

  stats(): Promise<StoreStats> {
    return this.#run(() => ({
      engine: "memory",
      url,
      format: 1,
      head: this.#head,
      events: this.#log.length,
      streams: this.#begun().length,
      snapshots: this.snapshots.count,
      bytes: undefined,
      durability: "none",
    }));
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#run(() => {
      checkVerifyOptions(options);
      const problems = this.#findProblems();
      const { length: events } = this.#log;
      options.onProgress?.(events, events);
      return {
        isSound: problems.length === 0,
        events,
        streams: this.#begun().length,
        problems: problems.slice(0, problemsMax),
        problemCount: problems.length,
      };
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#notify();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Runs what happens in one turn; what it throws becomes a rejection. */
  #run<Result>(body: () => Result): Promise<Result> {
    return new Promise((resolve) => {
      this.#checkOpen();
      resolve(body());
    });
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new HithertoError("STORE_CLOSED", { store: url });
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #streamNamed(name: string): Stream {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const stream: Stream = { name, events: [], revision: -1, deletedBefore: 0, state: "open", policy: {} };
    this.#streams.set(name, stream);
    return stream;
  }

  #findRepeated(append: EncodedAppend): AppendResult | undefined {
    const named = append.streams.flatMap(({ ids }) => ids ?? []);
    const stored = named.flatMap((id) => this.#byId.get(id ?? "") ?? []);
    const [first] = stored;
    if (first === undefined) return undefined;
    if (stored.length < append.count) {
      throw idConflict(first, "it is stored already, but not all of the append is");
    }
    let lastPosition = 0;
    const streams = append.streams.map(({ stream, count }) => {
      const events = stored.splice(0, count);
      for (const event of events) {
        if (event.stream !== stream) throw idConflict(event, `it is stored in stream "${event.stream}"`);
        if (event.position <= lastPosition) throw idConflict(event, "it is stored in another order");
        lastPosition = event.position;
      }
      const revisions = events.map((event) => event.revision);
      return { stream, firstRevision: Math.min(...revisions), revision: Math.max(...revisions) };
    });
    return appendResult(streams, first.position, lastPosition, true);
  }

  #checkExpectation(name: string, expect: Expectation): void {
    if (expect === "any") return;
    const stream = this.#streams.get(name);
    const revision = stream?.revision ?? -1;
    const visible = stream?.events.findLast((event) => this.#isVisible(event));
    if (visible === undefined ? expect === "none" : expect === "exists" || expect === revision) return;
    const isBehind = typeof expect === "number" && revision < expect;
    throw new HithertoError("REVISION_CONFLICT", {
      stream: name,
      expected: expect,
      actual: visible === undefined ? "none" : revision,
      event: visible === undefined || isBehind ? undefined : blocking(visible),
    });
  }

  #checkFirstRevision(name: string, firstRevision: number): void {
    const revision = this.#streams.get(name)?.revision ?? -1;
    if (revision < 0 || firstRevision === revision + 1) return;
    const expected = firstRevision === 0 ? "none" : firstRevision - 1;
    throw new HithertoError("REVISION_CONFLICT", { stream: name, expected, actual: revision });
  }

  #checkCondition(condition: AppendCondition): void {
    const { failIfMatch, after = 0 } = condition;
    const event = this.#log
      .slice(indexOf(this.#log, "position", after + 1))
      .find((one) => matchesQuery(failIfMatch, one) && this.#isVisible(one));
    if (event !== undefined) {
      throw new HithertoError("CONDITION_CONFLICT", { condition, event: blocking(event) });
    }
  }

  #write(append: EncodedAppend): AppendResult {
    const firstPosition = this.#head + 1;
    const nowMs = this.#now();
    const streams = append.streams.map((one) => this.#writeStream(one, one.recordedAtMs ?? nowMs));
    this.#notify();
    return appendResult(streams, firstPosition, this.#head, false);
  }

  #writeStream(append: EncodedStream, recordedAtMs: number): StreamAppendResult {
    const stream = this.#streamNamed(append.stream);
    const firstRevision = append.firstRevision ?? stream.revision + 1;
    // A stream that begins later is like one that was deleted up to there.
    if (firstRevision > stream.revision + 1) stream.deletedBefore = firstRevision;
    const events: StoredEvent[] = [];
    const place = {
      stream: stream.name,
      revision: firstRevision,
      position: this.#head + 1,
      recordedAt: new Date(recordedAtMs).toISOString(),
      idAt: this.#newId,
    };
    decodeEvents(JSON.parse(append.body) as EventRecord[], place, events);
    for (const event of events) {
      this.#log.push(deepFreeze(event));
      stream.events.push(event);
      this.#byId.set(event.id, event);
    }
    this.#head += events.length;
    stream.revision = firstRevision + events.length - 1;
    stream.state = "open";
    return { stream: stream.name, firstRevision, revision: stream.revision };
  }

  #hideStream(
    name: string,
    options: { readonly expect?: Expectation | undefined },
    state: "deleted" | "tombstoned",
  ): void {
    checkStreamName(name);
    checkOptions(options);
    const { expect = "any" } = options;
    checkExpectation(expect);
    this.#checkExpectation(name, expect);
    const stream = this.#streamNamed(name);
    if (stream.state === "tombstoned" || (state === "deleted" && stream.revision < 0)) return;
    stream.state = state;
    stream.deletedBefore = stream.revision + 1;
    this.snapshots.forget(name);
  }

  #isVisible(event: StoredEvent): boolean {
    const { policy, deletedBefore, revision } = this.#streamNamed(event.stream);
    const { maxCount, maxAgeMs, truncateBefore = 0 } = policy;
    if (event.revision < deletedBefore || event.revision < truncateBefore) return false;
    if (maxCount !== undefined && event.revision <= revision - maxCount) return false;
    return maxAgeMs === undefined || Date.parse(event.recordedAt) >= this.#now() - maxAgeMs;
  }

  /** Reads a list that is ordered by `key`, up to its end when the reading begins. */
  *#pages(
    list: () => readonly StoredEvent[],
    key: "position" | "revision",
    plan: ReadPlan,
  ): Generator<EventPage, undefined> {
    this.#checkOpen();
    let { from } = plan;
    let to = Math.min(plan.to, list().at(-1)?.[key] ?? -1);
    while (from <= to) {
      this.#checkOpen();
      const events = list();
      const [start, end] = [indexOf(events, key, from), indexOf(events, key, to + 1)];
      const page = plan.backwards
        ? events.slice(Math.max(start, end - pageSize), end).reverse()
        : events.slice(start, Math.min(end, start + pageSize));
      const last = page.at(-1);
      if (last === undefined) return;
      if (plan.backwards) to = last[key] - 1;
      else from = last[key] + 1;
      yield page.filter((event) => this.#isVisible(event) && passes(plan, event)).map(handOut);
    }
  }

  #list({ prefix, category, after = "", limit }: ListPlan): StreamInfo[] {
    const listed = this.#begun().filter(
      ({ name }) =>
        name > after && name.startsWith(prefix) && (category ?? categoryOf(name)) === categoryOf(name),
    );
    listed.sort((one, other) => (one.name < other.name ? -1 : 1));
    return listed.slice(0, limit).map((stream) => this.#describe(stream));
  }

  /** The streams that anything was ever appended to. */
  #begun(): Stream[] {
    return [...this.#streams.values()].filter((stream) => stream.revision >= 0);
  }

  #describe({ name: stream, state, revision, events, policy }: Stream): StreamInfo {
    const firstRevision = events.find((event) => this.#isVisible(event))?.revision;
    return { stream, state, revision, firstRevision, policy };
  }

  #findProblems(): VerifyProblem[] {
    const problems: VerifyProblem[] = [];
    const lastRevisions = new Map<string, number>();
    let lastPosition = 0;
    for (const event of this.#log) {
      const { stream, position, revision } = event;
      const found = (kind: VerifyProblem["kind"], message: string): unknown =>
        problems.push({ kind, message, stream, position });
      if (position <= lastPosition) found("position", "the position does not rise");
      if (revision <= (lastRevisions.get(stream) ?? -1)) found("revision", "the revision does not rise");
      if (this.#byId.get(event.id) !== event) found("index", "the event is not found by its id");
      lastPosition = position;
      lastRevisions.set(stream, revision);
    }
    return problems;
  }
}

/** Index of the first event at or above `place`. */
function indexOf(events: readonly StoredEvent[], key: "position" | "revision", place: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = events[middle]?.[key] ?? place;
    if (found < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

function appendResult(
  streams: readonly StreamAppendResult[],
  firstPosition: number,
  position: number,
  isDuplicate: boolean,
): AppendResult {
  return { position, firstPosition, revision: streams[0]?.revision ?? -1, streams, isDuplicate };
}

function passes({ sinceMs = -Infinity, untilMs = Infinity, filter }: ReadPlan, event: StoredEvent): boolean {
  if (filter !== undefined && !matchesFilter(filter, event)) return false;
  if (sinceMs === -Infinity && untilMs === Infinity) return true;
  const recordedAtMs = Date.parse(event.recordedAt);
  return recordedAtMs >= sinceMs && recordedAtMs <= untilMs;
}

function idConflict(event: StoredEvent, problem: string): HithertoError {
  return new HithertoError("EVENT_ID_CONFLICT", { id: event.id, problem, event: blocking(event) });
}

function blocking({ id, type, stream, revision, position }: StoredEvent): BlockingEvent {
  return { id, type, stream, revision, position };
}

/** Bytes are the one thing that cannot be frozen, so every reader gets his own. */
function handOut(event: StoredEvent): StoredEvent {
  return event.data instanceof Uint8Array ? Object.freeze({ ...event, data: event.data.slice() }) : event;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
