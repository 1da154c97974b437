/**
 * The domain of the consumer tests: each case is a stream of notes numbered from 0, and whoever gets a note enters it in
 * a journal. The journal then tells what was lost, repeated, or out of order.
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { NewEvent, StoredEvent } from "../../../core/event.ts";
import type {
  Consumer,
  ConsumeOptions,
  DeliveryContext,
  DeliveryPolicy,
} from "../../../runtime/consumers/consumer.ts";
import { consumer } from "../../../runtime/consumers/define-consumer.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { RetryPolicy } from "../../../runtime/retry-policy.ts";
import type { ParkedEvent } from "../../../runtime/work-admin.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { listOf, upTo } from "../helpers.ts";
import type { Random } from "../random.ts";
import type { Handle } from "../work/work-kit.ts";

/** What a note says. */
export interface Note {
  /** Its number in its case, from 0. */
  readonly n: number;
}

/** A delivery as a handler saw it. */
export interface Entry extends Pick<DeliveryContext, "key" | "attempt" | "isReplay" | "idempotencyKey"> {
  readonly n: number;
  readonly member: string;
  readonly position: number;
}

/** All deliveries that succeeded, in their order, and how many were under way at once. */
export class Journal {
  readonly entries: Entry[] = [];
  atOnceMax = 0;
  atOnceOfOneKeyMax = 0;
  readonly #underWay = new Map<string, number>();

  /** Enters a delivery when its work is done. What fails is not entered. */
  async during(entry: Entry, work: () => Promise<void>): Promise<void> {
    const ofKey = (this.#underWay.get(entry.key) ?? 0) + 1;
    this.#underWay.set(entry.key, ofKey);
    const atOnce = [...this.#underWay.values()].reduce((sum, count) => sum + count, 0);
    this.atOnceMax = Math.max(this.atOnceMax, atOnce);
    this.atOnceOfOneKeyMax = Math.max(this.atOnceOfOneKeyMax, ofKey);
    try {
      await work();
      this.entries.push(entry);
    } finally {
      const left = (this.#underWay.get(entry.key) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(entry.key);
      else this.#underWay.set(entry.key, left);
    }
  }

  /** Numbers by key, in the order of delivery. */
  byKey(): Map<string, number[]> {
    const numbers = new Map<string, number[]>();
    for (const { key, n } of this.entries) numbers.set(key, [...(numbers.get(key) ?? []), n]);
    return numbers;
  }

  /** Expects every note of every case, once and in order. */
  hasEachOnce(counts: ReadonlyMap<string, number>): void {
    this.#compare(counts, (numbers) => numbers);
  }

  /** Expects every note of every case; some may come again, but each comes first after those before it. */
  hasAllInOrder(counts: ReadonlyMap<string, number>): void {
    this.#compare(counts, (numbers) => [...new Set(numbers)]);
  }

  #compare(
    counts: ReadonlyMap<string, number>,
    look: (numbers: readonly number[]) => readonly number[],
  ): void {
    const found = this.byKey();
    for (const [key, count] of counts) {
      assert.deepEqual(look(found.get(key) ?? []), upTo(count), `deliveries of ${key}`);
    }
    assert.deepEqual([...found.keys()].sort(), [...counts.keys()].sort());
  }
}

/** How a consumer of notes differs from the usual one. */
export interface NotesOptions extends Partial<Pick<Consumer, "from" | "partitions" | "partitionBy">> {
  readonly categories?: readonly string[];
  readonly retry?: RetryPolicy;
  readonly classify?: DeliveryPolicy["classify"];
  readonly onError?: DeliveryPolicy["onError"];
  readonly name?: string;
  readonly journal?: Journal;
  /** Who enters. */
  readonly member?: string;
  /** The handle that it runs in: it does nothing while that one stands still. */
  readonly handle?: Pick<Handle, "awake">;
  /** Done before a note is entered. What it throws is the handler's error. */
  readonly work?: (note: Note, context: DeliveryContext, event: StoredEvent) => void | Promise<void>;
}

/** Enters notes into a journal. */
export function notes({ name = "notes", journal = new Journal(), ...given }: NotesOptions = {}): Consumer {
  const { member = "", handle, work, ...options } = given;
  return consumer(name, {
    retry: { max: 3, delayMs: 5, jitter: 0 },
    ...options,
    on: {
      Noted: async (data: Note, event: StoredEvent, context: DeliveryContext) => {
        const { key, attempt, isReplay, idempotencyKey } = context;
        const entry = { key, attempt, isReplay, idempotencyKey, n: data.n, member, position: event.position };
        await journal.during(entry, async () => {
          await handle?.awake();
          await work?.(data, context, event);
          await handle?.awake();
        });
      },
    },
  });
}

/** The cases of a log, with the number of notes that each has. */
export class Cases {
  readonly counts: Map<string, number> = new Map();
  readonly store: EventStore;
  readonly names: readonly string[];

  constructor(store: EventStore, count = 16) {
    this.store = store;
    this.names = upTo(count).map((n) => `case-${n}`);
  }

  /** The next note of a case. */
  note(name: string): NewEvent {
    const n = this.counts.get(name) ?? 0;
    this.counts.set(name, n + 1);
    return { type: "Noted", data: { n } satisfies Note };
  }

  /** So many notes on one case, in one append. Returns the position of the last. */
  async add(name: string, count = 1): Promise<number> {
    const events = upTo(count).map(() => this.note(name));
    return (await this.store.append({ stream: name, events })).position;
  }

  /** So many notes on random cases, in random appends, and events of another type between. */
  async addRandom(random: Random, count: number): Promise<void> {
    for (let left = count; left > 0;) {
      const size = Math.min(left, 1 + random.integer(6));
      const batch = new Map<string, NewEvent[]>();
      for (const _ of upTo(size)) {
        const name = random.pick(this.names);
        batch.set(name, [...(batch.get(name) ?? []), this.note(name)]);
      }
      if (random.once(5)) batch.set("other-1", [{ type: "Ignored", data: null }]);
      await this.store.append([...batch].map(([stream, events]) => ({ stream, events })));
      left -= size;
    }
  }
}

/** Options with which tests need not wait long. */
export const brisk: ConsumeOptions = { leaseMs: 600, checkpointMs: 10 };

/** What is parked, in short: key, number, state. */
export async function parkedOf(store: Hitherto, name = "notes"): Promise<Array<[string, number, string]>> {
  const parked = await parkedEvents(store, name);
  return parked.map(({ key, revision, state }) => [key, revision, state]);
}

/** What is parked. */
export function parkedEvents(store: Hitherto, name = "notes"): Promise<ParkedEvent[]> {
  return listOf(store.parked.list({ kind: "consumer", name }));
}

/** Handlers that take a moment now and then, so that deliveries overlap in every way. */
export function unhurried(random: Random): () => Promise<void> {
  return async () => {
    if (random.once(4)) await setTimeout(random.integer(4));
  };
}
