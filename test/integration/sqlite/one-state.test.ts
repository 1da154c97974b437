/**
 * What a read finds, and the policies that say what of it is hidden, are of one moment of the file.
 */
import { DatabaseSync, StatementSync } from "node:sqlite";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Runs `body` once, right after policies were looked up for the first page of a read; before, they are for its bounds. */
function afterPoliciesOfPageWereRead(body: () => void): void {
  const { get } = StatementSync.prototype;
  const restore = (): void => void (StatementSync.prototype.get = get);
  onTestFinished(restore);
  let lookups = 0;
  StatementSync.prototype.get = function (this: StatementSync, ...values: Parameters<typeof get>) {
    const row = get.apply(this, values);
    if ((values as readonly unknown[])[0] === "policy_changes" && ++lookups === 2) {
      restore();
      body();
    }
    return row;
  } as typeof get;
}

test("a read does not find what a deletion hides together with what was appended after it", async () => {
  const path = scratch.path();
  await using store = await openSqliteStore(path);
  const event = { type: "ThingHappened", data: 1 };
  await store.append({ stream: "s", events: [event] });
  const other = new DatabaseSync(path);
  onTestFinished(() => other.close());
  const head = other.prepare("SELECT max(position) AS head FROM commits");
  // The writer waits until the read has begun.
  other.exec("BEGIN IMMEDIATE");
  const writing = Promise.all([store.deleteStream("s"), store.append({ stream: "s", events: [event] })]);
  afterPoliciesOfPageWereRead(() => {
    other.exec("ROLLBACK");
    while (head.get()?.["head"] !== 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  });
  await new Promise(setImmediate);
  const found = await store.readStream("s", { backwards: true }).toArray();
  await writing;
  expect(found.map(({ revision }) => revision)).toEqual([0]);
  expect((await store.readStream("s").toArray()).map(({ revision }) => revision)).toEqual([1]);
});
