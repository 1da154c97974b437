/**
 * What can be said about projections and consumers: how far they are, how fast they go, and what ails them.
 */

/**
 * - `building`: events of the past are being worked off into a new read model.
 * - `catching-up`: it is behind, and working.
 * - `live`: everything has been worked off.
 * - `retrying`: the next event has failed and is tried again after a pause.
 * - `paused`: somebody paused it.
 * - `halted`: an event failed for good, and policy says to stay there.
 * - `idle`: no process runs it.
 */
export type WorkState = "building" | "catching-up" | "live" | "retrying" | "paused" | "halted" | "idle";

/** The last failure. */
export interface WorkError {
  readonly code: string | undefined;
  readonly message: string;
  /** Position of the event that was being worked on. */
  readonly position: number | undefined;
  /** ISO 8601. */
  readonly at: string;
}

/** How far behind something is. */
export interface Lag {
  /** Positions between the last one worked off and the end of the log; an upper bound for the events that remain. */
  readonly events: number;
  /** Age of the oldest event that remains, in milliseconds; 0 when none does. */
  readonly ms: number;
  /** Whether that is more than the threshold (by default 5 seconds). */
  readonly isTooMuch: boolean;
}

/** What a process that runs something notes about it now and then, for others to read. */
export interface WorkProgress {
  readonly state: WorkState;
  readonly error: WorkError | undefined;
  /** Events worked off per second, lately. */
  readonly ratePerSecond: number;
}

/** A projection, as it stands. */
export interface ProjectionStatus {
  readonly name: string;
  /** Version of the definition that readers see; undefined before the first build has caught up. */
  readonly version: number | undefined;
  readonly state: WorkState;
  readonly position: number;
  readonly lag: Lag;
  readonly ratePerSecond: number;
  /** Process that runs it, such as `host/4711`. */
  readonly owner: string | undefined;
  /** The new version in the making, from the moment it was asked for until readers have been switched to it. */
  readonly rebuild: RebuildStatus | undefined;
  readonly error: WorkError | undefined;
  readonly parked: number;
  /** Undefined for SQL projections, and for whoever has no right to read them. */
  readonly documents: number | undefined;
}

/** A rebuild on its way. */
export interface RebuildStatus {
  readonly version: number;
  /** How the work on it stands; `idle` too while nobody has begun it. */
  readonly state: WorkState;
  readonly position: number;
  /** End of the log. */
  readonly head: number;
  readonly ratePerSecond: number;
  /** Milliseconds that remain at this rate; undefined while there is none. */
  readonly etaMs: number | undefined;
}

/** A consumer, as it stands. */
export interface ConsumerStatus {
  readonly name: string;
  readonly state: WorkState;
  /** The lowest position of its partitions. */
  readonly position: number;
  readonly lag: Lag;
  readonly ratePerSecond: number;
  readonly partitions: readonly PartitionStatus[];
  /** Processes that take part. */
  readonly members: readonly string[];
  readonly error: WorkError | undefined;
  readonly parked: number;
}

/** A partition of a consumer. */
export interface PartitionStatus {
  readonly partition: number;
  readonly owner: string | undefined;
  readonly position: number;
  readonly state: WorkState;
}

/** What is told to the hooks of a process that runs something. */
export type WorkEvent =
  | { readonly kind: "state"; readonly work: string; readonly state: WorkState }
  | {
      readonly kind: "failure";
      readonly work: string;
      readonly error: unknown;
      /** Of the event that failed; undefined when it was not an event's fault. */
      readonly position: number | undefined;
      readonly attempt: number;
      /** What comes next. */
      readonly next: "retry" | "park" | "skip" | "halt" | "hand-over";
    }
  | { readonly kind: "lag"; readonly work: string; readonly lag: Lag }
  | { readonly kind: "owner"; readonly work: string; readonly isOwner: boolean };
