/**
 * Backups of a store in use, and stores made of them.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { restore } from "hitherto";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

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

describe("a backup of a store in use", () => {
  test("tells how far it is, and what it has made", async () => {
    await using store = await openSqliteStore(scratch.path());
    await fill(store, 12);
    const path = scratch.path();
    const steps: Array<[number, number, string]> = [];
    const made = await store.backup(path, { onProgress: (...step) => steps.push(step) });
    expect(made).toEqual({
      path,
      head: 1_200,
      events: 1_200,
      streams: 12,
      format: (await store.stats()).format,
      bytes: statSync(path).size,
    });
    expect(new Set(steps.map(([, , step]) => step))).toEqual(new Set(["copy", "verify"]));
    for (const [done, total] of steps) expect(done).toBeLessThanOrEqual(total);
    expect(namesLike(path)).toEqual([basename(path)]);
  });

  test("is no more open to other users than the store", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    chmodSync(path, 0o600);
    const made = await store.backup(scratch.path());
    expect(statSync(made.path).mode & 0o777).toBe(0o600);
  });

  test("leaves nothing when it is aborted, or when what hears of its progress throws", async () => {
    await using store = await openSqliteStore(scratch.path());
    await fill(store, 12);
    const path = scratch.path();
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await expect(store.backup(path, options)).rejects.toMatchObject({ code: "ABORTED" });
    const onProgress = (): never => {
      throw new RangeError("enough");
    };
    await expect(store.backup(path, { onProgress })).rejects.toThrow(RangeError);
    await expect(store.backup(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORTED",
    });
    expect(namesLike(path)).toEqual([]);
  });

  test("fails with what is true when the store is closed meanwhile", async () => {
    for (let n = 0; n < 3; n++) {
      const store = await openSqliteStore(scratch.path());
      await append(store, 1);
      const [made] = await Promise.allSettled([store.backup(scratch.path()), store.close()]);
      if (made.status === "rejected") expect(made.reason).toMatchObject({ code: "STORE_CLOSED" });
    }
  });

  test("fails, and leaves nothing, when its thread dies", async () => {
    await using store = await openSqliteStore(scratch.path());
    await append(store, 1);
    await fill(store, 12);
    const path = scratch.path();
    const started = once(process, "worker") as Promise<[Worker]>;
    const failing = store.backup(path, {
      onProgress: () => void started.then(([thread]) => thread.terminate()),
    });
    expect(await failing.catch((error: unknown) => error)).toMatchObject({ code: "STORE_IO" });
    expect(namesLike(path)).toEqual([]);
  });

  test("of a damaged store is refused and leaves nothing", async () => {
    const path = scratch.path();
    {
      await using store = await openSqliteStore(path);
      for (let n = 0; n < 5; n++) await append(store, n);
    }
    const db = new DatabaseSync(path);
    db.exec("UPDATE commits SET body = replace(body, 'ThingDone', 'ThingGone') WHERE position = 3");
    db.close();
    await using store = await openSqliteStore(path);
    const target = scratch.path();
    const failing = store.backup(target);
    await expect(failing).rejects.toMatchObject({ code: "STORE_DAMAGED", details: { store: path } });
    expect(namesLike(target)).toEqual([]);
  });
});

describe("the name of a backup", () => {
  test("is not taken from another file, unless that is asked for", async () => {
    await using store = await openSqliteStore(scratch.path());
    await append(store, 1);
    const path = scratch.path();
    writeFileSync(path, "precious");
    await expect(store.backup(path)).rejects.toMatchObject({
      code: "FILE_UNWRITABLE",
      details: { file: path },
    });
    expect(statSync(path).size).toBe(8);
    expect(await store.backup(path, { overwrite: true })).toMatchObject({ path, head: 1 });
    // Reading it leaves files next to it.
    await using copy = await openSqliteStore(path, { mode: "read" });
    expect(await copy.head()).toBe(1);
    await copy.close();
    await append(store, 2);
    expect(await store.backup(path, { overwrite: true })).toMatchObject({ path, head: 2 });
    expect(namesLike(path)).toEqual([basename(path)]);
  });

  test("is refused for a store that is open, for a folder, and in a folder that is not there", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await append(store, 1);
    for (const target of [path, scratch.folder, join(scratch.folder, "nowhere", "a.db")]) {
      const failing = store.backup(target, { overwrite: true });
      await expect(failing).rejects.toMatchObject({ code: "FILE_UNWRITABLE" });
    }
    for (const target of ["", "a\0b", 7 as never]) {
      await expect(store.backup(target)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    }
    expect(await store.head()).toBe(1);
  });

  test("is refused where SQLite would take the file for a journal, that of the store before all", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await append(store, 1);
    for (const suffix of ["-wal", "-shm", "-journal"]) {
      const failing = store.backup(path + suffix, { overwrite: true });
      await expect(failing).rejects.toMatchObject({ code: "FILE_UNWRITABLE" });
    }
    expect((await append(store, 2)).position).toBe(2);
  });

  test("is refused when it is too long", async () => {
    await using store = await openSqliteStore(scratch.path());
    // The partial file has a longer one.
    const failing = store.backup(join(scratch.folder, "n".repeat(240)));
    await expect(failing).rejects.toMatchObject({ code: "FILE_UNWRITABLE" });
  });

  test("may be a link to a file, which stays a link", async () => {
    await using store = await openSqliteStore(scratch.path());
    const [path, link] = [scratch.path(), scratch.path()];
    writeFileSync(path, "old");
    symlinkSync(path, link);
    expect(await store.backup(link, { overwrite: true })).toMatchObject({ path, head: 0 });
  });

  test("is free of what earlier processes left, once a backup is made again", async () => {
    await using store = await openSqliteStore(scratch.path());
    const path = scratch.path();
    const child = spawn(process.execPath, ["--eval", ""]);
    await once(child, "exit");
    const left = [`${path}.partial-${child.pid}-0a0a0a0a`, `${path}.partial-${child.pid}-0a0a0a0a-journal`];
    const foreign = [
      `${path}.partial`,
      `${path}.partial-x`,
      `${path}.partial-9999999-11-28`,
      `${path}.partial-${process.ppid}-0a0a0a0a`,
    ];
    for (const file of [...left, ...foreign]) writeFileSync(file, "half");
    await store.backup(path);
    expect(namesLike(path).sort()).toEqual([path, ...foreign].map((file) => basename(file)).sort());
  });
});

describe("restoring", () => {
  test("makes a store that goes on after the backup, and leaves the backup as it was", async () => {
    const [path, backup] = [scratch.path(), scratch.path()];
    await using store = await openSqliteStore(path);
    for (let n = 0; n < 10; n++) await append(store, n);
    await store.backup(backup);
    const before = statSync(backup);
    const restored = await restore(backup, scratch.path());
    expect(restored).toMatchObject({ head: 10, events: 10, streams: 10 });
    await using again = await openSqliteStore(restored.path);
    expect(await append(again, 10)).toMatchObject({ position: 11 });
    expect(await again.verify()).toMatchObject({ isSound: true, events: 11 });
    expect([statSync(backup).size, statSync(backup).mtimeMs]).toEqual([before.size, before.mtimeMs]);
    expect(namesLike(backup)).toEqual([basename(backup)]);
  });

  test.each(["-wal", "-shm", "-journal"])("is refused where a %s file was left", async (suffix) => {
    await using store = await openSqliteStore(scratch.path());
    const { path: backup } = await store.backup(scratch.path());
    const path = scratch.path();
    writeFileSync(path + suffix, "");
    const failing = restore(backup, path);
    await expect(failing).rejects.toMatchObject({ code: "FILE_UNWRITABLE", details: { file: path } });
    expect(namesLike(path)).toEqual([basename(path) + suffix]);
  });

  test("never replaces a file", async () => {
    await using store = await openSqliteStore(scratch.path());
    const { path: backup } = await store.backup(scratch.path());
    const { path } = await restore(backup, scratch.path());
    await expect(restore(backup, path)).rejects.toMatchObject({ code: "FILE_UNWRITABLE" });
  });

  test("refuses what is no store, or not there, and leaves nothing", async () => {
    const path = scratch.path();
    const [text, other, newer] = [scratch.path(), scratch.path(), scratch.path()];
    writeFileSync(text, "a text that is long enough to be looked at as a database".repeat(20));
    new DatabaseSync(other).exec("CREATE TABLE t (a)");
    // Opening it would wait for ever for somebody who writes to it.
    const pipe = process.platform === "win32" ? text : scratch.path();
    if (pipe !== text) execFileSync("mkfifo", [pipe]);
    await (await openSqliteStore(newer)).close();
    const db = new DatabaseSync(newer);
    db.exec("PRAGMA user_version = 9999");
    db.close();
    const codes = [
      [text, "STORE_NOT_A_STORE"],
      [other, "STORE_NOT_A_STORE"],
      [newer, "STORE_FORMAT_NEWER"],
      [scratch.path(), "STORE_NOT_FOUND"],
      [scratch.folder, "STORE_NOT_A_STORE"],
      [pipe, "STORE_NOT_A_STORE"],
    ] as const;
    for (const [backup, code] of codes) {
      await expect(restore(backup, path)).rejects.toMatchObject({ code });
    }
    expect(namesLike(path)).toEqual([]);
  });

  test("migrates a backup of an older format, in the copy only", async () => {
    const backup = scratch.path();
    writeFileSync(backup, gunzipSync(readFileSync(new URL("format-1.db.gz", import.meta.url))));
    const before = readFileSync(backup);
    const { path, format } = await restore(backup, scratch.path());
    await using store = await openSqliteStore(path);
    expect((await store.stats()).format).toBe(format);
    expect(await store.verify()).toMatchObject({ isSound: true });
    expect(readFileSync(backup).equals(before)).toBe(true);
  });
});
