import { afterAll, describe, expect, test } from "vitest";
import { connect } from "../../../src/sqlite/schema.ts";
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
});
