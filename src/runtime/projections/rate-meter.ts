/**
 * Events per second, lately: of the last whole window, and none when nothing has happened since.
 */
import { performance } from "node:perf_hooks";

const windowMs = 1_000;

/** Counts events and says how many there are in a second. */
export class RateMeter {
  #count = 0;
  #began = performance.now();
  #perSecond = 0;

  add(count: number): void {
    this.#count += count;
  }

  /** Rounded. */
  get perSecond(): number {
    const elapsedMs = performance.now() - this.#began;
    if (elapsedMs >= windowMs) {
      this.#perSecond = Math.round((this.#count * 1_000) / elapsedMs);
      this.#count = 0;
      this.#began = performance.now();
    }
    return this.#perSecond;
  }
}
