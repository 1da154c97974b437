/**
 * Who may write, for stores in memory: whoever comes first.
 *
 * **Free**: a write runs at once. **Held**: a transaction has it, and whatever comes waits, in the order in which it came.
 * When the transaction ends, those that wait run until one of them is a transaction again.
 */
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

/** Lets writes and transactions take turns. */
export class Turns {
  readonly #waiting: Array<() => void> = [];
  #isHeld = false;

  /** Runs what takes one turn of the event loop; at once if it can. @throws `QUEUE_FULL` */
  run<Result>(body: () => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#enter(() => {
        try {
          resolve(body());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  /** Runs `body` while nothing else runs here. @throws `QUEUE_FULL` */
  async hold<Result>(body: () => Promise<Result>): Promise<Result> {
    await new Promise<void>((resolve) => {
      this.#enter(() => {
        this.#isHeld = true;
        resolve();
      });
    });
    try {
      return await body();
    } finally {
      this.#isHeld = false;
      while (!this.#isHeld) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        next();
      }
    }
  }

  #enter(begin: () => void): void {
    if (!this.#isHeld && this.#waiting.length === 0) {
      begin();
      return;
    }
    const max = limits.appendsWaitingMax;
    if (this.#waiting.length >= max) {
      throw new HithertoError("QUEUE_FULL", { queue: "writes to the store", max });
    }
    this.#waiting.push(begin);
  }
}
