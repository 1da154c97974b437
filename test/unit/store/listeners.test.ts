import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ChangeWatcher } from "../../../src/sqlite/change-watcher.ts";
import { openDatabase } from "../../../src/sqlite/driver.ts";
import { callAll } from "../../../src/store/listeners.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";

const fail = (): void => {
  throw new Error("the listener is broken");
};

/** Uncaught exceptions of this test, which the runner does not see. */
function uncaught(): unknown[] {
  const errors: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener);
  });
  return errors;
}

test("a listener that throws keeps nobody from being told", async () => {
  const errors = uncaught();
  let calls = 0;
  callAll([fail, () => calls++]);
  expect(calls).toBe(1);
  await setImmediate();
  expect(errors).toEqual([new Error("the listener is broken")]);
});

test("an append is not refused after it has been stored, whatever a listener throws", async () => {
  const errors = uncaught();
  await using store = openMemoryStore();
  const unwatch = store.readSide.watch(fail);
  const { position } = await store.append({ stream: "s", events: [{ type: "A", data: 1 }] });
  expect(await store.head()).toBe(position);
  await store.readSide.commit({ put: [{ space: "s", key: "k", value: 1 }] });
  await store.readSide.transaction((transaction) =>
    transaction.commit({ put: [{ space: "s", key: "k", value: 2 }] }),
  );
  expect((await store.readSide.findRecord({ space: "s", key: "k" }))?.value).toBe(2);
  await setImmediate();
  expect(errors.length).toBeGreaterThanOrEqual(3);
  unwatch();
});

test("a watcher of a file tells the others too", async () => {
  const errors = uncaught();
  const db = openDatabase(":memory:", { isReadOnly: false, busyTimeoutMs: 0 });
  const watcher = new ChangeWatcher(db, () => undefined);
  let calls = 0;
  watcher.watch(fail);
  watcher.watch(() => calls++);
  watcher.notify();
  watcher.stop();
  db.close();
  expect(calls).toBe(1);
  await setImmediate();
  expect(errors).toHaveLength(1);
});
