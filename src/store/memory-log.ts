/**
 * The log of the in-memory store: events by position, by stream and by id, and what is known of the streams. What it
 * promises is said in `memory-store.ts`.
 *
 * It takes part in a stage (`staging.ts`): what a transaction has appended is seen in the staged view only. Events are
 * pushed to lists that both views share; the committed view ends where its head and its streams' revisions say.
 */
import { HithertoError } from "../core/errors.ts";
import type { BlockingEvent } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import { passesFilter, passesQuery } from "../core/query.ts";
import type { AppendCondition } from "../core/query.ts";
import { decodeEvents } from "./decode-events.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { encodeAppend } from "./encode-append.ts";
import type { EncodedAppend, EncodedStream, EventRecord } from "./encode-append.ts";
import type { EventPage } from "./event-sequence.ts";
import type {
  AppendOptions,
  AppendResult,
  Expectation,
  StreamAppend,
  StreamAppendResult,
  StreamInfo,
  StreamPolicy,
  VerifyProblem,
} from "./event-store.ts";
import { checkOptions, checkSignal, throwIfAborted } from "./read-options.ts";
import type { ListPlan, ReadPlan } from "./read-options.ts";
import { StagedMap } from "./staging.ts";
import type { Stage, Staged, View } from "./staging.ts";

const pageSize = 1_000;

/** A stream; replaced, not changed. */
interface Stream {
  readonly name: string;
  /** What is stored, hidden events included, in order of revision; also what comes after `revision` in another view. */
  readonly events: StoredEvent[];
  /** Of the last event ever appended; -1 before the first. */
  readonly revision: number;
  /** Events below this revision have been deleted. */
  readonly deletedBefore: number;
  readonly state: StreamInfo["state"];
  readonly policy: StreamPolicy;
}

/** How a log tells the time and names events. */
export interface MemoryLogOptions {
  readonly stage: Stage;
  readonly now: () => number;
  readonly newId: () => string;
}

/** Events, and the rules by which they are appended and seen. */
export class MemoryLog implements Staged {
  readonly #stage: Stage;
  readonly #now: () => number;
  readonly #newId: () => string;
  /** What is stored, hidden events included, in order of position. */
  #events: StoredEvent[] = [];
  #head = 0;
  /** The head in the committed view. */
  #committedHead = 0;
  readonly #streams: StagedMap<Stream>;
  readonly #byId: StagedMap<StoredEvent>;

  constructor({ stage, now, newId }: MemoryLogOptions) {
    this.#stage = stage;
    this.#now = now;
    this.#newId = newId;
    this.#streams = new StagedMap(stage);
    this.#byId = new StagedMap(stage);
  }

  /** Checks and writes an append; what it refuses has changed nothing. */
  append(append: EncodedAppend): AppendResult {
    const repeated = this.#findRepeated(append);
    if (repeated !== undefined) return repeated;
    for (const { stream, expect, firstRevision } of append.streams) {
      if (this.#streamNamed(stream).state === "tombstoned") {
        throw new HithertoError("STREAM_TOMBSTONED", { stream });
      }
      this.#checkExpectation(stream, expect);
      if (firstRevision !== undefined) this.#checkFirstRevision(stream, firstRevision);
    }
    if (append.condition !== undefined) this.#checkCondition(append.condition);
    return this.#write(append);
  }

  head(view: View): number {
    return view === "staged" ? this.#head : this.#committedHead;
  }

  /** Pages of the log, up to its end when the reading begins. `guard` runs before each page. */
  pages(view: View, plan: ReadPlan, guard: () => void): Generator<EventPage, undefined> {
    return this.#pages(
      { view, list: () => this.#events, key: "position", end: () => this.head(view) },
      plan,
      guard,
    );
  }

  /** Pages of a stream. */
  streamPages(name: string, plan: ReadPlan, guard: () => void): Generator<EventPage, undefined> {
    const view = "committed";
    const stream = (): Stream | undefined => this.#streams.get(view, name);
    const list = (): readonly StoredEvent[] => stream()?.events ?? [];
    return this.#pages({ view, list, key: "revision", end: () => stream()?.revision ?? -1 }, plan, guard);
  }

  findEvent(id: string): StoredEvent | undefined {
    const event = this.#byId.get("committed", id);
    return event !== undefined && this.#isVisible("committed", event) ? handOut(event) : undefined;
  }

  findStream(name: string): StreamInfo | undefined {
    const stream = this.#streams.get("committed", name);
    return stream !== undefined && stream.revision >= 0 ? this.#describe(stream) : undefined;
  }

  listStreams({ prefix, category, after = "", limit }: ListPlan): StreamInfo[] {
    const listed = this.#begun().filter(
      ({ name }) =>
        name > after && name.startsWith(prefix) && (category ?? categoryOf(name)) === categoryOf(name),
    );
    listed.sort((one, other) => (one.name < other.name ? -1 : 1));
    return listed.slice(0, limit).map((stream) => this.#describe(stream));
  }

  setPolicy(name: string, planned: StreamPolicy): void {
    const stream = this.#streamNamed(name);
    const truncateBefore = Math.max(stream.policy.truncateBefore ?? 0, planned.truncateBefore ?? 0);
    this.#put({ ...stream, policy: truncateBefore === 0 ? planned : { ...planned, truncateBefore } });
  }

  /** Hides all of a stream's events, and says whether anything changed. */
  hide(name: string, expect: Expectation, state: "deleted" | "tombstoned"): boolean {
    this.#checkExpectation(name, expect);
    const stream = this.#streamNamed(name);
    if (stream.state === "tombstoned" || (state === "deleted" && stream.revision < 0)) return false;
    this.#put({ ...stream, state, deletedBefore: stream.revision + 1 });
    return true;
  }

  /** Forgets hidden events, and says how many. Not while the stage is open. */
  reclaim(): number {
    const hidden = this.#events.filter((event) => !this.#isVisible("staged", event));
    for (const event of hidden) this.#byId.set(event.id, undefined);
    const isKept = (event: StoredEvent): boolean => this.#byId.get("staged", event.id) !== undefined;
    this.#events = this.#events.filter(isKept);
    for (const [, stream] of this.#streams.entries("staged")) {
      this.#put({ ...stream, events: stream.events.filter(isKept) });
    }
    return hidden.length;
  }

  /** The streams of which events may be hidden. */
  hidingStreams(): string[] {
    return [...this.#streams.entries("committed")].flatMap(([name, { deletedBefore, policy }]) =>
      deletedBefore > 0 || Object.keys(policy).length > 0 ? [name] : [],
    );
  }

  /** How much there is, hidden events included. */
  count(): { readonly events: number; readonly streams: number } {
    const events = indexOf(this.#events, "position", this.#committedHead + 1);
    return { events, streams: this.#begun().length };
  }

  findProblems(): VerifyProblem[] {
    const problems: VerifyProblem[] = [];
    const lastRevisions = new Map<string, number>();
    let lastPosition = 0;
    for (const event of this.#events) {
      const { stream, position, revision } = event;
      const found = (kind: VerifyProblem["kind"], message: string): unknown =>
        problems.push({ kind, message, stream, position });
      if (position <= lastPosition) found("position", "the position does not rise");
      if (revision <= (lastRevisions.get(stream) ?? -1)) found("revision", "the revision does not rise");
      if (this.#byId.get("staged", event.id) !== event) found("index", "the event is not found by its id");
      lastPosition = position;
      lastRevisions.set(stream, revision);
    }
    return problems;
  }

  settle(isKept: boolean): void {
    if (isKept) {
      this.#committedHead = this.#head;
      return;
    }
    this.#head = this.#committedHead;
    for (const event of this.#events.splice(indexOf(this.#events, "position", this.#head + 1))) {
      this.#streams.get("staged", event.stream)?.events.pop();
    }
  }

  /** What the staged view has under a name, or what begins there. */
  #streamNamed(name: string): Stream {
    const begin = { name, events: [], revision: -1, deletedBefore: 0, state: "open", policy: {} } as const;
    return this.#streams.get("staged", name) ?? { ...begin, events: [] };
  }

  #put(stream: Stream): void {
    this.#streams.set(stream.name, stream);
  }

  #findRepeated(append: EncodedAppend): AppendResult | undefined {
    const named = append.streams.flatMap(({ ids }) => ids ?? []);
    const stored = named.flatMap((id) => this.#byId.get("staged", id ?? "") ?? []);
    const [first] = stored;
    if (first === undefined) return undefined;
    if (stored.length < append.count) {
      throw idConflict(first, "it is stored already, but not all events of the append are");
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
    const stream = this.#streams.get("staged", name);
    const revision = stream?.revision ?? -1;
    const isVisible = (event: StoredEvent): boolean => this.#isVisible("staged", event);
    const isEmpty = stream?.events.findLast(isVisible) === undefined;
    if (isEmpty ? expect === "none" : expect === "exists" || expect === revision) return;
    const after = typeof expect === "number" ? expect : -1;
    const event = stream?.events.find((one) => one.revision > after && isVisible(one));
    throw new HithertoError("REVISION_CONFLICT", {
      stream: name,
      expected: expect,
      actual: isEmpty ? "none" : revision,
      event: event && blocking(event),
    });
  }

  #checkFirstRevision(name: string, firstRevision: number): void {
    const revision = this.#streams.get("staged", name)?.revision ?? -1;
    if (revision < 0 || firstRevision === revision + 1) return;
    const expected = firstRevision === 0 ? "none" : firstRevision - 1;
    throw new HithertoError("REVISION_CONFLICT", { stream: name, expected, actual: revision });
  }

  #checkCondition(condition: AppendCondition): void {
    const { failIfMatch, after = 0 } = condition;
    const event = this.#events
      .slice(indexOf(this.#events, "position", after + 1))
      .find((one) => passesQuery(failIfMatch, one) && this.#isVisible("staged", one));
    if (event !== undefined) {
      throw new HithertoError("CONDITION_CONFLICT", { condition, event: blocking(event) });
    }
  }

  #write(append: EncodedAppend): AppendResult {
    this.#stage.add(this);
    const firstPosition = this.#head + 1;
    const nowMs = this.#now();
    const streams = append.streams.map((one) => this.#writeStream(one, one.recordedAtMs ?? nowMs));
    if (!this.#stage.isOpen) this.#committedHead = this.#head;
    return appendResult(streams, firstPosition, this.#head, false);
  }

  #writeStream(append: EncodedStream, recordedAtMs: number): StreamAppendResult {
    const stream = this.#streamNamed(append.stream);
    const firstRevision = append.firstRevision ?? stream.revision + 1;
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
      this.#events.push(deepFreeze(event));
      stream.events.push(event);
      this.#byId.set(event.id, event);
    }
    this.#head += events.length;
    const revision = firstRevision + events.length - 1;
    // A stream that begins later is like one that was deleted up to there.
    const deletedBefore = firstRevision > stream.revision + 1 ? firstRevision : stream.deletedBefore;
    this.#put({ ...stream, revision, deletedBefore, state: "open" });
    return { stream: stream.name, firstRevision, revision };
  }

  #isVisible(view: View, event: StoredEvent): boolean {
    const stream = this.#streams.get(view, event.stream);
    return stream !== undefined && this.#isVisibleIn(stream, event);
  }

  #isVisibleIn({ policy, deletedBefore, revision }: Stream, event: StoredEvent): boolean {
    const { maxCount, maxAgeMs, truncateBefore = 0 } = policy;
    if (event.revision > revision) return false;
    if (event.revision < deletedBefore || event.revision < truncateBefore) return false;
    if (maxCount !== undefined && event.revision <= revision - maxCount) return false;
    return maxAgeMs === undefined || Date.parse(event.recordedAt) >= this.#now() - maxAgeMs;
  }

  /** Reads a list that is ordered by `key`, up to its end when the reading begins. */
  *#pages(
    { view, list, key, end: endOf }: PageSource,
    plan: ReadPlan,
    guard: () => void,
  ): Generator<EventPage, undefined> {
    guard();
    let { from } = plan;
    let to = Math.min(plan.to, endOf());
    while (from <= to) {
      guard();
      const events = list();
      const [start, end] = [indexOf(events, key, from), indexOf(events, key, to + 1)];
      const page = plan.backwards
        ? events.slice(Math.max(start, end - pageSize), end).reverse()
        : events.slice(start, Math.min(end, start + pageSize));
      const last = page.at(-1);
      if (last === undefined) return;
      if (plan.backwards) to = last[key] - 1;
      else from = last[key] + 1;
      yield page.filter((event) => this.#isVisible(view, event) && passes(plan, event)).map(handOut);
    }
  }

  /** The streams that anything was ever appended to. */
  #begun(): Stream[] {
    return [...this.#streams.entries("committed")].flatMap(([, stream]) =>
      stream.revision < 0 ? [] : [stream],
    );
  }

  #describe(stream: Stream): StreamInfo {
    const firstRevision = stream.events.find((event) => this.#isVisibleIn(stream, event))?.revision;
    const { name, state, revision, policy } = stream;
    return { stream: name, state, revision, firstRevision, policy };
  }
}

interface PageSource {
  readonly view: View;
  readonly list: () => readonly StoredEvent[];
  readonly key: "position" | "revision";
  /** The last `key` to read. */
  readonly end: () => number;
}

/** Checks and encodes an append with its options. @throws see `EventStore.append` */
export function planAppend(
  batch: StreamAppend | readonly StreamAppend[],
  options: AppendOptions = {},
): EncodedAppend {
  checkOptions(options);
  checkSignal(options.signal);
  throwIfAborted(options.signal, "append");
  return encodeAppend(batch, options);
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
  if (filter !== undefined && !passesFilter(filter, event)) return false;
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
