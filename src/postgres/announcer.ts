/**
 * Wakes others after a commit: the watchers of this handle at once, those of other handles and processes by a notification.
 *
 * Notifications go out beside the writes, not within their transactions, since the server lets only one transaction
 * that notifies commit at a time. One is under way at most, with a short rest after it, so that a busy writer does not spend
 * its time on waking those who are awake; what is announced meanwhile is announced by the next one. One that is lost is
 * found by the poll of its listeners.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Listener } from "./listener.ts";
import type { Session } from "./session.ts";

/** Nobody waits for a notification to be on disk. */
const notifySql = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";

/** Between two notifications, in milliseconds. */
const restMs = 5;

/** How long closing waits for the last notification, in milliseconds. */
const lastMs = 1_000;

/** Announces the commits of one handle. */
export class Announcer {
  readonly #session: Session;
  readonly #listener: Listener;
  #sending: Promise<void> | undefined;
  #isDue = false;

  constructor(session: Session, listener: Listener) {
    this.#session = session;
    this.#listener = listener;
  }

  /** To be called after every commit. */
  announce(): void {
    this.#isDue = true;
    this.#sending ??= this.#send();
    this.#listener.notify();
  }

  /** Waits until everybody has been told, but not for a server that is away. */
  async close(): Promise<void> {
    const enough = new AbortController();
    const patience = delay(lastMs, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([this.#sending, patience]);
    enough.abort();
  }

  async #send(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      const { channel, handle } = this.#listener;
      await this.#session.query(notifySql, [channel, handle]).catch(() => undefined);
      await delay(restMs);
    }
    this.#sending = undefined;
  }
}
