/**
 * A bell that one waits for: ringing while nobody waits is not lost, ringing several times is ringing once.
 */
export class Bell {
  #isRung = false;
  #stopWaiting: () => void = () => undefined;

  ring(): void {
    this.#isRung = true;
    this.#stopWaiting();
  }

  /** Resolves when it rings, or has rung since the wait before, and after this time in any case. One waits at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#isRung) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#stopWaiting = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#isRung = false;
  }
}
