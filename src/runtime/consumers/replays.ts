/**
 * Works off the parked events of keys that are replaying, each key in order, several keys side by side.
 *
 * Of one key, over and over: the first parked event is looked up, waits for its turn if there is a rate, and is
 * delivered like any other, with the attempts it has had counted on. Then one commit removes it, or parks it again and
 * blocks the key; the commit that removes the last one frees the key. So a replay that is broken off, by a crash say,
 * goes on where it was, with whoever owns the partition then. It moves no checkpoint.
 *
 * A key leaves when it is free or blocked, or its partition is no longer open.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { StoredEvent } from "../../core/event.ts";
import type { EventStore } from "../../store/event-store.ts";
import { listParkedOfKey } from "../parked/parked-records.ts";
import type { ParkedScope, StoredParked } from "../parked/parked-records.ts";
import type { Deliveries } from "./deliveries.ts";
import type { Lane, Outcome, OwnedPartition } from "./owned-partition.ts";
import type { PartitionWriter } from "./partition-writer.ts";
import type { Step } from "./steps.ts";

/** What replays need, and whom they tell. */
export interface ReplaysOptions {
  readonly store: EventStore;
  readonly consumer: string;
  readonly deliveries: Deliveries;
  readonly writer: PartitionWriter;
  readonly stepOf: (type: string) => Step | undefined;
  /** Keys worked off side by side. */
  readonly keysMax: number;
  readonly onError: (error: unknown) => void;
}

const pauseAfterErrorMs = 1_000;
const waitMsMax = 1_000;

/** Replays; see the module's header. */
export class Replays {
  readonly #options: ReplaysOptions;
  readonly #scope: ParkedScope;
  readonly #waiting = new Set<Lane>();
  readonly #underWay = new Set<Lane>();
  /** The event of each lane that is being delivered, until what came of it is written. */
  readonly #current = new Map<Lane, Promise<void>>();
  /** When the next replay of a partition may begin. */
  readonly #nextAtMs = new WeakMap<OwnedPartition, number>();

  constructor(options: ReplaysOptions) {
    this.#options = options;
    this.#scope = { kind: "consumer", name: options.consumer };
  }

  /** Works off a key that is replaying, unless that is under way. */
  begin(lane: Lane): void {
    if (this.#underWay.has(lane)) return;
    this.#waiting.add(lane);
    this.#startNext();
  }

  /** Resolves when what came of a partition's deliveries has been written, or can not be. */
  async settled(partition: OwnedPartition): Promise<void> {
    const ofIt = [...this.#current].filter(([lane]) => lane.partition === partition);
    await Promise.allSettled(ofIt.map(([, current]) => current));
  }

  #startNext(): void {
    for (const lane of this.#waiting) {
      if (this.#underWay.size >= this.#options.keysMax) return;
      this.#waiting.delete(lane);
      this.#underWay.add(lane);
      void this.#run(lane).finally(() => {
        this.#underWay.delete(lane);
        // It may have been asked for again while the last of it came to its end.
        if (isReplaying(lane)) this.#waiting.add(lane);
        this.#startNext();
      });
    }
  }

  async #run(lane: Lane): Promise<void> {
    while (isReplaying(lane)) {
      try {
        await this.#replayFirst(lane);
      } catch (error) {
        this.#options.onError(error);
        await sleep(pauseAfterErrorMs, undefined, { ref: false });
      }
    }
  }

  async #replayFirst(lane: Lane): Promise<void> {
    const { store, deliveries, writer } = this.#options;
    const [parked] = await listParkedOfKey(store.readSide, this.#scope, lane.key, { limit: 1 });
    if (parked === undefined) {
      if (await writer.freeKey(lane)) deliveries.unblock(lane);
      return;
    }
    await this.#waitForTurn(lane);
    if (!isReplaying(lane)) return;
    const current = this.#deliverAndSettle(lane, parked);
    this.#current.set(lane, current);
    try {
      await current;
    } finally {
      this.#current.delete(lane);
    }
  }

  async #deliverAndSettle(lane: Lane, parked: StoredParked): Promise<void> {
    const { deliveries, writer } = this.#options;
    const outcome = await this.#deliver(lane, parked);
    if (outcome.kind === "dropped") return;
    const failed = outcome.kind === "failed" ? outcome.record : undefined;
    if (await writer.settleReplay(lane, parked, failed)) deliveries.unblock(lane);
  }

  /** An event that is no more, or that the definition passes by now, is done with. */
  async #deliver(lane: Lane, parked: StoredParked): Promise<Outcome> {
    const { store, deliveries } = this.#options;
    const { position } = parked;
    const [event] = await store.read({ from: position, to: position, limit: 1 }).toArray();
    if (!isReplaying(lane)) return { kind: "dropped" };
    if (event === undefined) return { kind: "skipped" };
    return deliveries.replay(lane, this.#lift(event), parked.record);
  }

  #lift(event: StoredEvent): StoredEvent {
    const step = this.#options.stepOf(event.type);
    if (step === undefined) return event;
    try {
      return step.lift(event);
    } catch (error) {
      this.#options.deliveries.refuseReplay(event, error);
      return event;
    }
  }

  async #waitForTurn(lane: Lane): Promise<void> {
    const { partition, stored } = lane;
    const rate = stored?.record.ratePerSecond;
    if (rate === undefined) return;
    const at = Math.max(performance.now(), this.#nextAtMs.get(partition) ?? 0);
    this.#nextAtMs.set(partition, at + 1_000 / rate);
    // Bit by bit: the wait may be longer than timers can be, and the partition may go meanwhile.
    for (
      let leftMs = at - performance.now();
      leftMs > 0 && isReplaying(lane);
      leftMs = at - performance.now()
    ) {
      await sleep(Math.min(leftMs, waitMsMax), undefined, { ref: false });
    }
  }
}

function isReplaying({ keyState, partition }: Lane): boolean {
  return keyState === "replaying" && partition.phase === "open";
}
