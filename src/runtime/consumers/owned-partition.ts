/**
 * A partition as its owner holds it in memory: how far it has been read, what of that is not worked off, and what is to
 * be parked with the next checkpoint.
 *
 * Positions, from low to high: `position` is what the record says. The **low-water mark** is what the next checkpoint may
 * say: everything up to it is worked off or among the drafts. `startedUpTo` is the highest position whose delivery has
 * begun. `reached` is how far the log has been read; what lies between and is not in `open` is worked off or concerns
 * other partitions. So nothing is kept in memory for an event that has been worked off.
 *
 * Phases of a partition
 * - **claiming**: its record has been written, and what is parked of its keys is being looked up. Nothing is read.
 * - **open**: it is read and delivered.
 * - **draining**: entered to give it back. Nothing more is read; what is under way comes to its end.
 * - **released**: its last checkpoint has been written, without a holder.
 * - **lost**: entered from any other, when a commit was refused since another member had written the record, or when the
 *   consumer's epoch rose. Everything in memory is dropped.
 */
import type { StoredEvent } from "../../core/event.ts";
import { RateMeter } from "../projections/rate-meter.ts";
import type { ParkedKeyRecord, ParkedRecord } from "../records.ts";
import type { WorkError, WorkProgress } from "../work-status.ts";
import type { Delivery } from "./delivery.ts";

/** See the module's header. */
export type PartitionPhase = "claiming" | "open" | "draining" | "released" | "lost";

/** What a delivery came to, after all its attempts. */
export type Outcome =
  | { readonly kind: "done" | "skipped" | "dropped" }
  | { readonly kind: "failed"; readonly record: ParkedRecord };

/** An event being delivered, over all attempts. */
export interface Task {
  readonly event: StoredEvent;
  /** Attempts made by this delivery. */
  tries: number;
  /** When the first of them failed. */
  firstFailedAt: Date | undefined;
  /** The attempt under way. */
  delivery: Delivery | undefined;
  /** The wait before the next attempt. */
  timer: NodeJS.Timeout | undefined;
  /** Of a replay: how it was parked, and who wants to know what comes of it. */
  readonly replay: { readonly of: ParkedRecord; readonly end: (outcome: Outcome) => void } | undefined;
}

/**
 * A key at work, or parked. A key without events under way, waiting or parked has no lane.
 *
 * Phases of a lane
 * - **idle**: nothing to deliver, or nothing that may be delivered.
 * - **ready**: waits for its turn, since there can only be so many deliveries at once.
 * - **busy**: its first event is being delivered.
 * - **waiting**: that failed, and will be tried again after a pause.
 * - **halted**: that failed for good, and the consumer stops at it.
 *
 * The key itself is free, blocked or replaying (see `parked-records.ts`). While it is not free, `waiting` is empty: later
 * events are drafts of held ones.
 */
export interface Lane {
  readonly key: string;
  readonly partition: OwnedPartition;
  phase: "idle" | "ready" | "busy" | "waiting" | "halted";
  task: Task | undefined;
  /** Events behind the task, in order; those before `next` are gone. */
  waiting: StoredEvent[];
  next: number;
  keyState: "free" | ParkedKeyRecord["state"];
  /** The key's record; undefined while there is none. */
  stored: { version: number; record: ParkedKeyRecord } | undefined;
}

/** An event that will be parked with the checkpoint that passes it. */
export interface Draft {
  readonly lane: Lane;
  readonly event: StoredEvent;
  readonly record: ParkedRecord;
}

/** See the module's header. */
export class OwnedPartition {
  readonly number: number;
  /** Of the record. */
  version: number;
  position: number;
  reached: number;
  startedUpTo: number;
  phase: PartitionPhase = "claiming";
  /** Positions that have been read and not been worked off, in order. */
  open: Set<number> = new Set();
  readonly lanes: Map<string, Lane> = new Map();
  /** By position. */
  readonly drafts: Map<number, Draft> = new Map();
  /** Positions of events whose `once` has run, for the checkpoint that passes them. */
  readonly inbox: Set<number> = new Set();
  /** Events that wait or are under way, replays included. */
  unfinished = 0;
  /** Lanes that wait for another attempt. */
  retrying = 0;
  /** Events worked off since it was claimed. */
  done = 0;
  error: WorkError | undefined;
  /** What was written last, when (of `performance.now`), and `done` then. */
  noted: { readonly progress: WorkProgress; readonly atMs: number; readonly done: number } | undefined;
  /** Resolved when nothing is unfinished any more; undefined while nobody waits for it. */
  drained: PromiseWithResolvers<void> | undefined;

  readonly #rate = new RateMeter();
  #doneMeasured = 0;

  constructor(number: number, version: number, position: number) {
    this.number = number;
    this.version = version;
    this.position = position;
    this.reached = position;
    this.startedUpTo = position;
  }

  get isOurs(): boolean {
    return this.phase !== "lost" && this.phase !== "released";
  }

  /** Events worked off per second, lately. */
  get ratePerSecond(): number {
    this.#rate.add(this.done - this.#doneMeasured);
    this.#doneMeasured = this.done;
    return this.#rate.perSecond;
  }

  /** Everything up to here is worked off or among the drafts. */
  get lowWaterMark(): number {
    const { value: first } = this.open.values().next();
    return first === undefined ? this.reached : Math.max(this.position, first - 1);
  }

  /** The lane of a key, made if there is none. */
  laneOf(key: string): Lane {
    let lane = this.lanes.get(key);
    if (lane === undefined) {
      lane = {
        key,
        partition: this,
        phase: "idle",
        task: undefined,
        waiting: [],
        next: 0,
        keyState: "free",
        stored: undefined,
      };
      this.lanes.set(key, lane);
    }
    return lane;
  }

  /** What was to be parked can not be: it counts as not worked off. */
  forgetDrafts(): void {
    this.reopen([...this.drafts.keys()]);
    this.drafts.clear();
  }

  /** Puts positions back among the open ones, below others that are. */
  reopen(positions: readonly number[]): void {
    this.open = new Set([...this.open, ...positions].sort((a, b) => a - b));
  }
}
