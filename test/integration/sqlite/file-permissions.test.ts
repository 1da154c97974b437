/**
 * Who may read the files of a store.
 */
import { statSync } from "node:fs";
import { openSqliteStore, restoreSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { open } from "../../../src/runtime/open.ts";
import { runCli } from "../../unit/cli/run-cli.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const append = (store: EventStore): Promise<unknown> =>
  store.append({ stream: "thing-1", events: [{ type: "ThingDone", data: {} }] });

const suffixes = ["", "-wal", "-shm"];
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

let umask = 0;
beforeEach(() => {
  umask = process.umask(0o022);
});
afterEach(() => void process.umask(umask));

describe.skipIf(process.platform === "win32")(
  "the files of a store (but on Windows, which has no modes)",
  () => {
    test("follow the umask where nothing else is said", async () => {
      const path = scratch.path();
      await using store = await openSqliteStore(path);
      await append(store);
      expect(suffixes.map((suffix) => modeOf(path + suffix))).toEqual(["644", "644", "644"]);
    });

    test.each([
      ["600", 0o000],
      ["600", 0o022],
      ["660", 0o022],
      ["640", 0o077],
    ])("have the permissions %s that were asked for, whatever the umask is (%i)", async (mode, mask) => {
      process.umask(mask);
      const path = scratch.path();
      const filePermissions = Number.parseInt(mode, 8);
      await using store = await openSqliteStore(path, { filePermissions });
      await append(store);
      // Transactions have a connection of their own.
      await store.readSide.transaction(() => Promise.resolve());
      expect(suffixes.map((suffix) => modeOf(path + suffix))).toEqual([mode, mode, mode]);
    });

    test("keep their permissions when the store is there already", async () => {
      const path = scratch.path();
      await (await openSqliteStore(path, { filePermissions: 0o600 })).close();
      await using store = await openSqliteStore(path, { filePermissions: 0o666 });
      await append(store);
      expect(suffixes.map((suffix) => modeOf(path + suffix))).toEqual(["600", "600", "600"]);
    });

    test("are as open when they are backed up and restored, and no more", async () => {
      const [path, copy, restored] = [scratch.path(), scratch.path(), scratch.path()];
      await using store = await openSqliteStore(path, { filePermissions: 0o600 });
      await append(store);
      await store.backup(copy);
      await restoreSqliteStore(copy, restored);
      expect([modeOf(copy), modeOf(restored)]).toEqual(["600", "600"]);
    });

    test.each(["append", "import"])("are made with them by hitherto %s", async (command) => {
      const path = scratch.path();
      const args = command === "append" ? ["thing-1", "--type", "A"] : ["-"];
      const given = [command, ...args, "--store", path, "--file-permissions", "600"];
      const { exitCode, err } = await runCli(given, { open });
      expect({ exitCode, err }).toMatchObject({ exitCode: 0 });
      expect(modeOf(path)).toBe("600");
    });
  },
);

test.each([0o700, 0o000, 0o200, 0o1600, -1, 1.5, Number.NaN, "600", null])(
  "%s is no permission that a store can be used with",
  async (filePermissions) => {
    const path = scratch.path();
    const opening = openSqliteStore(path, { filePermissions: filePermissions as number });
    await expect(opening).rejects.toMatchObject({
      code: "ARGUMENT_INVALID",
      details: { argument: "filePermissions" },
    });
    expect(statSync(path, { throwIfNoEntry: false })).toBe(undefined);
  },
);

test.each(["700", "0x1", "6000", "rw", "-1", "607"])("%s is refused on the command line", async (mode) => {
  const outcome = await runCli(["append", "s", "--type", "A", "--file-permissions", mode], {});
  expect(outcome.exitCode).toBe(2);
  expect(outcome.err).toContain("It must be such as 600 or 640");
});
