/**
 * Who may write, to a store in memory or over one connection: whoever comes first.
 *
 * **Free**: a write runs at once. **Held**: a transaction has it, and whatever comes waits, in the order in which it came.
 * When the transaction ends, those that wait run until one of them is a transaction again.
 */
import { limits } from "../core/limits.ts";
import { queueFull } from "./event-loop.ts";

const queue = "writes to the store";
const max = limits.appendsWaitingMax;

/** Lets writes and transactions take turns. */
export class Turns {
  /** In order of arrival. A set, since an array takes long to give up its first element once there are many. */
  readonly #waiting = new Set<() => void>();
  #isHeld = false;

  /** Runs what takes one turn of the event loop; at once if it can. @throws `QUEUE_FULL` */
  run<Result>(body: () => Result): Promise<Result> {
    if (this.#isFree()) return attempt(body);
    if (this.#isFull()) return queueFull(queue, max);
    return new Promise((resolve) => {
      this.#waiting.add(() => resolve(attempt(body)));
    });
  }

  /** Runs `body` while nothing else runs here. @throws `QUEUE_FULL` */
  async hold<Result>(body: () => Promise<Result>): Promise<Result> {
    if (this.#isFull()) return queueFull(queue, max);
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
      else this.#waiting.add(seize);
    });
  }

  #isFree(): boolean {
    return !this.#isHeld && this.#waiting.size === 0;
  }

  #isFull(): boolean {
    return this.#waiting.size >= max;
  }
}

/** Runs `body` now; what it throws becomes a rejection. */
function attempt<Result>(body: () => Result): Promise<Result> {
  return new Promise((resolve) => {
    resolve(body());
  });
}
