/**
 * The file under a store is not the one that was opened: what an open store says and leaves alone then, and by which
 * names a file can be opened.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { consumer, createHitherto, isHithertoError, projection } from "hitherto";
import type { EventStore, WorkEvent } from "hitherto";
import { afterAll, describe, expect, test } from "vitest";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { lookIntervalMs } from "../../../src/sqlite/store-file.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const refused = expect.objectContaining({ code: "STORE_REPLACED", isRetryable: false, actor: "operator" });
const append = (store: EventStore): ReturnType<EventStore["append"]> =>
  store.append({ stream: "a", events: [{ type: "A", data: {} }] });

/** A store of its own folder, with some events. */
async function anOpenStore(): Promise<{ store: EventStore; path: string }> {
  const folder = scratch.path("");
  mkdirSync(folder);
  const path = join(folder, "a.db");
  const store = await openSqliteStore(path);
  await append(store);
  await append(store);
  return { store, path };
}

/** What another program does with the file. */
function elsewhere(path: string, sql: string): void {
  const code = `const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(process.argv[1]); db.exec(process.argv[2]); db.close();`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", code, path, sql], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

/**
 * What the program `sqlite3` does when it ends and believes to be the last one that has the file open: when the process of
 * the store has read that file by other means, which drops its locks.
 */
function removeLog(path: string): void {
  copyFileSync(path, `${path}.copy`);
  elsewhere(path, "PRAGMA wal_checkpoint");
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix);
}

/** What somebody does to the files of an open store. */
const mishaps: Readonly<Record<string, (path: string) => void>> = {
  "the file is removed": (path) => rmSync(path),
  "the file is renamed": (path) => renameSync(path, `${path}.moved`),
  "the file is renamed together with its log": (path) => {
    for (const suffix of ["", "-wal", "-shm"]) renameSync(path + suffix, `${path}.moved${suffix}`);
  },
  "its folder is renamed": (path) => renameSync(dirname(path), `${dirname(path)}-moved`),
  "its folder is removed": (path) => rmSync(dirname(path), { recursive: true }),
  "its folder is replaced": (path) => {
    renameSync(dirname(path), `${dirname(path)}-moved`);
    mkdirSync(dirname(path));
  },
  "another file is renamed over it": (path) => {
    elsewhere(`${path}.new`, "VACUUM");
    elsewhere(`${path}.new`, "CREATE TABLE t (x)");
    renameSync(`${path}.new`, path);
  },
  "it is removed and made again": (path) => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix);
    elsewhere(path, "CREATE TABLE t (x)");
  },
  "its -wal file is removed": (path) => rmSync(`${path}-wal`),
  "its -wal file is replaced by a copy": (path) => {
    copyFileSync(`${path}-wal`, `${path}-copy`);
    renameSync(`${path}-copy`, `${path}-wal`);
  },
  "its -shm file is removed": (path) => rmSync(`${path}-shm`),
  "its log is removed by a program that believes to be alone": removeLog,
};

describe.each(Object.entries(mishaps))("when %s while a store is open", (_, mishap) => {
  test("no append is acknowledged from then on, and the handle stays refused", async () => {
    const { store, path } = await anOpenStore();
    await store.readSide.transaction((transaction) => transaction.head());
    mishap(path);
    // What was committed without it is in the right files: it is looked at now and then.
    if (mishap === mishaps["its -shm file is removed"]) await setTimeout(lookIntervalMs);
    await expect(append(store)).rejects.toEqual(refused);
    await expect(append(store)).rejects.toEqual(refused);
    await expect(store.head()).rejects.toEqual(refused);
    await expect(store.verify()).rejects.toEqual(refused);
    await expect(store.readSide.transaction((transaction) => transaction.head())).rejects.toEqual(refused);
    await store.close();
  });
});

test.each(["the file is removed", "its -wal file is removed"])(
  "when %s, transactions, commits, verify, backup and stats notice it by themselves",
  async (mishap) => {
    for (const call of [
      (store: EventStore) => store.readSide.transaction((one) => one.head(), { isDurable: false }),
      (store: EventStore) => store.readSide.transaction((one) => one.head()),
      (store: EventStore) => store.readSide.commit({ put: [{ space: "s", key: "k", value: 1 }] }),
      (store: EventStore) => store.readSide.commit({}, { isDurable: false }),
      (store: EventStore) => store.verify(),
      (store: EventStore) => store.stats(),
      (store: EventStore) => store.backup(scratch.path()),
    ]) {
      const { store, path } = await anOpenStore();
      mishaps[mishap]?.(path);
      await expect(call(store)).rejects.toEqual(refused);
      await store.close();
    }
  },
);

describe("a store whose file was replaced", () => {
  test("stays refused when the file comes back, and opens again with all that was acknowledged", async () => {
    const { store, path } = await anOpenStore();
    renameSync(path, `${path}.moved`);
    await expect(append(store)).rejects.toEqual(refused);
    renameSync(`${path}.moved`, path);
    await expect(append(store)).rejects.toEqual(refused);
    await store.close();
    await using again = await openSqliteStore(path);
    expect(await again.head()).toBeGreaterThanOrEqual(2);
    expect((await again.verify()).isSound).toBe(true);
  });

  test("makes no file where its own was", async () => {
    const { store, path } = await anOpenStore();
    rmSync(dirname(path), { recursive: true });
    mkdirSync(dirname(path));
    await Promise.allSettled([
      append(store),
      store.verify(),
      store.readSide.transaction((one) => one.head()),
    ]);
    await store.close();
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test("tells a handle that only reads, and ends subscriptions without a write", async () => {
    const { store, path } = await anOpenStore();
    const reader = await openSqliteStore(path, { mode: "read" });
    const subscription = reader.subscribe();
    const ended = (async () => {
      for await (const event of subscription) void event;
    })();
    await subscription.caughtUp;
    rmSync(path);
    await expect(ended).rejects.toEqual(refused);
    await expect(reader.head()).rejects.toEqual(refused);
    expect(() => reader.readSide.watch(() => undefined)).toThrow(refused);
    await Promise.all([reader.close(), store.close()]);
  });

  test("does not move its orphaned log into a database that others go on with", async () => {
    const { store, path } = await anOpenStore();
    removeLog(path);
    await expect(append(store)).rejects.toEqual(refused);
    elsewhere(path, "CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(100000))");
    const before = statSync(path).mtimeMs;
    await store.close();
    expect(statSync(path).mtimeMs).toBe(before);
    await using again = await openSqliteStore(path);
    expect((await again.verify()).problems).toEqual([]);
    expect(await again.head()).toBe(2);
  });

  test("keeps its process from opening the path again until it is closed", async () => {
    const { store, path } = await anOpenStore();
    removeLog(path);
    await expect(openSqliteStore(path)).rejects.toEqual(refused);
    await store.close();
    await using again = await openSqliteStore(path);
    expect((await append(again)).position).toBe(3);
    expect((await again.verify()).isSound).toBe(true);
  });

  test("does not keep it from opening the path again while a sound handle is being closed", async () => {
    const { store, path } = await anOpenStore();
    const closing = store.close();
    await setTimeout();
    // Not letting go of the thread, so that nobody here learns that the handle has ended.
    const deadline = performance.now() + 5_000;
    while (existsSync(`${path}-wal`) && performance.now() < deadline);
    await using again = await openSqliteStore(path);
    expect((await append(again)).position).toBe(3);
    await closing;
    expect((await append(again)).position).toBe(4);
  });

  test("keeps its process from opening the file by its new name until it is closed", async () => {
    const { store, path } = await anOpenStore();
    renameSync(path, `${path}.moved`);
    await expect(openSqliteStore(`${path}.moved`)).rejects.toEqual(refused);
    await store.close();
  });

  test("ends projections and consumers, which tell so", async () => {
    const { store, path } = await anOpenStore();
    const told: WorkEvent[] = [];
    const onEvent = (event: WorkEvent): void => void told.push(event);
    const hitherto = createHitherto(store, { onError: () => undefined });
    const count = projection("count", {
      initial: () => ({ count: 0 }),
      evolve: { A: (document) => ({ count: document.count + 1 }) },
    });
    const mails = consumer("mails", { handle: () => undefined });
    const runner = await hitherto.runProjections([count], { onEvent });
    const member = await hitherto.consume(mails, { onEvent });
    await Promise.all([runner.caughtUp(), member.caughtUp()]);
    rmSync(path);
    await expect(member.ended).rejects.toEqual(refused);
    const halted = (work: string): boolean =>
      told.some((event) => event.kind === "failure" && event.work === work && event.next === "halt");
    await expect.poll(() => [halted("projection/count"), halted("consumer/mails")]).toEqual([true, true]);
    const before = told.length;
    await setTimeout(300);
    expect(told.slice(before).filter(({ kind }) => kind === "failure")).toEqual([]);
    await hitherto.close();
  });
});

describe("a store opened through links", () => {
  test.each([
    [
      "the file",
      (folder: string) => symlinkSync(join(folder, "real.db"), join(folder, "link.db")),
      "link.db",
    ],
    [
      "the file, by a relative path",
      (folder: string) => symlinkSync("real.db", join(folder, "link.db")),
      "link.db",
    ],
    [
      "its folder",
      (folder: string) => symlinkSync(folder, join(folder, "folder"), "dir"),
      join("folder", "real.db"),
    ],
    [
      "a link through a link to its folder",
      (folder: string) => {
        symlinkSync(".", join(folder, "folder"), "dir");
        symlinkSync("folder/real.db", join(folder, "link.db"));
      },
      "link.db",
    ],
  ])("to %s is the store itself, existing or not", async (_, link, name) => {
    for (const isNew of [true, false]) {
      const folder = scratch.path("");
      mkdirSync(folder);
      if (!isNew) await (await openSqliteStore(join(folder, "real.db"))).close();
      link(folder);
      await using store = await openSqliteStore(relative(process.cwd(), join(folder, name)));
      await using same = await openSqliteStore(join(folder, "real.db"));
      expect(store.url).toBe(same.url);
      await store.readSide.transaction((one) =>
        one.append({ stream: "a", events: [{ type: "A", data: {} }] }),
      );
      expect((await append(same)).position).toBe(2);
      expect((await append(store)).position).toBe(3);
      expect((await store.stats()).bytes).toBe((await same.stats()).bytes);
      expect((await store.verify()).events).toBe(3);
      expect(readdirSync(folder).filter((file) => file.startsWith("link.db-"))).toEqual([]);
    }
  });

  test("goes on with its file when the link is moved, since that is still in place", async () => {
    const { store, path } = await anOpenStore();
    const link = join(dirname(path), "link.db");
    symlinkSync(basename(path), link);
    await using linked = await openSqliteStore(link);
    rmSync(link);
    expect((await append(linked)).position).toBe(3);
    await store.close();
  });
});

describe("a file with two names", () => {
  test("is refused, since each name would get a log of its own", async () => {
    const path = scratch.path();
    await (await openSqliteStore(path)).close();
    linkSync(path, `${path}.second`);
    for (const [name, mode] of [
      [path, "create"],
      [`${path}.second`, "read"],
    ] as const) {
      await expect(openSqliteStore(name, { mode })).rejects.toEqual(
        expect.objectContaining({ code: "STORE_HARD_LINKED", details: { store: name, names: 2 } }),
      );
    }
  });

  test("is not written to while it has them, and goes on afterwards", async () => {
    const { store, path } = await anOpenStore();
    linkSync(path, `${path}.second`);
    await setTimeout(lookIntervalMs);
    const error: unknown = await append(store).catch((failure: unknown) => failure);
    expect(isHithertoError(error, "STORE_HARD_LINKED")).toBe(true);
    expect(await store.head()).toBe(2);
    rmSync(`${path}.second`);
    expect((await append(store)).position).toBe(3);
    await store.close();
  });
});
