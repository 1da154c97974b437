/**
 * The server ends in the middle of everything, and comes back; connections are cut: on a server of its own.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isHithertoError, open } from "hitherto";
import type { Hitherto } from "hitherto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy } from "../../support/postgres-proxy.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import type { TestServer } from "../../support/postgres-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

/** Writers and a subscriber that go on whatever happens, and what they have seen. */
class Traffic {
  readonly acknowledged: string[] = [];
  readonly received: string[] = [];
  readonly #store: Hitherto;
  readonly #ending = new AbortController();
  readonly #leaving = new AbortController();
  readonly #writers: Promise<void>[];
  readonly #reader: Promise<void>;

  constructor(store: Hitherto) {
    this.#store = store;
    this.#writers = ["a", "b", "c", "d"].map((name) => this.#write(`writer-${name}`));
    this.#reader = this.#read();
  }

  /** Stops the writers, and lets the subscriber catch up. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#writers);
    while (this.received.length < this.acknowledged.length) await delay(10);
    this.#leaving.abort();
    await this.#reader;
  }

  async #write(stream: string): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const id = randomUUID();
      await this.#append(stream, id);
      this.acknowledged.push(id);
    }
  }

  /** Again and again under the same id, while trying again can help. */
  async #append(stream: string, id: string): Promise<void> {
    for (;;) {
      try {
        await this.#store.append({ stream, events: [{ id, type: "Noted", data: {} }] });
        return;
      } catch (error) {
        if (!isHithertoError(error) || !error.isRetryable) throw error;
        await delay(20);
      }
    }
  }

  /** A subscription that has waited for the server for too long ends; another one goes on where it stopped. */
  async #read(): Promise<void> {
    let after = 0;
    while (!this.#leaving.signal.aborted) {
      try {
        for await (const { id, position } of this.#store.subscribe({ after, signal: this.#leaving.signal })) {
          this.received.push(id);
          after = position;
        }
      } catch (error) {
        if (!isHithertoError(error) || !error.isRetryable) throw error;
      }
    }
  }

  /** Waits until more is acknowledged than now. */
  async goesOn(): Promise<void> {
    const before = this.acknowledged.length;
    while (this.acknowledged.length < before + 20) await delay(5);
  }
}

async function expectNothingLostOrDoubled(store: Hitherto, traffic: Traffic): Promise<void> {
  const stored = (await store.read().toArray()).map(({ id }) => id);
  expect(new Set(stored).size).toBe(stored.length);
  expect(traffic.acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
  expect(traffic.received).toEqual(stored);
  expect((await store.verify()).isSound).toBe(true);
}

test("loses and doubles nothing while the server is killed and started again, three times", async () => {
  await using store = await open(`${server.url}?schema=killed`);
  const traffic = new Traffic(store);
  for (let round = 0; round < 3; round++) {
    await traffic.goesOn();
    await server.kill();
    await delay(200);
    await server.restart();
  }
  await traffic.goesOn();
  await traffic.end();
  await expectNothingLostOrDoubled(store, traffic);
});

test("loses and doubles nothing while all connections are cut, ten times", async () => {
  await using proxy = await startProxy(server.url);
  await using store = await open(`${proxy.url}?schema=cut`);
  const traffic = new Traffic(store);
  for (let round = 0; round < 10; round++) {
    await traffic.goesOn();
    proxy.cut();
  }
  await traffic.goesOn();
  await traffic.end();
  await expectNothingLostOrDoubled(store, traffic);
});

test("says STORE_UNREACHABLE or STORE_IO while the server is away, and goes on when it is back", async () => {
  await using store = await open(`${server.url}?schema=away`);
  await store.append({ stream: "note-1", events: [{ type: "Noted", data: {} }] });
  await server.kill();
  const error: unknown = await store.head().catch((thrown: unknown) => thrown);
  expect(isHithertoError(error, "STORE_UNREACHABLE", "STORE_IO")).toBe(true);
  expect(error).toMatchObject({ isRetryable: true });
  await server.restart();
  expect(await store.head()).toBe(1);
});
