/**
 * Backups under load, and processes that are killed while they make one.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { open, projection } from "hitherto";
import type { Hitherto } from "hitherto";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, expect, test } from "vitest";
import { makeScratch } from "../integration/sqlite/scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const append = (store: EventStore, n: number, count = 1): Promise<{ position: number }> =>
  store.append({
    stream: `thing-${n % 20}`,
    events: Array.from({ length: count }, () => ({ type: "ThingDone", data: { n }, tags: [`n:${n % 7}`] })),
  });

/** A store with some megabytes, so that copying it takes a while. */
async function fill(store: EventStore, megabytes: number): Promise<void> {
  const data = "x".repeat(10_000);
  for (let n = 0; n < megabytes; n++) {
    const events = Array.from({ length: 100 }, () => ({ type: "ThingFilled", data }));
    await store.append({ stream: `filler-${n}`, events });
  }
}

/** What is next to a file, and the file itself. */
function namesLike(path: string): string[] {
  return readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
}

/** Counts the events of each stream. */
const counts = projection("counts", {
  initial: () => ({ count: 0 }),
  evolve: { ThingDone: ({ count }, _data: { n: number }) => ({ count: count + 1 }) },
});

async function idsOf(events: AsyncIterable<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of events) ids.push(id);
  return ids;
}

/** The events are the first ones of the store, and the read model counts those up to the position that it says. */
async function checkBackup(path: string, head: number, store: Hitherto): Promise<void> {
  await using copy = await open(path, { mode: "read" });
  expect(await copy.head()).toBe(head);
  expect(await copy.verify()).toMatchObject({ isSound: true });
  expect(await idsOf(copy.read())).toEqual(await idsOf(store.read({ to: head })));
  const { entries, position } = await copy.readModel(counts).find({ limit: 1_000 });
  expect(position).toBeLessThanOrEqual(head);
  const counted = entries.reduce((sum, { document }) => sum + document.count, 0);
  const done = await copy.read({ types: ["ThingDone"], to: position }).toArray();
  expect(counted).toBe(done.length);
}

test("a backup under load is a sound prefix of the log with the read models of the same moment, 20 times", async () => {
  await using store = await open(scratch.path());
  await fill(store, 5);
  await append(store, 0);
  await using runner = await store.runProjections([counts]);
  await runner.caughtUp();
  let acknowledged = await store.head();
  const over = new AbortController();
  const write = async (): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n++) {
      const { position } = await append(store, n);
      acknowledged = Math.max(acknowledged, position);
      await setTimeout(3);
    }
  };
  const writing = Promise.all([write(), write(), write()]);
  try {
    for (let round = 0; round < 20; round++) {
      const before = acknowledged;
      const made = await store.backup(scratch.path());
      expect(made.head).toBeGreaterThanOrEqual(before);
      expect(made.head).toBeLessThanOrEqual(acknowledged + 3);
      await checkBackup(made.path, made.head, store);
    }
  } finally {
    over.abort();
    await writing;
  }
  expect(acknowledged).toBeGreaterThan(200);
});

test("a process that is killed while it makes a backup leaves no file under the name of the backup, and the next backup cleans up", async () => {
  const path = scratch.path();
  {
    await using store = await openSqliteStore(path, { durability: "os" });
    await fill(store, 60);
  }
  const target = scratch.path();
  const kinds: string[] = [];
  for (let round = 0; kinds.filter((kind) => kind === "partial").length < 3; round++) {
    expect(round).toBeLessThan(30);
    const child = spawn(process.execPath, [backupChild, path, target], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await killedAfter(child, round % 10);
    const names = namesLike(target);
    if (names.includes(basename(target))) {
      await checkSound(target);
      rmSync(target);
      kinds.push("whole");
    } else kinds.push(names.length > 0 ? "partial" : "none");
  }
  await using store = await openSqliteStore(path);
  await store.backup(target);
  expect(namesLike(target)).toEqual([basename(target)]);
});

const backupChild = fileURLToPath(new URL("backup-child.ts", import.meta.url));

/** Kills a process when it has told of so much progress. */
async function killedAfter(child: ChildProcess, lines: number): Promise<void> {
  let seen = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    seen += chunk.toString().split("\n").length - 1;
    if (seen > lines) child.kill("SIGKILL");
  });
  await once(child, "exit");
}

async function checkSound(file: string): Promise<void> {
  await using store = await openSqliteStore(file, { mode: "read" });
  expect(await store.verify()).toMatchObject({ isSound: true, events: 6_000 });
}
