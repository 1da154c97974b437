/**
 * Many writers at once: nobody who reads misses an event or meets one twice, and of those who compete one wins.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isHithertoError } from "hitherto/core";
import type { StoredEvent } from "hitherto/core";
import { openPostgresStore } from "hitherto/postgres";
import type { EventStore } from "hitherto/store";
import pg from "pg";
import { expect, test } from "vitest";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";
import type { Committed } from "./racing-process.ts";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const runs = Number(process.env["HITHERTO_RACES"] ?? 1);

interface Racer {
  readonly ready: Promise<unknown>;
  start(): Promise<Committed[]>;
}

function startRacer(url: string, name: string, count: number): Racer {
  const script = fileURLToPath(new URL("racing-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script, url, name, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ready = lines.next();
  return {
    ready,
    start: async () => {
      child.stdin.write("go\n");
      const line = await lines.next();
      if (child.exitCode === null) await once(child, "exit");
      if (line.done === true) throw new Error(`process ${name} ended with code ${child.exitCode}`);
      return JSON.parse(line.value) as Committed[];
    },
  };
}

/** Reads from the start up to an end that is not there yet, again and again, as a consumer with a checkpoint does. */
async function readOn(store: EventStore, isOver: () => boolean): Promise<Committed[]> {
  const seen: Committed[] = [];
  for (let isLast = false; ; isLast = isOver()) {
    const from = (seen.at(-1)?.[1] ?? 0) + 1;
    for await (const { id, position } of store.read({ from })) seen.push([id, position]);
    if (isLast) return seen;
  }
}

async function follow(store: EventStore, signal: AbortSignal): Promise<Committed[]> {
  const seen: Committed[] = [];
  for await (const { id, position } of store.subscribe({ signal })) {
    seen.push([id, position]);
    if (position === lastPosition) break;
  }
  return seen;
}

let lastPosition = Infinity;

test.for(upTo(runs))(
  "32 writers in 4 processes pause within transactions and no reader misses or repeats an event (run %i)",
  { timeout: 120_000 },
  async () => {
    await using schema = freshSchema();
    await using store = await openPostgresStore(schema.url);
    const racers = upTo(4).map((n) => startRacer(schema.url, `p${n}`, 25));
    await Promise.all(racers.map((racer) => racer.ready));
    let isOver = false;
    lastPosition = Infinity;
    const signal = AbortSignal.timeout(100_000);
    const reading = upTo(2).map(() => readOn(store, () => isOver));
    const following = [follow(store, signal), follow(store, signal)];
    const committed = (await Promise.all(racers.map((racer) => racer.start()))).flat();
    isOver = true;
    lastPosition = await store.head();
    // Wakes those who have delivered the last event already.
    await store.append({ stream: "end", events: [{ type: "Ended", data: null }] });
    lastPosition++;
    const expected = committed.toSorted(([, one], [, other]) => one - other);
    expect(expected.length).toBe(new Set(expected.map(([, position]) => position)).size);
    const isNoEnd = ([, position]: Committed): boolean => position < lastPosition;
    for (const seen of await Promise.all([...reading, ...following])) {
      expect(seen.filter(isNoEnd)).toEqual(expected);
    }
  },
);

test(
  "of eight who append under the same condition exactly one wins, 500 times",
  { timeout: 120_000 },
  async () => {
    await using schema = freshSchema();
    const stores = await Promise.all(upTo(8).map(() => openPostgresStore(schema.url)));
    for (const round of upTo(500)) {
      const condition = { failIfMatch: [{ types: ["SeatTaken"], tags: [`seat:${round}`, "hall:1"] }] };
      const take = (store: EventStore, by: number): Promise<unknown> => {
        const tags = ["hall:1", `seat:${round}`];
        return store.append({ events: [{ type: "SeatTaken", data: { by }, tags }] }, { condition });
      };
      const outcomes = await Promise.allSettled(stores.map(take));
      const lost = outcomes.filter(
        (outcome) => outcome.status === "rejected" && isHithertoError(outcome.reason, "CONDITION_CONFLICT"),
      );
      expect(lost.length).toBe(7);
    }
    expect(await stores[0]!.head()).toBe(500);
    await Promise.all(stores.map((store) => store.close()));
  },
);

test("an append to several streams is seen whole or not at all", { timeout: 60_000 }, async () => {
  await using schema = freshSchema();
  const stores = await Promise.all(upTo(4).map(() => openPostgresStore(schema.url)));
  let isOver = false;
  const reading = (async () => {
    let reads = 0;
    // oxlint-disable-next-line no-unmodified-loop-condition -- the writers modify it
    while (!isOver) {
      const counts = new Map<string, number>();
      for (const { tags } of await stores[0]!.read().toArray()) {
        counts.set(tags[0]!, (counts.get(tags[0]!) ?? 0) + 1);
      }
      expect([...counts.values()].every((count) => count === 3)).toBe(true);
      reads++;
    }
    return reads;
  })();
  const writing = stores.map(async (store, writer) => {
    for (const round of upTo(60)) {
      const events = [{ type: "Moved", data: null, tags: [`move:${writer}:${round}`] }];
      await store.append(["a", "b", "c"].map((stream) => ({ stream, events })));
    }
  });
  await Promise.all(writing);
  isOver = true;
  expect(await reading).toBeGreaterThan(0);
  expect((await stores[0]!.findStream("b"))?.revision).toBe(239);
  await Promise.all(stores.map((store) => store.close()));
});

test("a transaction of others that stays open stalls nobody", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  await store.append({ stream: "s", events: [{ type: "Before", data: null }] });
  const foreign = new pg.Client({ connectionString: postgresUrl() });
  await foreign.connect();
  // It has a snapshot and an id of its own, and has read all tables of the log.
  await foreign.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await foreign.query(`SELECT txid_current(), count(*) FROM ${schema.name}.events, ${schema.name}.log`);
  await using reader = await openPostgresStore(schema.url);
  const subscription = reader.subscribe({ after: "end" });
  const following = subscription[Symbol.asyncIterator]().next();
  for (const n of upTo(300)) await store.append({ stream: "s", expect: n, events: [{ type: "T", data: n }] });
  expect(((await following) as IteratorYieldResult<StoredEvent>).value.data).toBe(0);
  expect((await reader.read({ from: 2 }).toArray()).map(({ data }) => data)).toEqual(upTo(300));
  // No append updates the row, or versions of it would pile up for as long as the transaction lasts.
  expect(await runSql(`SELECT ctid::text AS place FROM ${schema.name}.log`)).toEqual([{ place: "(0,1)" }]);
  await subscription.close();
  await foreign.end();
});
