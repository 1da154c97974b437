/**
 * More to do than there are connections: a handle that may have two.
 */
import { setTimeout as delay } from "node:timers/promises";
import { consumer, open, projection } from "hitherto";
import { openPostgresStore } from "hitherto/postgres";
import { expect, test } from "vitest";
import { freshSchema } from "../../support/postgres.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const noted = (n: number): { type: string; data: { n: number } } => ({ type: "Noted", data: { n } });

test("with two connections, appends, reads, a transaction, a projection and consumers all get their turn", async () => {
  await using schema = freshSchema();
  await using store = await open(schema.url, { connectionsMax: 2 });
  const handled: number[] = [];
  const counts = projection("counts", {
    initial: () => ({ count: 0 }),
    evolve: { Noted: (state: { count: number }) => ({ count: state.count + 1 }) },
  });
  await using _runner = await store.runProjections([counts]);
  const consumers = ["a", "b", "c"].map((name) =>
    consumer(name, { on: { Noted: () => void handled.push(1) } }),
  );
  for (const one of consumers) await store.consume(one);
  const subscription = store.subscribe();
  const received = (async () => {
    let count = 0;
    for await (const _ of subscription) if (++count === 101) break;
    return count;
  })();
  const transacting = store.readSide.transaction(async (transaction) => {
    // What it reads through the store takes another connection than its own.
    for (const _ of upTo(5)) await Promise.all([delay(20), store.head(), store.readStream("s-1").toArray()]);
    return transaction.append({ stream: "in-transaction", events: [noted(0)] });
  });
  const appending = upTo(100).map((n) => store.append({ stream: `s-${n % 7}`, events: [noted(n)] }));
  const reading = upTo(200).map((n) => store.readStream(`s-${n % 7}`).toArray());
  await Promise.all([transacting, ...appending, ...reading]);
  expect(await received).toBe(101);
  const { document } = await store
    .readModel(counts)
    .get("1", { waitFor: await store.head(), timeoutMs: 20_000 });
  expect(document).toEqual({ count: 15 });
  await expect.poll(() => handled.length, { timeout: 20_000 }).toBe(303);
});

test("who waits for a connection for too long is told of connectionsMax, and appends go on waiting", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url, { connectionsMax: 2, connectTimeoutMs: 200 });
  const sleeping = upTo(2).map(() => store.readSide.query("SELECT pg_sleep(1)"));
  const appending = store.append({ stream: "s", events: [noted(0)] });
  await expect(store.head()).rejects.toMatchObject({
    code: "STORE_BUSY",
    isRetryable: true,
    message: expect.stringMatching(
      /busy for [2-9]\d\d ms: all 2 connections of this handle \(connectionsMax\)/,
    ),
  });
  expect(await appending).toMatchObject({ position: 1 });
  await Promise.all(sleeping);
});

test("a transaction that waits for a write behind itself ends by its time, and the write is made", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url, { connectionsMax: 2 });
  let appending: Promise<unknown> | undefined;
  const transacting = store.readSide.transaction(
    async () => {
      appending = store.append({ stream: "s", events: [noted(0)] });
      await appending;
    },
    { timeoutMs: 200 },
  );
  await expect(transacting).rejects.toMatchObject({ code: "TRANSACTION_TIMEOUT" });
  expect(await appending).toMatchObject({ position: 1 });
});
