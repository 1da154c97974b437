/**
 * Connections that are cut and servers that are killed between the sending of an append and its answer.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { NewEvent } from "hitherto/core";
import { openPostgresStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { startProxy } from "../../support/postgres-proxy.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Holds the right to append until the function that comes back is called. */
async function holdLog(schema: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${schema}.log IN EXCLUSIVE MODE`);
  return () => client.end();
}

async function waitingAppends(schema: string): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND query LIKE '%append_group%' AND query LIKE '%' || $1 || '%'`,
    [schema],
  );
  return row!.count;
}

test.each<[string, NewEvent[]]>([
  [
    "without ids",
    [
      { type: "A", data: 1 },
      { type: "B", data: 2 },
    ],
  ],
  ["with ids", [{ id: "01a1fed7-86ee-7ff7-8226-b9733bd8e380", type: "A", data: 1 }]],
])("an append whose answer is lost is stored once and reported as itself, %s", async (_, events) => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  await using store = await openPostgresStore(proxy.url);
  await store.append({ stream: "s", events: [{ type: "Before", data: null }] });
  const release = await holdLog(schema.name);
  const appending = upTo(3).map((n) =>
    store.append({ stream: `s-${n}`, expect: "none", events: n === 0 ? events : [{ type: "C", data: n }] }),
  );
  while ((await waitingAppends(schema.name)) === 0) await delay(5);
  proxy.cut();
  // The server goes on with what it has been sent, whoever may be there to hear of it.
  await release();
  const results = await Promise.all(appending);
  expect(results.map(({ isDuplicate, revision }) => [isDuplicate, revision])).toEqual([
    [false, events.length - 1],
    [false, 0],
    [false, 0],
  ]);
  const log = await store.read({ from: 2 }).toArray();
  expect(log.map(({ stream, type }) => `${stream} ${type}`)).toEqual([
    ...events.map(({ type }) => `s-0 ${type}`),
    "s-1 C",
    "s-2 C",
  ]);
  expect(results[0]?.position).toBe(1 + events.length);
});

test("a repetition stays a repetition though its first answer is lost", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const events = [{ id: "01a1fed7-86ee-7ff7-8226-b9733bd8e381", type: "A", data: 1 }];
  await store.append({ stream: "s", events });
  expect((await store.append({ stream: "s", events })).isDuplicate).toBe(true);
  expect(await store.head()).toBe(1);
});

test(
  "nothing acknowledged is lost and nothing doubled while the server is killed again and again",
  { timeout: 120_000 },
  async () => {
    const server = await startPostgres();
    try {
      await using store = await openPostgresStore(server.url, { busyTimeoutMs: 60_000 });
      let isOver = false;
      const acknowledged: string[] = [];
      const writing = upTo(20).map(async (writer) => {
        // oxlint-disable-next-line no-unmodified-loop-condition -- the test itself modifies it
        for (let n = 0; !isOver; n++) {
          const key = `${writer}:${n}`;
          const { isDuplicate } = await store.append({
            stream: `w-${writer}`,
            expect: n === 0 ? "none" : n - 1,
            events: [{ type: "Written", data: key }],
          });
          expect(isDuplicate).toBe(false);
          acknowledged.push(key);
        }
      });
      for (const _ of upTo(3)) {
        await delay(400);
        await server.kill();
        await server.restart();
      }
      await delay(300);
      isOver = true;
      await Promise.all(writing);
      const stored = (await store.read().toArray()).map(({ data }) => data as string);
      expect(stored.toSorted()).toEqual(acknowledged.toSorted());
      expect((await store.verify()).isSound).toBe(true);
    } finally {
      await server.stop();
    }
  },
);
