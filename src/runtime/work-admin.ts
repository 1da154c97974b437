/**
 * Looking after projections and consumers, from any process that has the store open: what is asked for here is written
 * down in the store, and carried out by the processes that run them.
 */
import type { ConsumerStatus, ProjectionStatus, WorkError } from "./work-status.ts";

/** Looks after projections. @throws `PROJECTION_UNKNOWN` for a name that the store does not know. */
export interface ProjectionAdmin {
  list(): Promise<readonly ProjectionStatus[]>;
  status(name: string): Promise<ProjectionStatus>;
  /** Lasts over restarts, for all processes. */
  pause(name: string): Promise<void>;
  /** Also makes a halted projection try again. */
  resume(name: string): Promise<void>;
  /** Builds it anew beside what readers see, and switches when it has caught up. Takes place when a process runs it. */
  rebuild(name: string): Promise<void>;
  /** Empties the read model that readers see, and builds it in place. For when what it says must not be seen at all. */
  reset(name: string): Promise<void>;
  /** Forgets the read model and everything about it, damaged records included. */
  remove(name: string): Promise<void>;
}

/** Looks after consumers. @throws `CONSUMER_UNKNOWN` for a name that the store does not know. */
export interface ConsumerAdmin {
  list(): Promise<readonly ConsumerStatus[]>;
  status(name: string): Promise<ConsumerStatus>;
  /**
   * Resolves when nothing is delivered any more; after 15 seconds in any case, should a handler take longer. Lasts over
   * restarts, for all processes.
   */
  pause(name: string): Promise<void>;
  /** Also makes a stopped consumer try again. */
  resume(name: string): Promise<void>;
  /**
   * Begins again after a position, or at the first event recorded at or after a moment. What is parked after that place
   * is forgotten, since it will be delivered again. @throws `ARGUMENT_INVALID` for a position beyond the end of the log.
   */
  reset(name: string, to: "start" | "end" | number | Date): Promise<void>;
  /** Deals the keys out anew; nothing is lost, repeated or reordered by it. 1 to 1,024. */
  setPartitions(name: string, partitions: number): Promise<void>;
  /** Forgets it, with its place in the log and what is parked, damaged records included. */
  remove(name: string): Promise<void>;
}

/** Whose parked events. */
export interface ParkedOwner {
  readonly kind: "consumer" | "projection";
  readonly name: string;
}

/** A parked event. */
export interface ParkedEvent {
  readonly owner: ParkedOwner;
  /** The key that orders it: a consumer's key, a document's key. */
  readonly key: string;
  readonly position: number;
  readonly eventId: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  /** `failed` by itself; `held` behind a failed one of its key; `replaying` when a replay was asked for. */
  readonly state: "failed" | "held" | "replaying";
  /** Undefined for one that was only held. */
  readonly error: (WorkError & { readonly stack: string | undefined }) | undefined;
  readonly attempts: number;
  /** ISO 8601; undefined for one that was only held. */
  readonly firstFailedAt: string | undefined;
  readonly lastFailedAt: string | undefined;
  /** ISO 8601. */
  readonly parkedAt: string;
}

/**
 * Which parked events: all of an owner, those of a key, or one. A part that is there but undefined is refused with
 * `ARGUMENT_INVALID`: it would select all.
 */
export interface ParkedSelection extends ParkedOwner {
  readonly key?: string;
  readonly position?: number;
}

/** Looks after parked events. */
export interface ParkedAdmin {
  /** In order of key and position. */
  list(
    selection?: Partial<ParkedSelection> & { readonly limit?: number | undefined },
  ): AsyncIterable<ParkedEvent>;
  count(owner?: Partial<ParkedOwner>): Promise<number>;
  /**
   * Delivers them again, in order within each key, at most so many per second. Asking for one event replays its key from
   * the first parked event of that key, for nothing may overtake; what was only held goes on by itself. Returns how many
   * events are concerned. A failure parks the rest of the key again. @throws `PARKED_UNKNOWN` when nothing is selected.
   */
  replay(
    selection: ParkedSelection,
    options?: { readonly ratePerSecond?: number | undefined },
  ): Promise<{ readonly events: number }>;
  /** Gives them up for good; what they held back goes on. @throws `PARKED_UNKNOWN` when nothing is selected. */
  discard(selection: ParkedSelection): Promise<{ readonly events: number }>;
}
