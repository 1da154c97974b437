import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { open } from "../../../src/runtime/open.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { anAccount } from "./engines.ts";

const event = { type: "Noted", data: {} };

describe("open", () => {
  let folder: string;
  let home: string;
  beforeEach(async () => {
    home = process.cwd();
    folder = await mkdtemp(join(tmpdir(), "hitherto-open-"));
    process.chdir(folder);
  });
  afterEach(async () => {
    process.chdir(home);
    await rm(folder, { recursive: true });
  });

  test.each([
    ["a bare name", () => "bank.db"],
    ["a relative path", () => "./bank.db"],
    ["an absolute path", () => join(folder, "bank.db")],
    ["sqlite: and a relative path", () => "sqlite:bank.db"],
    ["sqlite: and an absolute path", () => `sqlite:${join(folder, "bank.db")}`],
    ["sqlite:// and an absolute path", () => `sqlite://${join(folder, "bank.db")}`],
    ["a scheme in capitals", () => "SQLITE:bank.db"],
    ["file: and a relative path", () => "file:./bank.db"],
    ["a file URL as text", () => pathToFileURL(join(folder, "bank.db")).href],
    ["a file URL", () => pathToFileURL(join(folder, "bank.db"))],
  ])("opens the same file by %s", async (_, url) => {
    await using store = await open(url());
    await store.append({ stream: "note-1", events: [event] });
    expect(existsSync(join(folder, "bank.db"))).toBe(true);
    await using again = await open(join(folder, "bank.db"));
    expect(await again.head()).toBe(1);
  });

  test.each(["./C:bank.db", "./odd:name.db", "sqlite:odd:name.db", "file 1%20.db"])(
    "takes %s for a path",
    async (path) => {
      if (process.platform === "win32") return;
      await using store = await open(path);
      await store.append({ stream: "note-1", events: [event] });
      expect(await readdir(folder)).toContain(path.replace(/^(sqlite:|\.\/)/, ""));
    },
  );

  test.each(["memory:", "bank.db"])("%s takes part in no transaction of others", async (url) => {
    await using store = await open(url);
    const refused = { code: "JOIN_UNSUPPORTED", details: { store: store.url } };
    await expect(store.join({ query: () => undefined })).rejects.toMatchObject(refused);
  });

  test("opens a new store in memory each time", async () => {
    await using first = await open(":memory:");
    await using second = await open("memory:");
    await first.append({ stream: "note-1", events: [event] });
    expect([await first.head(), await second.head()]).toEqual([1, 0]);
    expect(await readdir(folder)).toEqual([]);
  });

  test.each(["http://localhost", "mysql:bank", "memory:bank", "sqlite:", "odd:name.db"])(
    "refuses %s with STORE_URL_UNKNOWN and names what is known",
    async (url) => {
      await expect(open(url)).rejects.toMatchObject({
        code: "STORE_URL_UNKNOWN",
        details: {
          url,
          known: ["memory:", "sqlite:PATH", "file:///PATH", "PATH", "postgres://HOST/DATABASE"],
        },
      });
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test.each<[string, unknown, unknown?]>([
    ["nothing", undefined],
    ["an empty path", ""],
    ["a number", 7],
    ["two slashes before a path", "sqlite://bank.db"],
    ["a parameter", "bank.db?mode=ro"],
    ["a parameter of a file URL", "file:./bank.db?connection_limit=1"],
    ["a value that is missing", "undefined"],
    ["the end of a line", "bank.db\n"],
    ["a folder of the user", "~/bank.db"],
    ["a file URL of another machine", "file://elsewhere/bank.db"],
    ["options that are none", "bank.db", 7],
    ["an option of the runtime that is wrong", "bank.db", { cacheSize: -1 }],
    ["an option of the store that is wrong", "bank.db", { durability: "maybe" }],
  ])("refuses %s and makes no file", async (_, url, options) => {
    const opening = open(url as string, options as object | undefined);
    await expect(opening).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([":memory:", "file:bank.db", "sqlite:bank.db", "postgres://ada:secret@host/bank"])(
    "openSqliteStore, which takes a path, refuses %s and makes no file",
    async (path) => {
      const error: unknown = await openSqliteStore(path).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "ARGUMENT_INVALID", details: { argument: "path" } });
      expect((error as Error).message).not.toContain("secret");
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test("hands its options on to the store and to the runtime", async () => {
    await using store = await open("bank.db", { durability: "os", clock: () => new Date(0) });
    expect(await store.stats()).toMatchObject({ engine: "sqlite", durability: "os" });
    await using memory = await open("memory:", { clock: () => new Date(0) });
    await memory.append({ stream: "note-1", events: [event] });
    expect(await memory.readStream("note-1").toArray()).toMatchObject([
      { recordedAt: "1970-01-01T00:00:00.000Z" },
    ]);
  });

  test("opens a store to be read, in which loading tries no snapshot and reports nothing", async () => {
    const { account } = anAccount();
    await using store = await open("bank.db", { snapshots: false });
    await store.execute(account, "42", "depositOften", { times: 150 });
    const reported: unknown[] = [];
    const reader = await open("bank.db", {
      mode: "read",
      onError: (diagnostic) => reported.push(diagnostic),
    });
    expect((await reader.load(account, "42")).state.balance).toBe(150);
    await expect(reader.execute(account, "42", "deposit", { amount: 1 })).rejects.toMatchObject({
      code: "STORE_READ_ONLY",
    });
    await reader.close();
    expect(reported).toEqual([]);
    expect(await store.snapshots.list("account-42")).toEqual([]);
  });

  test("hands every method of the store through", async () => {
    await using store = await open("memory:");
    await store.append({ stream: "note-1", events: [event, event] });
    const [first] = await store.readStream("note-1").toArray();
    expect(await store.findEvent(first!.id)).toEqual(first);
    expect(await store.read({ backwards: true, limit: 1 }).toArray()).toMatchObject([{ revision: 1 }]);
    expect(await store.findStream("note-1")).toMatchObject({ revision: 1, firstRevision: 0 });
    for await (const { stream } of store.listStreams()) expect(stream).toBe("note-1");
    await using subscription = store.subscribe({ after: 1 });
    const { value } = await subscription[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ position: 2 });
    await store.setStreamPolicy("note-1", { truncateBefore: 1 });
    expect(await store.reclaim()).toEqual({ events: 1 });
    expect(await store.verify()).toMatchObject({ isSound: true, events: 1 });
    expect(await store.stats()).toMatchObject({ engine: "memory", head: 2 });
    await store.deleteStream("note-1");
    await store.tombstoneStream("note-1");
    await expect(store.append({ stream: "note-1", events: [event] })).rejects.toMatchObject({
      code: "STREAM_TOMBSTONED",
    });
    expect(await store.snapshots.list("note-1")).toEqual([]);
    expect(store.url).toBe("memory:");
  });
});
