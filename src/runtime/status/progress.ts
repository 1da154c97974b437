/**
 * Puts together what owners noted about their work with whether they still live.
 */
import type { Liveness } from "../member-watch.ts";
import type { WorkError, WorkProgress, WorkState } from "../work-status.ts";
import type { Work } from "../work.ts";

/** What an owner's record says. */
export interface OwnedWork {
  readonly holder: string | undefined;
  readonly progress: WorkProgress;
}

/** What the status of anything depends on. */
export interface Surroundings {
  readonly members: Liveness;
  readonly head: number;
}

/** Work as it stands: what a dead owner noted last is not how it is. */
export interface CurrentWork {
  readonly state: WorkState;
  /** Label of the owner, if it lives. */
  readonly owner: string | undefined;
  readonly ratePerSecond: number;
  readonly error: WorkError | undefined;
}

/** Sees who lives and where the log ends: before any position is read, so that no lag is made up. */
export async function lookAround(work: Pick<Work, "look" | "store">): Promise<Surroundings> {
  const [members, head] = await Promise.all([work.look(), work.store.head()]);
  return { members, head };
}

/** How work stands; undefined work is idle. */
export function currentWork(
  work: OwnedWork | undefined,
  members: Liveness,
  wanted: "running" | "paused",
): CurrentWork {
  const error = work?.progress.error;
  const holder = work?.holder;
  // Unlike for those who take over, somebody never met does not count: a process that looks only once would show a
  // member that has left as alive.
  const isOwned = holder !== undefined && members.alive().includes(holder);
  const owner = isOwned ? members.labelOf(holder) : undefined;
  if (wanted === "paused") return { state: "paused", owner, ratePerSecond: 0, error };
  if (work === undefined || !isOwned) return { state: "idle", owner, ratePerSecond: 0, error };
  // It has been resumed, and its owner has not noticed yet.
  const state = work.progress.state === "paused" ? "catching-up" : work.progress.state;
  return { state, owner, ratePerSecond: work.progress.ratePerSecond, error };
}

/** The error that happened last. */
export function lastError(errors: ReadonlyArray<WorkError | undefined>): WorkError | undefined {
  let last: WorkError | undefined;
  for (const error of errors) {
    if (error !== undefined && (last === undefined || error.at >= last.at)) last = error;
  }
  return last;
}
