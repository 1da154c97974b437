/**
 * Who may write, to a store in memory or over one connection: whoever comes first.
 *
 * **Free**: a write runs at once. **Held**: a transaction has it, and whatever comes waits, in the order in which it came.
 * When the transaction ends, those that wait run until one of them is a transaction again.
 */
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

/** Lets writes and transactions take turns. */
export class Turns {
  /** In order of arrival. A set, since an array takes long to give up its first element once there are many. */
  readonly #waiting = new Set<() => void>();
  #isHeld = false;

  /** Runs what takes one turn of the event loop; at once if it can. @throws `QUEUE_FULL` */
  run<Result>(body: () => Result): Promise<Result> {
    if (this.#isFree()) return attempt(body);
    return new Promise((resolve) => {
      this.#wait(() => resolve(attempt(body)));
    });
  }

  /** Runs `body` while nothing else runs here. @throws `QUEUE_FULL` */
  async hold<Result>(body: () => Promise<Result>): Promise<Result> {
    await this.#seize();
    try {
      return await body();
    } finally {
      this.#isHeld = false;
      for (const next of this.#waiting) {
        this.#waiting.delete(next);
        next();
        if (this.#isHeld) break;
      }
    }
  }

  /** Holds from the very moment that its turn comes, so that nothing slips in between. */
  #seize(): Promise<void> {
    return new Promise((resolve) => {
      const seize = (): void => {
        this.#isHeld = true;
        resolve();
      };
      if (this.#isFree()) seize();
      else this.#wait(seize);
    });
  }

  #isFree(): boolean {
    return !this.#isHeld && this.#waiting.size === 0;
  }

  #wait(begin: () => void): void {
    const max = limits.appendsWaitingMax;
    if (this.#waiting.size >= max) {
      throw new HithertoError("QUEUE_FULL", { queue: "writes to the store", max });
    }
    this.#waiting.add(begin);
  }
}

/** Runs `body` now; what it throws becomes a rejection. */
function attempt<Result>(body: () => Result): Promise<Result> {
  return new Promise((resolve) => {
    resolve(body());
  });
}
