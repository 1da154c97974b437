import { afterAll, describe, expect, test } from "vitest";
import { connect, syncSwitch } from "../../../src/sqlite/schema.ts";
import type { SqliteDurability } from "../../../src/sqlite/schema.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

/** What SQLite says of a connection that writes: 1 is NORMAL, 2 is FULL (https://www.sqlite.org/pragma.html). */
function syncedLevel(durability: SqliteDurability): unknown {
  const options = {
    path: scratch.path(),
    mode: "create",
    busyTimeoutMs: 1_000,
    cacheBytes: 1_048_576,
  } as const;
  const db = connect({ ...options, durability });
  try {
    return [db.prepare("PRAGMA journal_mode").get(), db.prepare("PRAGMA synchronous").get()];
  } finally {
    db.close();
  }
}

// A killed process does not show a missing sync, only a power cut does; so the engine is asked.
describe("the connection that writes", () => {
  test("syncs each commit by default", () => {
    expect(syncedLevel("fsync")).toEqual([["wal"], [2]]);
  });

  test("leaves syncing to checkpoints with durability os", () => {
    expect(syncedLevel("os")).toEqual([["wal"], [1]]);
  });

  test("syncs no commit that need not last, and the next one that must, again", () => {
    for (const [durability, levels] of [
      ["fsync", [1, 1, 2, 1]],
      ["os", [1, 1, 1, 1]],
    ] as const) {
      const path = scratch.path();
      const db = connect({ path, mode: "create", busyTimeoutMs: 1_000, cacheBytes: 1_048_576, durability });
      const switchTo = syncSwitch(db, durability);
      const found = [false, false, true, false].map((isDurable) => {
        switchTo(isDurable);
        return db.prepare<[number]>("PRAGMA synchronous").get()?.[0];
      });
      db.close();
      expect(found).toEqual(levels);
    }
  });
});
