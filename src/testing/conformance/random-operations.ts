/**
 * Random operations on a store and on the model, which must agree after each.
 *
 * One thing the port leaves open and the operations therefore avoid: whether hidden events are still there to be seen
 * again, or their ids still known, once space has been reclaimed. So after a reclaiming policies only get stricter,
 * and ids of hidden events are not repeated.
 */
import assert from "node:assert/strict";
import { isHithertoError } from "../../core/errors.ts";
import type { NewEvent, StoredEvent } from "../../core/event.ts";
import type { EventFilter, Query } from "../../core/query.ts";
import { definedParts } from "../../core/selections.ts";
import type { EventStore, ReadOptions } from "../../store/event-store.ts";
import { failureOf, upTo, uuidOf } from "./helpers.ts";
import { longAgo, Model } from "./model.ts";
import type { ModelAppend, ModelCondition, ModelEvent } from "./model.ts";
import type { Random } from "./random.ts";

const streams = ["a-1", "a-2", "b-1", "ab-1", "b"];
const types = ["A", "B", "C"];
const tags = ["x", "y", "z"];
const hourMs = 3_600_000;

/** One store beside the model, and how both are driven. */
export class RandomRun {
  /** What was done, for the message of a failure. */
  readonly trace: string[] = [];
  readonly #model = new Model();
  readonly #random: Random;
  readonly #reopen: ((store: EventStore) => Promise<EventStore>) | undefined;
  #store: EventStore;
  #appended: ModelAppend[][] = [];
  #nextId = 1;
  #hasReclaimed = false;
  /** Hidden events that the store need not have freed yet. */
  #leftBehind = 0;

  constructor(
    store: EventStore,
    random: Random,
    reopen: ((store: EventStore) => Promise<EventStore>) | undefined,
  ) {
    this.#store = store;
    this.#random = random;
    this.#reopen = reopen;
  }

  /** Does so many random things and compares after each. */
  async run(steps: number): Promise<void> {
    for (const _ of upTo(steps)) {
      await this.#step();
      await this.#compareRead();
      if (this.#random.once(10)) await this.#compareAll();
    }
    await this.#compareAll();
    assert.equal((await this.#store.verify()).isSound, true);
  }

  async #step(): Promise<void> {
    const kind = this.#random.integer(100);
    if (kind < 60) await this.#append(this.#someBatch());
    else if (kind < 70) await this.#repeat();
    else if (kind < 78) await this.#setPolicy();
    else if (kind < 83) await this.#remove("deleteStream");
    else if (kind < 84) await this.#remove("tombstoneStream");
    else if (kind < 88) await this.#reclaim();
    else if (kind < 91 && this.#reopen !== undefined) {
      this.trace.push("reopen");
      this.#store = await this.#reopen(this.#store);
    }
  }

  #someBatch(): ModelAppend[] {
    const names = streams.filter(() => this.#random.once(4));
    const batch = (names.length === 0 ? ["a-1"] : names).map((stream) => ({
      stream,
      expect: this.#someExpectation(stream),
      events: upTo(1 + this.#random.integer(4)).map(() => this.#someEvent()),
    }));
    return this.#random.once(2) ? batch : batch.toReversed();
  }

  #someExpectation(stream: string): ModelAppend["expect"] {
    if (this.#random.once(2)) return "any";
    const { last } = this.#model.stream(stream);
    return this.#random.pick(["none", "exists", Math.max(0, last), Math.max(0, last), last + 1, 0] as const);
  }

  #someEvent(): NewEvent {
    const { pick, once, integer } = this.#random;
    return {
      id: once(40) && this.#model.log.length > 0 ? pick(this.#model.log).id : uuidOf(this.#nextId++),
      type: pick(types),
      data: { n: integer(1_000) },
      tags: tags.filter(() => once(3)),
      metadata: once(3) ? { correlationId: pick(["c1", "c2"]) } : {},
      recordedAt: once(5) ? longAgo : undefined,
    };
  }

  async #repeat(): Promise<void> {
    if (this.#appended.length === 0) return;
    const batch = this.#random.pick(this.#appended);
    const turned = this.#random.once(4) ? batch.toReversed() : batch;
    await this.#append(turned.map((one) => ({ ...one, expect: this.#someExpectation(one.stream) })));
  }

  async #append(batch: ModelAppend[]): Promise<void> {
    const condition = this.#random.once(3) ? this.#someCondition() : undefined;
    const verdict = this.#model.verdict(batch, condition);
    this.trace.push(`append ${inShort(batch)} ${JSON.stringify(condition) ?? ""} -> ${verdict}`);
    const head = await this.#store.head();
    const append = this.#store.append(batch, definedParts({ condition }));
    if (verdict !== "stored" && verdict !== "repeated") {
      const error = await failureOf(() => append);
      assert.ok(isHithertoError(error), `expected ${verdict}, found ${String(error)}`);
      assert.equal(error.code, verdict);
      assert.equal(await this.#store.head(), head);
      return;
    }
    const result = await append;
    assert.equal(result.isDuplicate, verdict === "repeated");
    if (verdict === "stored") {
      assert.ok(result.firstPosition > head);
      this.#model.append(batch, result.firstPosition);
      this.#appended.push(batch);
    }
    const places = batch.map(({ stream, events }) => {
      const own = this.#model.log.filter((event) => events.some(({ id }) => id === event.id));
      return { stream, firstRevision: own[0]?.revision, revision: own.at(-1)?.revision };
    });
    assert.deepEqual(result.streams, places);
  }

  #someCondition(): ModelCondition {
    const head = this.#model.log.at(-1)?.position ?? 0;
    const after = this.#random.pick([0, head, head, Math.max(0, head - 5), head + 1]);
    return { failIfMatch: this.#someQuery(), after };
  }

  #someQuery(): Query {
    const { once, integer, pick } = this.#random;
    return upTo(integer(3)).map(() =>
      definedParts({
        types: once(2) ? [pick(types)] : undefined,
        tags: once(2) ? [pick(tags)] : undefined,
      }),
    );
  }

  async #setPolicy(): Promise<void> {
    const name = this.#random.pick(streams);
    const stream = this.#model.stream(name);
    const { once, integer } = this.#random;
    const isBound = this.#hasReclaimed && stream.maxCount < Infinity;
    const maxCount = isBound || once(2) ? Math.min(1 + integer(8), isBound ? stream.maxCount : 8) : undefined;
    const hidesOld = (this.#hasReclaimed && stream.hidesOld) || once(3);
    const truncateBefore = once(2) ? integer(stream.last + 3) : undefined;
    const policy = definedParts({ maxCount, maxAgeMs: hidesOld ? hourMs : undefined, truncateBefore });
    this.trace.push(`policy ${name} ${JSON.stringify(policy)}`);
    await this.#store.setStreamPolicy(name, policy);
    stream.maxCount = maxCount ?? Infinity;
    stream.hidesOld = hidesOld;
    stream.floor = Math.max(stream.floor, truncateBefore ?? 0);
  }

  async #remove(how: "deleteStream" | "tombstoneStream"): Promise<void> {
    const name = this.#random.pick(streams);
    const stream = this.#model.stream(name);
    this.trace.push(`${how} ${name}`);
    await this.#store[how](name);
    if (how === "tombstoneStream") stream.isTombstoned = true;
    stream.floor = Math.max(stream.floor, stream.last + 1);
  }

  async #reclaim(): Promise<void> {
    this.trace.push("reclaim");
    const hidden = this.#model.log.length - this.#model.visible().length + this.#leftBehind;
    const { events } = await this.#store.reclaim();
    assert.ok(events <= hidden, `${events} events were reclaimed where ${hidden} are hidden`);
    this.#hasReclaimed = true;
    this.#leftBehind = hidden - events;
    this.#model.log = this.#model.visible();
    const isThere = (event: NewEvent): boolean => this.#model.log.some(({ id }) => id === event.id);
    this.#appended = this.#appended.filter((batch) => batch.every(({ events: own }) => own.every(isThere)));
  }

  async #compareRead(): Promise<void> {
    const { once, integer, pick } = this.#random;
    const stream = once(2) ? pick(streams) : undefined;
    const most =
      stream === undefined ? (this.#model.log.at(-1)?.position ?? 0) : this.#model.stream(stream).last;
    const options: ReadOptions = {
      ...this.#someFilter(),
      ...definedParts({
        from: once(2) ? integer(most + 2) : undefined,
        to: once(2) ? integer(most + 3) : undefined,
        limit: once(2) ? integer(8) : undefined,
        backwards: once(2),
      }),
    };
    const sequence =
      stream === undefined ? this.#store.read(options) : this.#store.readStream(stream, options);
    const found = (await sequence.toArray()).map(comparable);
    const expected = this.#model.read(options, stream).map(comparable);
    assert.deepEqual(found, expected, `${stream ?? "the log"} read with ${JSON.stringify(options)}`);
  }

  #someFilter(): EventFilter {
    const { once, pick } = this.#random;
    const maybe = <Value>(value: Value): Value | undefined => (once(4) ? value : undefined);
    const some = (names: readonly string[]): readonly string[] => {
      const chosen = names.filter(() => once(2));
      return chosen.length === 0 ? [pick(names)] : chosen;
    };
    return definedParts({
      types: maybe(some(types)),
      categories: maybe([pick(["a", "b", "ab"])]),
      streamPrefix: maybe(pick(["a", "a-", "b-1"])),
      tags: maybe(some(tags)),
      correlationId: maybe(pick(["c1", "c2"])),
      query: maybe(this.#someQuery()),
    });
  }

  async #compareAll(): Promise<void> {
    const log = await this.#store.read().toArray();
    assert.deepEqual(log.map(comparable), this.#model.visible().map(comparable));
    const infos = [];
    for await (const { stream, revision, firstRevision } of this.#store.listStreams()) {
      infos.push([stream, revision, firstRevision]);
    }
    const begun = [...this.#model.streams].filter(([, { last }]) => last >= 0);
    begun.sort(([one], [other]) => (one < other ? -1 : 1));
    const expected = begun.map(([name, { last }]) => [name, last, this.#model.visible(name)[0]?.revision]);
    assert.deepEqual(infos, expected);
  }
}

/** An append for the trace: `stream@expectation[events]`, an event by its number, type and tags. */
function inShort(batch: readonly ModelAppend[]): string {
  const event = ({ id = "", type, tags: own = [], recordedAt }: NewEvent): string =>
    `${Number.parseInt(id.slice(24), 16)}${type}${own.join("")}${recordedAt === undefined ? "" : "!"}`;
  return batch.map((one) => `${one.stream}@${one.expect}[${one.events.map(event).join(" ")}]`).join(" ");
}

/** What both sides know of an event: the store names the moments that the model leaves out. */
function comparable(event: ModelEvent | StoredEvent): object {
  const { id, stream, revision, position, type, data, tags: own, metadata, recordedAt } = event;
  return { id, stream, revision, position, type, data, tags: own, metadata, isOld: recordedAt === longAgo };
}
