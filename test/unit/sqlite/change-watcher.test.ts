import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { ChangeWatcher } from "../../../src/sqlite/change-watcher.ts";
import { openDatabase } from "../../../src/sqlite/driver.ts";

describe("a watcher of a database that cannot be asked any more", () => {
  test("leaves the process alone and lets listeners find out by themselves", async () => {
    const db = openDatabase(":memory:", { isReadOnly: false, busyTimeoutMs: 0 });
    const watcher = new ChangeWatcher(db);
    let signals = 0;
    watcher.watch(() => signals++);
    await setTimeout(30);
    expect(signals).toBe(0);
    // An error in the timer would be an uncaught exception.
    db.close();
    await expect.poll(() => signals).toBeGreaterThan(0);
    watcher.stop();
  });
});
