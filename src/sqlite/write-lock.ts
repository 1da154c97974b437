/**
 * Taking locks of the file in competition with other processes.
 *
 * SQLite's own waiting sleeps longer and longer, up to 100 ms, so that a process that writes without a pause is hardly
 * ever caught between two transactions. Here the sleeps stay short and random: the next one gets its turn within
 * milliseconds. The writer thread may sleep, since nothing else runs on it.
 */
import type { Database } from "./driver.ts";
import { isBusy } from "./sql-errors.ts";

const sleepMsMax = 2;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Makes the function that begins a write transaction; it waits up to `timeoutMs`, then throws what SQLite says. */
export function writeLock(db: Database, timeoutMs: number): () => void {
  db.exec("PRAGMA busy_timeout = 0");
  const begin = db.prepare("BEGIN IMMEDIATE");
  return () => void whenUnlocked(() => begin.run(), timeoutMs);
}

/**
 * Runs what needs a lock as soon as nobody else has it, or throws what SQLite says after `timeoutMs`. Also for what SQLite
 * does not wait for itself, such as changing the journal mode. Blocks its thread meanwhile.
 */
export function whenUnlocked<Result>(statement: () => Result, timeoutMs: number): Result {
  for (const deadline = performance.now() + timeoutMs; ;) {
    try {
      return statement();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
      Atomics.wait(sleeper, 0, 0, Math.random() * sleepMsMax);
    }
  }
}
