/**
 * A bell that one waits for: ringing while nobody waits is not lost, ringing several times is ringing once.
 *
 * Every wait lets the event loop have its turn, so that those who ring each other's bells, or their own, keep no timer from
 * running: beats and timeouts are timers.
 */
import { setImmediate as nextTurn } from "node:timers/promises";

/** Rings and is waited for; see the module's header. */
export class Bell {
  #isRung = false;
  #stopWaiting: () => void = () => undefined;

  ring(): void {
    this.#isRung = true;
    this.#stopWaiting();
  }

  /** Resolves when it rings, or has rung since the wait before, and after this time in any case. One waits at a time. */
  async wait(ms: number): Promise<void> {
    if (this.#isRung) {
      await nextTurn();
    } else {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#stopWaiting = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#isRung = false;
  }
}
