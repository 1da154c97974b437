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
 * - **left**: entered by `leave`, or because the store was closed under it. By `leave`, its record is removed, so that
 *   others take over at once.
 *
 * A member that was taken for gone may find its record removed; its next beat makes it again, and it is present as before.
 * Beats never overlap: one that is due while another is under way waits for its end.
 */
import { randomUUID } from "node:crypto";
import { isHithertoError } from "../core/errors.ts";
import { endsHandle } from "../store/ends-handle.ts";
import type { ReadSide } from "../store/read-side.ts";
import type { Liveness, MemberWatch } from "./member-watch.ts";
import { thisProcess } from "./process-identity.ts";
import { spaces } from "./records.ts";
import type { MemberRecord } from "./records.ts";

/** One handle among all that run work on a store. It counts itself as alive, whatever becomes of its beats. */
export interface Member extends Liveness {
  /** Unique for each handle. */
  readonly id: string;
  /** For people, such as `host/4711`. */
  readonly label: string;
  /** Takes part in a work, such as `consumer/emails`, until the function that is returned is called. */
  takePart(work: string): () => void;
  /** Calls `listener` after each beat, until the function that is returned is called. */
  onBeat(listener: () => void): () => void;
  /** Beats more often, when `leaseMs` is shorter than its lease time so far. */
  shortenLease(leaseMs: number): void;
  /** Stops beating and lets others take over at once. */
  leave(): Promise<void>;
}

/** How a member beats. */
export interface MemberOptions {
  readonly leaseMs: number;
  /** Told of beats that fail. */
  readonly onError: (error: unknown) => void;
}

/** Becomes a member; resolves after the first beat. Throws what the store throws; then it is no member. */
export async function join(readSide: ReadSide, watch: MemberWatch, options: MemberOptions): Promise<Member> {
  const member = new BeatingMember(readSide, watch, options);
  await member.begin();
  return member;
}

const beatsPerLease = 3;

class BeatingMember implements Member {
  readonly id: string = randomUUID();
  readonly label = `${thisProcess.host}/${thisProcess.pid}`;
  readonly #readSide: ReadSide;
  readonly #watch: MemberWatch;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Set<() => void>();
  /** One entry for each part taken. */
  readonly #parts = new Set<{ readonly work: string }>();
  #leaseMs: number;
  #beat = 0;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #hasLeft = false;

  constructor(readSide: ReadSide, watch: MemberWatch, { leaseMs, onError }: MemberOptions) {
    this.#readSide = readSide;
    this.#watch = watch;
    this.#leaseMs = leaseMs;
    this.#onError = onError;
  }

  async begin(): Promise<void> {
    await this.#store();
    await this.#watch.look();
    this.#schedule();
  }

  takePart(work: string): () => void {
    const part = { work };
    this.#parts.add(part);
    this.#beatSoon();
    return () => {
      if (this.#parts.delete(part)) this.#beatSoon();
    };
  }

  participants(work: string): readonly string[] {
    const others = this.#watch.participants(work).filter((id) => id !== this.id);
    return this.#works().includes(work) ? [...others, this.id].toSorted() : others;
  }

  isAlive(id: string): boolean {
    return id === this.id || this.#watch.isAlive(id);
  }

  alive(): readonly string[] {
    return [...new Set([...this.#watch.alive(), this.id])].toSorted();
  }

  labelOf(id: string): string {
    return id === this.id ? this.label : this.#watch.labelOf(id);
  }

  onBeat(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  shortenLease(leaseMs: number): void {
    if (leaseMs >= this.#leaseMs) return;
    this.#leaseMs = leaseMs;
    this.#beatSoon();
  }

  async leave(): Promise<void> {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    clearTimeout(this.#timer);
    await this.#beating;
    const remove = [{ space: spaces.members, key: this.id }];
    await this.#readSide.commit({ remove }, { isDurable: false }).catch(this.#report);
  }

  #works(): string[] {
    return [...new Set([...this.#parts].map(({ work }) => work))].toSorted();
  }

  /** After what is called in this turn of the event loop, so that several parts taken at once cost one beat. */
  #beatSoon(): void {
    this.#schedule(0);
  }

  /** A member that takes part in something keeps its process alive, as a server does; one that merely joined does not. */
  #schedule(delayMs: number = this.#leaseMs / beatsPerLease): void {
    if (this.#hasLeft) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#beating = this.#beating.then(() => this.#beatOnce());
    }, delayMs);
    if (this.#parts.size === 0) this.#timer.unref();
  }

  async #beatOnce(): Promise<void> {
    if (this.#hasLeft) return;
    this.#schedule();
    const failures = await Promise.allSettled([this.#store(), this.#watch.look()]);
    for (const failure of failures) if (failure.status === "rejected") this.#report(failure.reason);
    for (const listener of this.#listeners) this.#call(listener);
    await this.#tidyUp();
  }

  /** Also makes the record anew, if others have taken it for one that was left behind. */
  async #store(): Promise<void> {
    const value: MemberRecord = {
      label: this.label,
      ...thisProcess,
      works: this.#works(),
      beat: ++this.#beat,
      leaseMs: this.#leaseMs,
    };
    await this.#readSide.commit(
      { put: [{ space: spaces.members, key: this.id, value }] },
      { isDurable: false },
    );
  }

  /** Whoever notices removes what others left behind; that another was faster does not matter. */
  async #tidyUp(): Promise<void> {
    for (const { id, version } of this.#watch.leftBehind()) {
      if (id === this.id) continue;
      const record = { space: spaces.members, key: id };
      const changes = { expect: [{ ...record, version }], remove: [record] };
      await this.#readSide.commit(changes, { isDurable: false }).catch(this.#reportUnlessConflict);
    }
  }

  #call(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#report(error);
    }
  }

  readonly #reportUnlessConflict = (error: unknown): void => {
    if (!isHithertoError(error, "RECORD_CONFLICT")) this.#report(error);
  };

  /** A store that was closed or lost under its member ends the membership. What has lost it tells so by itself. */
  readonly #report = (error: unknown): void => {
    if (endsHandle(error)) {
      this.#hasLeft = true;
      clearTimeout(this.#timer);
    } else this.#onError(error);
  };
}
