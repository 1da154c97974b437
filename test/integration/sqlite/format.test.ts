/**
 * What opens and what does not: formats, files that are no stores, places that cannot be written to.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { isHithertoError } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { SqliteStoreOptions } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const modes = ["create", "write", "read"] as const;
const event = { type: "ThingDone", data: { text: "ä \u2028 \u0000 🙂" } };

async function codeOf(path: string, options?: SqliteStoreOptions): Promise<string> {
  try {
    const store = await openSqliteStore(path, options);
    await store.close();
    return "it opened";
  } catch (error) {
    return isHithertoError(error) ? error.code : String(error);
  }
}

/** A closed store with one event. */
async function aStore(path: string = scratch.path()): Promise<string> {
  await using store = await openSqliteStore(path);
  await store.append({ stream: "thing-1", events: [event] });
  return path;
}

function alter(path: string, sql: string): string {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
  return path;
}

describe("a file is refused", () => {
  test.each(modes)("when its format is newer (%s), and is not touched", async (mode) => {
    const path = alter(await aStore(), "PRAGMA user_version = 4");
    const before = readFileSync(path);
    const opening = openSqliteStore(path, { mode });
    await expect(opening).rejects.toMatchObject({
      code: "STORE_FORMAT_NEWER",
      details: { store: path, format: 4, known: 3 },
    });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each(modes)("when it is a database of another application (%s)", async (mode) => {
    const path = alter(scratch.path(), "CREATE TABLE users (id); PRAGMA user_version = 1");
    const before = readFileSync(path);
    expect(await codeOf(path, { mode })).toBe("STORE_NOT_A_STORE");
    expect(readFileSync(path).equals(before)).toBe(true);
    const marked = alter(scratch.path(), "PRAGMA application_id = 77");
    expect(await codeOf(marked, { mode })).toBe("STORE_NOT_A_STORE");
  });

  test.each(modes)("when it is no database (%s)", async (mode) => {
    for (const content of ["Dear diary,", "x".repeat(100_000), "SQLite format 3"]) {
      const path = scratch.path();
      writeFileSync(path, content);
      expect(await codeOf(path, { mode })).toBe("STORE_NOT_A_STORE");
      expect(readFileSync(path, "utf8")).toBe(content);
    }
  });

  test.each(modes)("when it is a directory (%s)", async (mode) => {
    expect(await codeOf(scratch.folder, { mode })).toBe("STORE_NOT_A_STORE");
  });

  test("when its schema is ours no longer", async () => {
    const path = alter(await aStore(), "DROP VIEW events; DROP TABLE counters");
    expect(await codeOf(path)).toBe("STORE_DAMAGED");
    expect(await codeOf(path, { mode: "read" })).toBe("STORE_DAMAGED");
  });
});

describe("a missing file", () => {
  test("is made by mode create alone", async () => {
    const path = scratch.path();
    expect(await codeOf(path, { mode: "read" })).toBe("STORE_NOT_FOUND");
    expect(await codeOf(path, { mode: "write" })).toBe("STORE_NOT_FOUND");
    expect(existsSync(path)).toBe(false);
    expect(await codeOf(path)).toBe("it opened");
    expect(await codeOf(path, { mode: "write" })).toBe("it opened");
  });

  test("is not made in a folder that is missing, nor below a file", async () => {
    expect(await codeOf(join(scratch.folder, "nowhere", "a.db"))).toBe("STORE_NOT_FOUND");
    expect(await codeOf(join(await aStore(), "a.db"))).toBe("STORE_NOT_FOUND");
  });

  test("that is there but has no byte is made into a store by mode create alone", async () => {
    const path = scratch.path();
    writeFileSync(path, "");
    expect(await codeOf(path, { mode: "read" })).toBe("STORE_NOT_A_STORE");
    expect(await codeOf(path, { mode: "write" })).toBe("STORE_NOT_A_STORE");
    expect(await codeOf(path)).toBe("it opened");
  });
});

describe("a path", () => {
  test.each([
    "with space.db",
    "ünï-🙂.db",
    "100%20?mode=memory&x#y.db",
    'it\'s "quoted".db',
    "file:x.db",
    ":memory:",
    "-rf",
  ])("may be named %s", async (name) => {
    const path = join(scratch.folder, name);
    await aStore(path);
    expect(statSync(path).size).toBeGreaterThan(0);
    await using store = await openSqliteStore(path, { mode: "read" });
    expect((await store.read().toArray()).map(({ data }) => data)).toEqual([event.data]);
  });

  test("may be relative, and stays where it was when the working directory changes", async () => {
    const path = await aStore();
    const before = process.cwd();
    await using store = await openSqliteStore(relative(before, path));
    expect(store.url).toBe(`sqlite:${path}`);
  });

  test("that is no path is an invalid argument", async () => {
    for (const path of ["", "a\0b", "a\ud800", 7, undefined, null]) {
      expect(await codeOf(path as string)).toBe("ARGUMENT_INVALID");
    }
    for (const options of [
      { mode: "rw" },
      { durability: "none" },
      { busyTimeoutMs: -1 },
      { cacheBytes: "1" },
    ]) {
      expect(await codeOf(scratch.path(), options as SqliteStoreOptions)).toBe("ARGUMENT_INVALID");
    }
  });
});

describe("a store that is opened to be read", () => {
  test("never changes a byte, whatever is asked of it", async () => {
    const path = await aStore();
    const before = [readFileSync(path), statSync(path).mtimeMs] as const;
    const store = await openSqliteStore(path, { mode: "read" });
    await store.read().toArray();
    await store.stats();
    expect((await store.verify()).isSound).toBe(true);
    const writes = [
      () => store.append({ events: [event] }),
      () => store.setStreamPolicy("thing-1", { maxCount: 1 }),
      () => store.deleteStream("thing-1"),
      () => store.tombstoneStream("thing-1"),
      () => store.reclaim(),
      () => store.snapshots.clear("thing-1"),
    ];
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
    await store.close();
    expect([readFileSync(path), statSync(path).mtimeMs]).toEqual(before);
  });

  test("sees what is in the write-ahead log that a killed process left, and leaves it there", async () => {
    const path = scratch.path();
    const copy = scratch.path();
    await using writer = await openSqliteStore(path);
    for (let n = 0; n < 20; n++) await writer.append({ events: [event] });
    for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, copy + suffix);
    const before = [readFileSync(copy), readFileSync(`${copy}-wal`)];
    expect(before[1]!.length).toBeGreaterThan(0);
    const store = await openSqliteStore(copy, { mode: "read" });
    expect((await store.read().toArray()).length).toBe(20);
    await store.close();
    expect([readFileSync(copy), readFileSync(`${copy}-wal`)]).toEqual(before);
  });
});

/** Opens in a process of a user who may do nothing that the permissions do not say; as root, nothing is forbidden. */
function openAsNobody(path: string, mode: string): string {
  const index = fileURLToPath(new URL("../../../src/sqlite/index.ts", import.meta.url));
  const script = `
    import { openSqliteStore } from ${JSON.stringify(index)};
    try {
      const store = await openSqliteStore(${JSON.stringify(path)}, { mode: ${JSON.stringify(mode)} });
      const events = await store.read().toArray();
      await store.close();
      console.log("read " + events.length);
    } catch (error) { console.log(error.code); }`;
  const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    ...asNobody,
    cwd: "/",
    encoding: "utf8",
  });
  return stdout.trim() === "" ? stderr : stdout.trim();
}

describe("without the permission", () => {
  test("to write the file, a store is read only", async () => {
    const path = await aStore();
    chmodSync(scratch.folder, 0o777);
    chmodSync(path, 0o444);
    expect(openAsNobody(path, "read")).toBe("read 1");
    expect(openAsNobody(path, "write")).toBe("STORE_READ_ONLY");
    expect(openAsNobody(path, "create")).toBe("STORE_READ_ONLY");
  });

  test("to write in the folder, none is made, but one that was closed is read", async () => {
    const folder = join(scratch.folder, "locked");
    mkdirSync(folder);
    const path = await aStore(join(folder, "a.db"));
    chmodSync(scratch.folder, 0o755);
    chmodSync(folder, 0o555);
    expect(openAsNobody(join(folder, "new.db"), "create")).toBe("STORE_READ_ONLY");
    expect(openAsNobody(path, "read")).toBe("read 1");
    expect(readdirSync(folder)).toEqual(["a.db"]);
  });

  test("to read the file, it says so", async () => {
    const path = await aStore();
    chmodSync(scratch.folder, 0o755);
    chmodSync(path, 0o000);
    expect(openAsNobody(path, "read")).toBe("STORE_IO");
  });
});
