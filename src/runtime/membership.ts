/**
 * Who is alive. Each handle that runs projections or consumers is a member: it keeps a record that changes with every
 * beat. Owners of work write their member's id into the record of that work.
 *
 * Nobody's clock is compared with another's: a member is taken for gone when its record has not changed for its lease
 * time *as watched from here*, or when it was a process of this machine that is no more. So a process that starts after
 * a crash need not wait, and one that stands still (SIGSTOP, a long garbage collection) is overtaken after its lease time.
 *
 * Being taken for gone takes nothing away by itself. It allows another member to put itself into the record of the work
 * by compare-and-set; from then on, every commit of the old owner is refused, since it expects the record as it was.
 * Safety rests on that alone; the beats only decide when to try.
 *
 * States of a member
 * - **joining**: from `join` until the first beat is stored. It owns nothing.
 * - **present**: it beats every third of its lease time, and looks at the others' records on the way.
 * - **late**: a beat failed (a store that is busy, say). It tries again with every beat; its owners go on, since their
 *   commits tell them soon enough whether they still own what they think.
 * - **left**: entered by `leave`. Its record is removed, so that others take over at once.
 */
import type { ReadSide } from "../store/read-side.ts";

/** One handle among all that run work on a store. */
export interface Member {
  /** Unique for each handle. */
  readonly id: string;
  /** For people, such as `host/4711`. */
  readonly label: string;
  /** Takes part in a work, such as `consumer/emails`, until the function that is returned is called. */
  takePart(work: string): () => void;
  /** Ids of those alive that take part in a work, in order. Known of others after their next beat. */
  participants(work: string): readonly string[];
  /** Whether a member is, as far as is known here, alive. Of an id never seen: false, once it has been looked for. */
  isAlive(id: string): boolean;
  /** Ids of those that are alive, this one included, in order. */
  alive(): readonly string[];
  /** Label of a member, for people. */
  labelOf(id: string): string;
  /** Calls `listener` after each beat, until the function that is returned is called. */
  onBeat(listener: () => void): () => void;
  /** Stops beating and lets others take over at once. */
  leave(): Promise<void>;
}

/** How a member beats. */
export interface MemberOptions {
  readonly leaseMs: number;
  /** Told of beats that fail. */
  readonly onError: (error: unknown) => void;
}

/** Becomes a member; resolves after the first beat. */
export type Join = (readSide: ReadSide, options: MemberOptions) => Promise<Member>;
