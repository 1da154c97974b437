/**
 * The server ends in the middle of everything, and comes back; connections are cut: on a server of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { consumer, isHithertoError, open, projection } from "hitherto";
import type { Diagnostic, Hitherto } from "hitherto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startProxy } from "../../support/postgres-proxy.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import type { TestServer } from "../../support/postgres-server.ts";
import { runSql } from "../../support/postgres.ts";
import { noted, Writers } from "./traffic.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const counts = projection("counts", {
  initial: () => ({ count: 0 }),
  evolve: { Noted: (state: { count: number }) => ({ count: state.count + 1 }) },
});

/** For each note one event, in a transaction with the fact that it was handled. */
const effects = consumer("effects", {
  on: {
    Noted: async (_data: unknown, { id, stream }, { once: onlyOnce }) => {
      await onlyOnce(async (transaction) => {
        await transaction.append({ stream: `effect-${stream}`, events: [{ type: "Handled", data: { id } }] });
      });
    },
  },
  retry: { max: 100, delayMs: 20, delayMsMax: 500 },
});

/** A process of writers. */
async function startWriters(url: string, name: string): Promise<{ end(): Promise<string[]> }> {
  const script = fileURLToPath(new URL("traffic.ts", import.meta.url));
  const child = spawn(process.execPath, [script, url, name], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    end: async () => {
      child.stdin.write("end\n");
      const line = await lines.next();
      if (child.exitCode === null) await once(child, "exit");
      if (line.done === true) throw new Error(`the process of writers ended with code ${child.exitCode}`);
      return JSON.parse(line.value) as string[];
    },
  };
}

/** One subscription, from the first event to the last, whatever happens. */
class Follower {
  readonly received: string[] = [];
  readonly #leaving = new AbortController();
  readonly #reading: Promise<void>;

  constructor(store: Hitherto) {
    this.#reading = this.#read(store);
  }

  /** Leaves when it has received so many. */
  async end(count: number): Promise<void> {
    const failure = this.#reading.then((): never => {
      throw new Error("the subscription has ended");
    });
    const arrival = (async () => {
      while (this.received.length < count) await delay(10);
    })();
    await Promise.race([arrival, failure]);
    failure.catch(() => undefined);
    this.#leaving.abort();
    await this.#reading;
  }

  async #read(store: Hitherto): Promise<void> {
    for await (const { id } of store.subscribe({ types: [noted], signal: this.#leaving.signal })) {
      this.received.push(id);
    }
  }
}

/** The ids of what was noted, in order; each once. */
async function storedNotes(store: Hitherto): Promise<string[]> {
  const stored = (await store.read({ types: [noted] }).toArray()).map(({ id }) => id);
  expect(new Set(stored).size).toBe(stored.length);
  return stored;
}

async function expectNothingLostOrDoubled(store: Hitherto, acknowledged: readonly string[]): Promise<void> {
  expect((await storedNotes(store)).toSorted()).toEqual(acknowledged.toSorted());
  expect((await store.verify()).isSound).toBe(true);
}

/** Waits until projection and consumer have caught up, and compares what they have made with the log. */
async function expectWorkDone(store: Hitherto): Promise<void> {
  const notes = await store.read({ types: [noted] }).toArray();
  const waitFor = notes.at(-1)!.position;
  const byStream = Map.groupBy(notes, ({ stream }) => stream);
  for (const [stream, { length: count }] of byStream) {
    const key = stream.slice("note-".length);
    const { document } = await store.readModel(counts).get(key, { waitFor, timeoutMs: 60_000 });
    expect(document).toEqual({ count });
    const handled = async (): Promise<unknown[]> =>
      (await store.readStream(`effect-${stream}`).toArray()).map(({ data }) => (data as { id: string }).id);
    await expect
      .poll(async () => (await handled()).length, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(count);
    expect(await handled()).toEqual(byStream.get(stream)?.map(({ id }) => id));
  }
}

test(
  "loses and doubles nothing, in two processes, while the server is killed and started again, five times",
  { timeout: 180_000 },
  async () => {
    const told: Diagnostic[] = [];
    const url = `${server.url}?schema=killed`;
    await using store = await open(url, { onError: (diagnostic) => void told.push(diagnostic) });
    await using _runner = await store.runProjections([counts]);
    await using _member = await store.consume(effects);
    const follower = new Follower(store);
    const writers = new Writers(store, "here");
    const elsewhere = await startWriters(url, "elsewhere");
    for (const awayMs of [0, 200, 500, 0, 1_500]) {
      await writers.goOn();
      await server.kill();
      await delay(awayMs);
      await server.restart();
    }
    await writers.goOn();
    await writers.end();
    const acknowledged = [...writers.acknowledged, ...(await elsewhere.end())];
    await follower.end(acknowledged.length);
    await expectNothingLostOrDoubled(store, acknowledged);
    expect(follower.received).toEqual(await storedNotes(store));
    await expectWorkDone(store);
    // It says so: that nothing is heard of others, and that it is again, for which a pause may have to pass.
    const ofListener = (): unknown[] =>
      told.filter(({ operation }) => operation === "listener").map(({ isOver }) => isOver);
    await expect.poll(() => ofListener().at(-1), { timeout: 20_000 }).toBe(true);
    expect(ofListener().slice(0, 2)).toEqual([false, true]);
  },
);

test("loses and doubles nothing while all connections are cut, twenty times, and leaves none behind", async () => {
  await using proxy = await startProxy(server.url);
  await using store = await open(`${proxy.url}?schema=cut`, { onError: () => undefined, connectionsMax: 5 });
  await using _runner = await store.runProjections([counts]);
  await using _member = await store.consume(effects);
  const followers = [new Follower(store), new Follower(store), new Follower(store)];
  const writers = new Writers(store, "cut");
  for (let round = 0; round < 20; round++) {
    await writers.goOn();
    proxy.cut();
  }
  await writers.goOn();
  await writers.end();
  for (const follower of followers) {
    await follower.end(writers.acknowledged.length);
    expect(follower.received).toEqual(await storedNotes(store));
  }
  await expectNothingLostOrDoubled(store, writers.acknowledged);
  await expectWorkDone(store);
  // At most five of the pool, and the one that listens for all that follow the log.
  await expect.poll(() => proxy.connections).toBeLessThanOrEqual(6);
  const listening = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %'";
  await expect.poll(() => runSql(listening, [], server.url)).toHaveLength(1);
});

test("a consumer whose handler needs a server that is away parks nothing, however often it tries", async () => {
  const quiet = { onError: () => undefined };
  // Fails at once rather than wait for the server.
  await using store = await open(`${server.url}?schema=patient`, { busyTimeoutMs: 1, ...quiet });
  let isAway = false;
  let failures = 0;
  const impatient = consumer("impatient", {
    on: {
      Noted: async (_data: unknown, { id }, { once: onlyOnce }) => {
        if (!isAway) {
          await server.kill();
          isAway = true;
        }
        await onlyOnce(async (transaction) => {
          await transaction.append({ stream: `effect-${id}`, events: [{ type: "Handled", data: {} }] });
        });
      },
    },
    retry: { max: 1, delayMs: 10, delayMsMax: 50 },
  });
  await store.append({ stream: "note-1", events: [{ type: noted, data: {} }] });
  await using _member = await store.consume(impatient, {
    onEvent: (event) => {
      // Of the handler, not of what the consumer does itself.
      if (event.kind === "failure" && event.position !== undefined) failures++;
    },
  });
  await expect.poll(() => failures, { timeout: 20_000 }).toBeGreaterThan(3);
  await server.restart();
  const handled = (): Promise<unknown[]> => store.read({ types: ["Handled"] }).toArray();
  await expect.poll(handled, { timeout: 20_000 }).toHaveLength(1);
  expect(await store.parked.count()).toBe(0);
});

test("a subscription goes on after the server has been away for longer than calls wait, and says so", async () => {
  const told: Diagnostic[] = [];
  const onError = (diagnostic: Diagnostic): void => void told.push(diagnostic);
  await using store = await open(`${server.url}?schema=away`, { onError });
  const note = { stream: "note-1", events: [{ type: noted, data: {} }] };
  await store.append(note);
  const follower = new Follower(store);
  await server.kill();
  const error: unknown = await store.head().catch((thrown: unknown) => thrown);
  expect(isHithertoError(error, "STORE_UNREACHABLE", "STORE_IO")).toBe(true);
  expect(error).toMatchObject({ isRetryable: true });
  await expect
    .poll(() => told.map(({ operation }) => operation), { timeout: 20_000 })
    .toContain("subscription");
  await server.restart();
  await store.append(note);
  await follower.end(2);
  for (const operation of ["connection", "listener", "subscription"] as const) {
    const ofIt = (): unknown[] =>
      told.filter((one) => one.operation === operation).map(({ isOver }) => isOver);
    await expect.poll(ofIt, { timeout: 10_000 }).toEqual([false, true]);
  }
  expect(told[0]?.definition).toBe(store.url);
});
