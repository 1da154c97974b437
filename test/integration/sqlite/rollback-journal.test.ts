/**
 * Files that have a rollback journal: new ones, copies made by `VACUUM INTO`, restored dumps.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const event = { type: "ThingDone", data: { n: 1 } };

/** A copy of a store with one event, whose journal is deleted after each transaction. */
async function aCopy(): Promise<string> {
  const [path, copy] = [scratch.path(), scratch.path()];
  await using store = await openSqliteStore(path);
  await store.append({ stream: "thing-1", events: [event] });
  alter(path, `VACUUM INTO '${copy}'`);
  expect(journalOf(copy)).toBe("delete");
  return copy;
}

function alter(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

function journalOf(path: string): unknown {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db.prepare("PRAGMA journal_mode").get()!["journal_mode"];
  } finally {
    db.close();
  }
}

/** Another process that has written to the file and not committed, until so much time has passed. */
async function lockFor(path: string, milliseconds: number): Promise<Disposable> {
  const program = `
    const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(${JSON.stringify(path)});
    db.exec("BEGIN IMMEDIATE");
    console.log("locked");
    setTimeout(() => db.close(), ${milliseconds});`;
  const child = spawn(process.execPath, ["--no-warnings", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return { [Symbol.dispose]: () => void child.kill() };
}

describe("a copy made by VACUUM INTO", () => {
  test("gets a write-ahead log when it is opened for writing, so that handles never wait for readers", async () => {
    const copy = await aCopy();
    await using one = await openSqliteStore(copy, { mode: "write" });
    await using two = await openSqliteStore(copy, { mode: "write" });
    expect(journalOf(copy)).toBe("wal");
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        return [one, two][n % 2]!.append({ stream: `thing-${n % 2}`, events: [event] });
      }),
    );
    expect(await one.head()).toBe(51);
  });

  test("can be read as it is, while it gets its log too", async () => {
    const copy = await aCopy();
    const before = readFileSync(copy);
    await using reader = await openSqliteStore(copy, { mode: "read" });
    expect(await reader.head()).toBe(1);
    expect((await reader.verify()).problems).toEqual([]);
    expect(readFileSync(copy).equals(before)).toBe(true);
    await using writer = await openSqliteStore(copy);
    await writer.append({ stream: "thing-1", events: [event] });
    expect(await reader.head()).toBe(2);
  });
});

describe("opening a file that another process has locked", () => {
  test("waits as long as was asked, also for a file that is being made", async () => {
    const path = scratch.path();
    using _ = await lockFor(path, 300);
    await using store = await openSqliteStore(path, { busyTimeoutMs: 30_000 });
    expect((await store.append({ stream: "thing-1", events: [event] })).position).toBe(1);
    expect(journalOf(path)).toBe("wal");
  });

  test.each([
    ["that is being made", () => scratch.path()],
    ["with a rollback journal", aCopy],
  ])("%s fails with STORE_BUSY, which says how long it waited", async (_, make) => {
    const path = await make();
    using _lock = await lockFor(path, 60_000);
    const beganAt = performance.now();
    const error: unknown = await openSqliteStore(path, { busyTimeoutMs: 200 }).catch(
      (reason: unknown) => reason,
    );
    const tookMs = performance.now() - beganAt;
    expect(error).toMatchObject({ code: "STORE_BUSY" });
    const { waitedMs } = (error as { details: { waitedMs: number } }).details;
    expect(waitedMs).toBeGreaterThanOrEqual(200);
    expect(waitedMs).toBeLessThanOrEqual(Math.ceil(tookMs));
  });
});

describe("a restored dump", () => {
  test("is refused with the statements that repair it, and they do", async () => {
    const copy = await aCopy();
    const format = numberOf(copy, "PRAGMA user_version");
    // What a dump of SQL says nothing about.
    alter(copy, "PRAGMA application_id = 0; PRAGMA user_version = 0");
    const error: unknown = await openSqliteStore(copy).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "STORE_NOT_A_STORE" });
    const { message } = error as Error;
    const repair = /PRAGMA application_id = \d+; PRAGMA user_version = N;/.exec(message)?.[0];
    expect(message).toContain(`this version of Hitherto writes ${format}`);
    alter(copy, repair!.replace("N", String(format)));
    await using store = await openSqliteStore(copy);
    expect(await store.verify()).toMatchObject({ isSound: true, events: 1 });
    await store.append({ stream: "thing-1", events: [event] });
  });
});

function numberOf(path: string, sql: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  const [value] = Object.values(db.prepare(sql).get()!);
  db.close();
  return Number(value);
}
