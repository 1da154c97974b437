/**
 * Closing a store while something is under way, or while its server is away.
 */
import { setTimeout as delay } from "node:timers/promises";
import { consumer, open, projection } from "hitherto";
import { openPostgresStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { startProxy } from "../../support/postgres-proxy.ts";
import { freshSchema, postgresUrl } from "../../support/postgres.ts";

const event = { type: "Noted", data: null };

async function timed(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  return performance.now() - began;
}

test("closing ends reads under way, and those that wait for a connection, with STORE_CLOSED", async () => {
  await using schema = freshSchema();
  const store = await openPostgresStore(schema.url, { connectionsMax: 2 });
  await store.append({ stream: "s", events: [event] });
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${schema.name}.events IN ACCESS EXCLUSIVE MODE`);
  const reads = [store.verify(), store.head(), store.read().toArray(), store.head(), store.stats()];
  const outcomes = Promise.allSettled(reads);
  await delay(100);
  expect(await timed(store.close())).toBeLessThan(2_000);
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "STORE_CLOSED" } });
  }
  await client.end();
});

test("closing does not wait for a server that is away or silent", async () => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  for (const harm of [() => proxy.cut(), () => proxy.hold()]) {
    const store = await openPostgresStore(proxy.url, { onError: () => undefined });
    await store.append({ stream: "s", events: [event] });
    const subscription = store.subscribe({ after: 1_000 });
    const reading = Promise.allSettled([subscription[Symbol.asyncIterator]().next()]);
    await subscription.caughtUp;
    proxy.isAccepting = false;
    harm();
    await delay(100);
    expect(await timed(store.close())).toBeLessThan(4_000);
    expect(await reading).toMatchObject([{ status: "rejected", reason: { code: "STORE_CLOSED" } }]);
    proxy.isAccepting = true;
  }
});

test("closing a handle that runs a projection and a consumer takes seconds while its server is away", async () => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  const store = await open(proxy.url, { onError: () => undefined });
  await store.append({ stream: "s", events: [event] });
  const counts = projection("counts", { initial: () => 0, evolve: { Noted: (count: number) => count + 1 } });
  await store.runProjections([counts]);
  const member = await store.consume(consumer("one", { on: { Noted: () => undefined } }));
  await member.caughtUp();
  proxy.isAccepting = false;
  proxy.cut();
  await delay(100);
  // Each step of stopping alone would wait for thirty.
  expect(await timed(store.close())).toBeLessThan(20_000);
});
