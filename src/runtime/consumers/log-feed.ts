/**
 * Reads the log for all partitions of a member, and hands each event to the partition of its key.
 *
 * Partitions that have been read equally far form a group, and one read feeds them all. A partition that was taken over
 * further behind is a group of its own until it meets the next one. Groups are read in turn, a page each, up to where the
 * next one is, so what is behind catches up without holding up the others, and no event is read twice for a partition.
 *
 * The store filters, so a partition also moves on over events that do not concern it: at the end of a page, everything
 * up to the page's last event has been seen; at the end of a read, everything up to its end.
 *
 * Nothing is read while `prefetchMax` events wait, are under way, or are about to be parked, nor while those that were read
 * and are not worked off take more than `prefetchBytesMax` of memory.
 */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { StoredEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { Layout } from "../records.ts";
import { sizeOf } from "../size-of.ts";
import type { Consumer } from "./consumer.ts";
import { turnMs } from "./deliveries.ts";
import type { Deliveries } from "./deliveries.ts";
import { hashKey, partitionOf } from "./key-hash.ts";
import { isWorkedOff } from "./layouts.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import { keyOf } from "./steps.ts";
import type { Step } from "./steps.ts";

/** How keys are dealt out now, and were before. */
export interface Dealing {
  readonly partitions: number;
  readonly before: readonly Layout[];
}

/** What a feed needs. */
export interface LogFeedOptions {
  readonly store: EventStore;
  readonly consumer: Consumer;
  readonly deliveries: Deliveries;
  readonly stepOf: (type: string) => Step | undefined;
  readonly prefetchMax: number;
  /** The partitions of this member. */
  readonly owned: () => Iterable<OwnedPartition>;
  readonly dealing: () => Dealing;
}

/** Memory, in bytes, of events that were read and are not worked off; a page more may be read. */
const prefetchBytesMax = 16 * 1024 * 1024;

/** A page of more events than this holds small ones: stores keep pages small in bytes. */
const largeEventsPerPage = 512;

/** Pages smaller than this are bounded well enough by the number of their events. */
const noticeableBytes = 1024 * 1024;

/** Partitions that have been read up to the same position, by their numbers. */
type Group = Array<OwnedPartition | undefined>;

/** Feeds; see the module's header. */
export class LogFeed {
  readonly #options: LogFeedOptions;
  /** End of the log, as last seen. */
  #head = 0;
  /** Where the group was that was read last. */
  #turn = -1;
  /** Pages of large events of which some are not worked off, by the positions of their first and last event. */
  #large: ReadonlyArray<{ readonly first: number; readonly last: number; readonly bytes: number }> = [];

  constructor(options: LogFeedOptions) {
    this.#options = options;
  }

  get head(): number {
    return this.#head;
  }

  /** Reads one page. Says whether there may be more to read at once. */
  async step(): Promise<boolean> {
    this.#head = await this.#options.store.head();
    const limit = this.#room();
    const behind = this.#behind();
    if (limit === 0 || behind.length === 0) return false;
    const from = behind.find((position) => position > this.#turn) ?? behind[0]!;
    this.#turn = from;
    await this.#read(from, behind.find((position) => position > from) ?? this.#head, limit);
    return true;
  }

  /** How many events may be read now; none until half of the room is free, so that pages are worth their while. */
  #room(): number {
    const { deliveries, prefetchMax } = this.#options;
    let taken = deliveries.unfinished;
    for (const { drafts } of this.#options.owned()) taken += drafts.size;
    if (this.#bytesAhead() > prefetchBytesMax) return 0;
    const room = prefetchMax - taken;
    return room * 2 >= prefetchMax ? Math.min(room, limits.pageSizeMax) : 0;
  }

  #bytesAhead(): number {
    if (this.#large.length === 0) return 0;
    const kept = [...this.#options.owned()].flatMap(({ open, drafts }) => [...open, ...drafts.keys()]);
    this.#large = this.#large.filter(({ first, last }) => {
      return kept.some((position) => position >= first && position <= last);
    });
    return this.#large.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Where the groups are that have something to read, in order. */
  #behind(): number[] {
    const positions = new Set<number>();
    for (const { phase, reached } of this.#options.owned()) {
      if (phase === "open" && reached < this.#head) positions.add(reached);
    }
    return [...positions].sort((a, b) => a - b);
  }

  async #read(after: number, to: number, limit: number): Promise<void> {
    const { store, consumer } = this.#options;
    const group = this.#groupAt(after);
    let count = 0;
    for await (const page of store.read({ ...consumer.filter, from: after + 1, to, limit }).pages()) {
      count += page.length;
      await this.#handOut(page, group);
      this.#noteSize(page);
      if (this.#bytesAhead() > prefetchBytesMax) return;
    }
    if (count < limit) moveOn(group, to);
  }

  #noteSize(page: readonly StoredEvent[]): void {
    const [first, last] = [page[0], page.at(-1)];
    if (first === undefined || last === undefined || page.length > largeEventsPerPage) return;
    const bytes = page.reduce((sum, { data }) => sum + sizeOf(data), 0);
    if (bytes < noticeableBytes) return;
    this.#large = [...this.#large, { first: first.position, last: last.position, bytes }];
  }

  #groupAt(position: number): Group {
    const group: Group = [];
    for (const partition of this.#options.owned()) {
      if (partition.phase === "open" && partition.reached === position) group[partition.number] = partition;
    }
    return group;
  }

  async #handOut(page: readonly StoredEvent[], group: Group): Promise<void> {
    leaveBehind(group);
    const dealing = this.#options.dealing();
    let began = performance.now();
    for (let index = 0; index < page.length; index++) {
      this.#handOutOne(page[index]!, group, dealing);
      if ((index & 31) !== 31 || performance.now() - began <= turnMs) continue;
      moveOn(group, page[index]!.position);
      await setImmediate();
      leaveBehind(group);
      began = performance.now();
    }
    const last = page.at(-1);
    if (last !== undefined) moveOn(group, last.position);
  }

  #handOutOne(stored: StoredEvent, group: Group, { partitions, before }: Dealing): void {
    const { consumer, deliveries, stepOf } = this.#options;
    const step = stepOf(stored.type);
    if (step === undefined) return;
    let event = stored;
    let key: string;
    let refusal: { readonly error: unknown } | undefined;
    try {
      event = step.lift(stored);
      key = keyOf(consumer, event);
    } catch (error) {
      key = stored.stream;
      refusal = { error };
    }
    const hash = hashKey(key);
    const partition = group[partitionOf(hash, partitions)];
    if (partition === undefined) return;
    if (before.length > 0 && isWorkedOff(before, hash, event.position)) return;
    if (refusal === undefined) deliveries.accept(partition, event, key, step);
    else deliveries.refuse(partition, event, refusal.error);
  }
}

function moveOn(group: Group, position: number): void {
  for (const partition of group) {
    if (partition?.phase === "open") partition.reached = position;
  }
}

/** Partitions that have been given back or lost meanwhile take nothing more. */
function leaveBehind(group: Group): void {
  for (const [number, partition] of group.entries()) {
    if (partition !== undefined && partition.phase !== "open") group[number] = undefined;
  }
}
