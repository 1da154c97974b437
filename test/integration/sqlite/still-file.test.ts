/**
 * Reading a store where nothing can be written: in a read-only folder, and on a read-only mount.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { openStillFile } from "../../../src/sqlite/still-file.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
chmodSync(scratch.folder, 0o755);
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) chmodSync(folder, 0o755);
  scratch[Symbol.dispose]();
});

const event = { type: "ThingDone", data: {} };

/** A store of one event in a folder of its own, made by `make` where it has to be another. Returns its path. */
async function aStore(make: (path: string) => Promise<void> = makeClosed): Promise<string> {
  const folder = scratch.path("");
  mkdirSync(folder);
  folders.push(folder);
  // A name in which every character would mean something in a URL.
  const path = join(folder, "50% of a?b#c&immutable=0.db");
  await make(path);
  return path;
}

async function makeClosed(path: string): Promise<void> {
  await using store = await openSqliteStore(path);
  await store.append({ stream: "thing-1", events: [event] });
}

/** As a process leaves it that was killed. */
async function makeKilled(path: string): Promise<void> {
  const open = scratch.path();
  await using store = await openSqliteStore(open);
  await store.append({ stream: "thing-1", events: [event] });
  for (const suffix of ["", "-wal"]) copyFileSync(open + suffix, path + suffix);
}

/** A user without rights. For all others but root, a folder that they may not write to is enough. */
const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const programOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What a user without rights can do with a store; see `nobody-process.ts`. */
function asNobody(path: string): Record<string, unknown> {
  const program = programOf("nobody-process.ts");
  const { stdout, stderr } = spawnSync(process.execPath, [program, path], {
    ...user,
    cwd: "/",
    encoding: "utf8",
  });
  try {
    return JSON.parse(stdout) as Record<string, unknown>;
  } catch {
    throw new Error(stderr);
  }
}

const readable = {
  read: 1,
  verify: true,
  backup: 1,
  "hitherto read": 0,
  "hitherto verify": 0,
  "hitherto stats": 0,
  "hitherto streams": 0,
  "hitherto export": 0,
  "hitherto projections list": 0,
  "hitherto consumers list": 0,
  "hitherto parked list": 0,
};

describe("in a folder that cannot be written to", () => {
  test("a store that was closed is read, verified and exported, and cannot be written to", async () => {
    const path = await aStore();
    chmodSync(join(path, ".."), 0o555);
    expect(asNobody(path)).toMatchObject({ ...readable, write: { code: "STORE_READ_ONLY" } });
    expect(readdirSync(join(path, ".."))).toHaveLength(1);
  });

  test("an empty write-ahead log holds nothing, so it is no obstacle", async () => {
    const path = await aStore();
    writeFileSync(`${path}-wal`, "");
    chmodSync(join(path, ".."), 0o555);
    expect(asNobody(path)).toMatchObject({ read: 1, verify: true });
  });

  test("a store whose last commits are in the write-ahead log is refused, and the error says what to do", async () => {
    const path = await aStore(makeKilled);
    chmodSync(join(path, ".."), 0o555);
    const refusal = {
      code: "STORE_READ_ONLY",
      message: expect.stringContaining("Copy the store together with its -wal file"),
    };
    expect(asNobody(path)).toMatchObject({ read: refusal, "hitherto stats": 1 });
  });

  test("a store that another process has open is read together with its write-ahead log", async () => {
    const path = await aStore();
    await using store = await openSqliteStore(path);
    await store.append({ stream: "thing-1", events: [event] });
    chmodSync(join(path, ".."), 0o555);
    expect(asNobody(path)).toMatchObject({ read: 2, verify: true });
  });
});

describe("a handle that reads in a folder that cannot be written to, while others can write", () => {
  /** Another user's handle, and what it answers when it is asked. */
  async function aReaderOf(
    path: string,
  ): Promise<{ ask: () => Promise<string | undefined>; [Symbol.dispose]: () => void }> {
    chmodSync(dirname(path), 0o555);
    const reader = spawn(process.execPath, [programOf("still-reader-process.ts"), path], {
      ...user,
      cwd: "/",
      stdio: ["pipe", "pipe", "inherit"],
    });
    const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<string | undefined> => (await lines.next()).value;
    expect(await next()).toBe("open");
    const ask = (): Promise<string | undefined> => {
      reader.stdin.write("\n");
      return next();
    };
    return { ask, [Symbol.dispose]: () => reader.kill() };
  }

  test("goes on when somebody opens the store and closes it, and has written nothing", async () => {
    const path = await aStore();
    using reader = await aReaderOf(path);
    chmodSync(dirname(path), 0o755);
    const other = await openSqliteStore(path);
    expect(await reader.ask()).toBe("1");
    await other.close();
    expect(readdirSync(dirname(path))).toHaveLength(1);
    expect(await reader.ask()).toBe("1");
  });

  test("goes on when the file's permissions change", async () => {
    const path = await aStore();
    using reader = await aReaderOf(path);
    chmodSync(path, 0o664);
    expect(await reader.ask()).toBe("1");
  });

  test("is refused from the first commit of somebody on", async () => {
    const path = await aStore();
    using reader = await aReaderOf(path);
    chmodSync(dirname(path), 0o755);
    const other = await openSqliteStore(path);
    await other.append({ stream: "thing-1", events: [event] });
    expect(await reader.ask()).toContain("somebody wrote to it");
    await other.close();
    expect(await reader.ask()).toContain("somebody wrote to it");
  });
});

/** Makes what is in a folder readable only; returns why that cannot be. */
function whyNoMount(): string | undefined {
  const folder = scratch.path("");
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", folder], { stdio: "pipe" });
    execFileSync("umount", [folder]);
    return undefined;
  } catch (error) {
    return String(error).split("\n")[0];
  }
}

const noMount = whyNoMount();
const skipped = noMount === undefined ? "" : ` (skipped: nothing can be mounted here, ${noMount})`;

test.skipIf(noMount !== undefined)(
  `on a read-only mount, a store that was closed is read${skipped}`,
  async () => {
    const path = await aStore(() => Promise.resolve());
    const folder = join(path, "..");
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", folder]);
    try {
      await makeClosed(path);
      execFileSync("mount", ["-o", "remount,ro", folder]);
      await using store = await openSqliteStore(path, { mode: "read" });
      expect(await store.read().toArray()).toHaveLength(1);
      expect((await store.verify()).isSound).toBe(true);
      expect(await store.head()).toBe(1);
      await expect(openSqliteStore(path, { mode: "write" })).rejects.toMatchObject({
        code: "STORE_READ_ONLY",
      });
    } finally {
      execFileSync("umount", ["--lazy", folder]);
    }
  },
);

describe("a file that is read as one that never changes", () => {
  const options = { isReadOnly: true, busyTimeoutMs: 0 };
  const count = "SELECT count(*) FROM commits";

  test("gives no answer when somebody has written to it meanwhile", async () => {
    const path = await aStore();
    const db = openStillFile(path, options);
    expect(db.prepare(count).get()).toEqual([1]);
    await makeClosed(path);
    expect(() => db.prepare(count).get()).toThrow("somebody wrote to it");
    expect(() => db.prepare(count).all()).toThrow("somebody wrote to it");
    db.close();
  });

  test("gives no answer as soon as there are commits in a write-ahead log", async () => {
    const path = await aStore();
    const db = openStillFile(path, options);
    await using store = await openSqliteStore(path);
    await store.append({ stream: "thing-1", events: [event] });
    expect(() => db.prepare(count).get()).toThrow("somebody wrote to it");
    db.close();
  });
});
