/**
 * Several processes on the read side of one file.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { setImmediate, setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { counter } from "./read-side-process.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Runs processes that begin together, and gives what they printed at their end. */
async function race<Told>(path: string, mode: string, racers: number, count: number): Promise<Told[]> {
  const script = fileURLToPath(new URL("read-side-process.ts", import.meta.url));
  const started = Array.from({ length: racers }, (_, n) => {
    const child = spawn(process.execPath, [script, path, mode, `p${n}`, String(count)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
  });
  for (const { lines } of started) await lines.next();
  for (const { child } of started) child.stdin.write("go\n");
  return Promise.all(
    started.map(async ({ lines }) => JSON.parse(String((await lines.next()).value)) as Told),
  );
}

describe("several processes", () => {
  test("that count in one record by compare-and-set lose no count", async () => {
    const path = scratch.path();
    const told = await race<{ wins: number; conflicts: number }>(path, "increment", 3, 200);
    await using store = await openSqliteStore(path);
    expect(await store.readSide.findRecord(counter)).toMatchObject({ value: 600 });
    expect(told.map(({ wins }) => wins)).toEqual([200, 200, 200]);
  });

  test("that switch generations under a reader never show it a state that was not, nor an older one", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    const { readSide } = store;
    // As many as there can be generations: none is further on than the log.
    const events = Array.from({ length: 200 }, (_, data) => ({ type: "ThingDone", data }));
    await store.append({ stream: "thing-1", events });
    const over = new AbortController();
    const racing = race<{ activated: number; overtaken: number }>(path, "rebuild", 2, 60).finally(() => {
      over.abort();
    });
    const seen = new Set<number>();
    let last = -1;
    while (!over.signal.aborted) {
      for (const ask of [getOnly, findOnly, queryOnly]) {
        const { stamp, document } = await ask();
        if (stamp === undefined) {
          expect(last).toBe(-1);
          continue;
        }
        expect(stamp.position).toBeGreaterThanOrEqual(last);
        expect(JSON.parse(document!.json)).toMatchObject({ n: stamp.position, generation: stamp.generation });
        last = stamp.position;
        seen.add(stamp.generation);
      }
      await setImmediate();
    }
    const told = await racing;
    const activated = told.reduce((sum, one) => sum + one.activated, 0);
    expect(activated).toBeGreaterThan(20);
    expect(seen.size).toBeGreaterThan(3);
    expect((await readSide.listModels()).length).toBe(1);
    expect((await store.verify()).problems).toEqual([]);

    function getOnly() {
      return readSide.getDocument({ name: "orders" }, "only");
    }

    async function findOnly() {
      const query = { where: {}, sort: [{ field: "n", isDescending: true }], limit: 5 };
      const { documents, stamp } = await readSide.findDocuments({ name: "orders" }, query);
      return { document: documents[0], stamp };
    }

    async function queryOnly() {
      if (last < 0) return { document: undefined, stamp: undefined };
      const select = "SELECT document AS json FROM {orders}";
      const { rows, stamp } = await readSide.query(select, [], { model: "orders" });
      return { document: rows[0] as { json: string } | undefined, stamp };
    }
  });
});

describe("a lock that another connection holds", () => {
  function lock(path: string): DatabaseSync {
    const db = new DatabaseSync(path);
    db.exec("BEGIN IMMEDIATE");
    return db;
  }

  test("lets a transaction wait without stopping the event loop", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path, { busyTimeoutMs: 15_000 });
    const other = lock(path);
    let isOver = false;
    const transaction = store.readSide
      .transaction((one) => one.commit({ put: [{ ...counter, value: 1 }] }))
      .finally(() => (isOver = true));
    // Who waits inside of SQLite gives up before the first of these turns, since nobody can let go of the lock.
    for (let turns = 0; turns < 50; turns++) await setTimeout(1);
    expect(isOver).toBe(false);
    other.exec("COMMIT");
    other.close();
    await transaction;
    expect(await store.readSide.findRecord(counter)).toMatchObject({ value: 1 });
  });

  test("makes a transaction fail when it is held for too long, and the next one succeeds", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path, { busyTimeoutMs: 30 });
    const other = lock(path);
    const changes = { put: [{ ...counter, value: 1 }] };
    await expect(store.readSide.transaction((one) => one.commit(changes))).rejects.toMatchObject({
      code: "STORE_BUSY",
      details: { waitedMs: expect.toSatisfy((ms: number) => ms >= 30) as number },
    });
    await expect(store.readSide.commit(changes)).rejects.toMatchObject({ code: "STORE_BUSY" });
    other.close();
    expect(await store.readSide.transaction((one) => one.commit(changes))).toEqual({ version: 1 });
  });
});
