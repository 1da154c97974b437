/**
 * Traffic on a store that goes on whatever happens to its server: writers that append each event again under its id until
 * it is acknowledged. By itself it is a process of writers, for `failures.test.ts`:
 *
 *   node traffic.ts URL NAME
 *
 * Says `ready`, writes until a line comes on its input, and prints a JSON array of the ids that were acknowledged.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isHithertoError } from "../../../src/core/errors.ts";
import { openPostgresStore } from "../../../src/postgres/postgres-store.ts";
import type { EventStore } from "../../../src/store/event-store.ts";

/** The type of what writers append. */
export const noted = "Noted";

/** Four writers, each to a stream of its own. */
export class Writers {
  readonly acknowledged: string[] = [];
  readonly #store: EventStore;
  readonly #ending = new AbortController();
  readonly #writers: Promise<void>[];

  constructor(store: EventStore, name: string) {
    this.#store = store;
    this.#writers = ["a", "b", "c", "d"].map((letter) => this.#write(`note-${name}${letter}`));
  }

  /** Waits until more is acknowledged than now. */
  async goOn(): Promise<void> {
    const before = this.acknowledged.length;
    while (this.acknowledged.length < before + 20) await delay(5);
  }

  /** Waits until all that was begun is acknowledged. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#writers);
  }

  async #write(stream: string): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const id = randomUUID();
      await this.#append(stream, id);
      this.acknowledged.push(id);
      await delay(10);
    }
  }

  async #append(stream: string, id: string): Promise<void> {
    for (;;) {
      try {
        await this.#store.append({ stream, events: [{ id, type: noted, data: {} }] });
        return;
      } catch (error) {
        if (!isHithertoError(error) || !error.isRetryable) throw error;
        await delay(20);
      }
    }
  }
}

if (import.meta.main) {
  const [url, name] = process.argv.slice(2) as [string, string];
  await using store = await openPostgresStore(url, { onError: () => undefined });
  const writers = new Writers(store, name);
  process.stdout.write("ready\n");
  await once(process.stdin, "data");
  await writers.end();
  process.stdout.write(`${JSON.stringify(writers.acknowledged)}\n`, () => process.stdin.destroy());
}
