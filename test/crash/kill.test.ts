/**
 * Writers are killed in the middle of their work; `npm run soak` does the same for hundreds of kills.
 */
import { once } from "node:events";
import { rmSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { randomFrom } from "../../src/testing/conformance/random.ts";
import { makeScratch } from "../integration/sqlite/scratch.ts";
import { runKills, startWriter } from "./kill-run.ts";
import { readLedger } from "./ledger.ts";
import { Witness } from "./witness.ts";

const seed = Number(process.env["HITHERTO_SEED"] ?? 11);
const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

let path = "";
beforeEach(() => {
  path = scratch.path();
});

/** Compares the file with the ledgers of its writers. */
async function examine(witness = new Witness()): Promise<void> {
  await using store = await openSqliteStore(path);
  await witness.examine(store, readLedger(`${path}.ledger`));
}

describe("a writer that is killed", () => {
  test("in the middle of mixed appends loses and doubles nothing, twelve times over", async () => {
    const summary = await runKills({ kills: 12, seed, livesPerFile: 6 });
    expect(summary.kills).toBe(12);
    expect(summary.acknowledged).toBeGreaterThan(100);
  });

  test.each([
    ["reclaim", 800],
    ["import", 2_500],
    ["big", 800],
  ])("in the middle of %s loses and doubles nothing", async (plan, delayMsMax) => {
    const summary = await runKills({ kills: 4, seed, plan, delayMsMax, livesPerFile: 4 });
    expect(summary.events).toBeGreaterThan(0);
  });

  test("with a large write-ahead log is read from it", async () => {
    const writer = startWriter(path, seed, 1, "import");
    await writer.ready;
    for (let waited = 0; walBytes() < 20_000_000 && waited < 20_000; waited += 20) await setTimeout(20);
    await writer.kill();
    expect(walBytes()).toBeGreaterThan(15_000_000);
    const began = performance.now();
    const store = await openSqliteStore(path);
    expect(performance.now() - began).toBeLessThan(5_000);
    await store.close();
    await examine();
  });

  function walBytes(): number {
    return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  test("leaves another writer of the same file going on", async () => {
    const witness = new Witness();
    const stays = startWriter(path, seed, 1);
    await stays.ready;
    for (let life = 2; life <= 4; life++) {
      const dies = startWriter(path, seed, life);
      await dies.ready;
      await setTimeout(250);
      await dies.kill();
    }
    const linesBefore = readLedger(`${path}.ledger`).length;
    await setTimeout(400);
    const linesAfter = readLedger(`${path}.ledger`).length;
    await stays.kill();
    expect(linesAfter).toBeGreaterThan(linesBefore);
    await examine(witness);
    await examine(witness);
  });
});

describe("a store that is created", () => {
  test("by six processes at once, of which some are killed, is one store", async () => {
    const random = randomFrom(seed);
    for (let round = 0; round < 4; round++) {
      for (const suffix of ["", "-wal", "-shm", ".ledger"]) rmSync(path + suffix, { force: true });
      const writers = [1, 2, 3, 4, 5, 6].map((life) => startWriter(path, seed + round, life));
      const survivors = writers.slice(0, 3);
      const killed = writers.slice(3).map(async (writer) => {
        await setTimeout(150 + random.integer(400));
        await writer.kill();
      });
      await Promise.all([...killed, ...survivors.map((writer) => writer.ready)]);
      await setTimeout(100);
      await Promise.all(survivors.map((writer) => writer.kill()));
      await examine();
    }
  });
});

describe("a writer whose parent is gone", () => {
  test("ends", async () => {
    const { process: child, ready } = startWriter(path, seed, 1);
    await ready;
    child.stdin?.end();
    await once(child, "exit");
    await examine();
  });
});
