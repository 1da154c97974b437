/**
 * Kills a process that works on the read side, over and over, and looks after each kill whether what was to happen
 * together did, and whether all that it was told is there.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openSqliteStore } from "../../src/sqlite/index.ts";
import type { EventStore } from "../../src/store/event-store.ts";
import { randomFrom } from "../../src/testing/conformance/random.ts";
import { counter } from "../integration/sqlite/read-side-process.ts";
import { makeScratch } from "../integration/sqlite/scratch.ts";

const kills = 12;
const killedWithinMs = 250;

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Lets a process work for so long after its first lines, kills it, and gives the last number that it was told. */
async function workUntilKilled(path: string, lineCount: number, ms: number): Promise<number> {
  const script = fileURLToPath(new URL("../integration/sqlite/read-side-process.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path, "work", "p", "0"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let last = 0;
  const lines = createInterface(child.stdout);
  lines.on("line", (line) => {
    if (line === '"ready"') child.stdin.write("go\n");
    else last = Number(line);
  });
  for (let line = 0; line < lineCount; line++) await once(lines, "line");
  await setTimeout(ms);
  child.kill("SIGKILL");
  const [, signal] = (await once(child, "exit")) as [unknown, unknown];
  expect(signal).toBe("SIGKILL");
  await setTimeout(20);
  return last;
}

/** All that one number says: the record, the model, its documents, its rows and the events agree. */
async function numberIn({
  readSide,
  ...store
}: Pick<EventStore, "readSide" | "readStream">): Promise<number> {
  const n = Number((await readSide.findRecord(counter))?.value ?? 0);
  const everything = { where: {}, sort: [{ field: "n", isDescending: true }], limit: 100 };
  const { documents, stamp } = await readSide.findDocuments({ name: "orders" }, everything);
  expect(stamp?.position ?? 0).toBe(n);
  expect(documents.map(({ position }) => position)).toEqual(
    Array.from({ length: Math.min(n, 7) }, (_, back) => n - back),
  );
  for (const { json, position } of documents) expect(JSON.parse(json)).toEqual({ n: position });
  const worked = Array.from({ length: n }, (_, index) => index + 1).filter((one) => one % 3 > 0);
  if (stamp !== undefined) {
    const { rows } = await readSide.query("SELECT n FROM {steps} ORDER BY n");
    expect(rows.map((row) => row["n"])).toEqual(worked);
  }
  const events = await store.readStream("work").toArray();
  expect(events.map(({ data }) => data)).toEqual(worked);
  return n;
}

test("a killed process leaves every commit and transaction whole or undone, and all that it was told", async () => {
  const path = scratch.path();
  const random = randomFrom(20_260_801);
  let reached = 0;
  for (let kill = 0; kill < kills; kill++) {
    // Now and then before it has done anything.
    const lineCount = kill % 4 === 0 ? 1 : 2;
    const told = await workUntilKilled(path, lineCount, random.integer(killedWithinMs));
    await using store = await openSqliteStore(path);
    const n = await numberIn({ readSide: store.readSide, readStream: store.readStream.bind(store) });
    expect(n).toBeGreaterThanOrEqual(Math.max(told, reached));
    reached = n;
    expect((await store.verify()).problems).toEqual([]);
  }
  expect(reached).toBeGreaterThan(100);
});
