/**
 * Waits for a read model to move on. However many wait, there is one watch on the store and one look at a time.
 *
 * States
 * - **asleep**: nobody waits; no watch, no timer.
 * - **watching**: from the first who waits to the last. A signal of the store, a new one who waits, or the poll interval
 *   passing leads to *looking*.
 * - **looking**: what has been reached is read, and those whom it suits go on. What signals meanwhile leads to another
 *   look. Then, back to watching or asleep.
 *
 * A look that fails (`STORE_CLOSED` when the store is closed) fails all who wait.
 */
import type { ReadStamp } from "../../store/read-side.ts";

/** What is watched. */
export interface WatchedPosition {
  /** What has been reached; undefined while there is nothing to read. */
  stamp(): Promise<ReadStamp | undefined>;
  /** As `ReadSide.watch`. */
  watch(listener: () => void): () => void;
}

/** Says whether the wait is over. */
export type Fits = (stamp: ReadStamp | undefined) => boolean;

interface Waiter {
  readonly fits: Fits;
  readonly resolve: (stamp: ReadStamp | undefined) => void;
  readonly reject: (error: unknown) => void;
}

const pollIntervalMs = 1_000;

/** Watches one read model, for all who wait for it. */
export class PositionWatch {
  readonly #source: WatchedPosition;
  readonly #waiters = new Set<Waiter>();
  #stopWatching: (() => void) | undefined;
  #signals = 0;
  #isLooking = false;

  constructor(source: WatchedPosition) {
    this.#source = source;
  }

  /**
   * Resolves with the first stamp that fits; with undefined when `signal` ends the wait, or nothing fits for `timeoutMs`.
   * A process stays alive while it waits. Throws what reading throws.
   */
  async until(
    fits: Fits,
    { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs?: number },
  ): Promise<ReadStamp | undefined> {
    if (signal?.aborted === true) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<ReadStamp | undefined>();
    const waiter = { fits, resolve, reject };
    const giveUp = (): void => resolve(undefined);
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      this.#add(waiter);
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      this.#remove(waiter);
    }
  }

  #add(waiter: Waiter): void {
    this.#stopWatching ??= this.#startWatching();
    this.#waiters.add(waiter);
    this.#onSignal();
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size > 0) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  #startWatching(): () => void {
    const unwatch = this.#source.watch(this.#onSignal);
    const poll = setInterval(this.#onSignal, pollIntervalMs);
    return () => {
      unwatch();
      clearInterval(poll);
    };
  }

  readonly #onSignal = (): void => {
    this.#signals++;
    if (!this.#isLooking) void this.#look();
  };

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      let seen: number;
      do {
        // The signal that a store gives on closing comes just before it is closed.
        await Promise.resolve();
        seen = this.#signals;
        const stamp = await this.#source.stamp();
        for (const { fits, resolve } of this.#waiters) if (fits(stamp)) resolve(stamp);
      } while (this.#signals !== seen && this.#waiters.size > 0);
    } catch (error) {
      for (const { reject } of this.#waiters) reject(error);
    } finally {
      this.#isLooking = false;
    }
  }
}
