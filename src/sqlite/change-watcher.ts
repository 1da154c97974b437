/**
 * Tells when the log may have grown, whoever wrote to the file.
 *
 * Writes of this handle are told at once by {@link ChangeWatcher.notify}. Writes of other handles and processes show in
 * `PRAGMA data_version`, which is read from shared memory and costs microseconds; it is looked at in a short interval,
 * but only while somebody watches.
 */
import { callAll } from "../store/listeners.ts";
import type { Database, Statement } from "./driver.ts";

/** How often the file is looked at for writes of others, in milliseconds. */
export const pollIntervalMs = 5;

/** The watchers of one handle. */
export class ChangeWatcher {
  readonly #dataVersion: Statement<[number]>;
  readonly #check: () => void;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #seenVersion = 0;

  /** `check` throws when the file is not to be asked any more. */
  constructor(db: Database, check: () => void = () => undefined) {
    this.#check = check;
    this.#dataVersion = db.prepare("PRAGMA data_version");
  }

  /** Calls `listener` whenever the log may have grown, until the returned function is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= this.#startPolling();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  notify(): void {
    callAll(this.#listeners);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #startPolling(): NodeJS.Timeout {
    this.#seenVersion = this.#readVersion();
    return setInterval(() => this.#poll(), pollIntervalMs).unref();
  }

  #poll(): void {
    const version = this.#tryReadVersion();
    if (version !== undefined && version === this.#seenVersion) return;
    this.#seenVersion = version ?? this.#seenVersion;
    this.notify();
  }

  /** Undefined when the file cannot be asked: listeners then meet the error in a read of their own, not in a timer. */
  #tryReadVersion(): number | undefined {
    try {
      this.#check();
      return this.#readVersion();
    } catch {
      return undefined;
    }
  }

  #readVersion(): number {
    return this.#dataVersion.get()?.[0] ?? 0;
  }
}
