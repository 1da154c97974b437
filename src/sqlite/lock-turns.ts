/**
 * How the writer thread of a handle and its interactive transactions take turns at the write lock.
 *
 * SQLite's lock is not fair: who tries now and then, as a transaction must that may not stop the event loop, hardly ever
 * meets the moment between two groups of a writer thread that never pauses. So each side says when it waits for the
 * other, in memory that both threads share, and the other then lets it go first, once. It is a courtesy: it is bounded in
 * time, and what is right rests on SQLite's lock alone.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** How long one side waits at most for the other to get on. */
const courtesyMsMax = 50;

/** Places in the shared memory: 1 while a transaction wants or has the lock, 1 while the writer waits for it. */
const transactionAt = 0;
const writerAt = 1;

/** Either side's view of the turns. */
export class LockTurns {
  /** To be given to the other thread. */
  readonly shared: SharedArrayBuffer;
  readonly #flags: Int32Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.shared = shared;
    this.#flags = new Int32Array(shared);
  }

  /** On the caller's thread, before a transaction tries for the lock. Lets the writer go first if it has waited. */
  async askForTransaction(): Promise<void> {
    const deadline = performance.now() + courtesyMsMax;
    while (Atomics.load(this.#flags, writerAt) === 1 && performance.now() < deadline) await sleep(1);
    Atomics.store(this.#flags, transactionAt, 1);
  }

  /** When the transaction has released the lock, or has given up. */
  endTransaction(): void {
    Atomics.store(this.#flags, transactionAt, 0);
    Atomics.notify(this.#flags, transactionAt);
  }

  /** In the writer thread, before it takes the lock. It may sleep, since nothing else runs there. */
  waitForTransaction(): void {
    if (Atomics.load(this.#flags, transactionAt) === 0) return;
    Atomics.store(this.#flags, writerAt, 1);
    Atomics.wait(this.#flags, transactionAt, 1, courtesyMsMax);
  }

  /** When the writer has released the lock. */
  endWriter(): void {
    Atomics.store(this.#flags, writerAt, 0);
  }
}
