/**
 * What happens when there is no space left, and when there is again.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { AppendResult, EventStore } from "hitherto/store";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { makeSmallDisk } from "./small-disk.ts";

const kibibyte = 1024;
const disk = makeSmallDisk(16 * 1024 * kibibyte);
afterAll(() => disk[Symbol.dispose]());
afterEach(() => disk.makeRoom());

let count = 0;
const newPath = (): string => join(disk.folder, `${++count}.db`);

const append = (store: EventStore, n: number): Promise<AppendResult> =>
  store.append({
    stream: `thing-${n % 3}`,
    events: [{ type: "ThingDone", data: { n, text: "x".repeat(2_000) } }],
  });

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "it succeeded",
    (reason: unknown) => reason,
  );
  if (error === "it succeeded") return error;
  return isHithertoError(error) ? error.code : String(error);
}

/** Appends, several at once, until nothing fits any more; returns the numbers that were acknowledged. */
async function appendUntilFull(store: EventStore): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let first = 0; first < 50_000; first += 5) {
    const numbers = [0, 1, 2, 3, 4].map((index) => first + index);
    const codes = await Promise.all(numbers.map((n) => codeOf(append(store, n))));
    acknowledged.push(...numbers.filter((_, index) => codes[index] === "it succeeded"));
    const failures = codes.filter((code) => code !== "it succeeded");
    if (failures.length === 0) continue;
    for (const code of failures) expect(disk.codes).toContain(code);
    return acknowledged;
  }
  throw new Error("the disk was never full");
}

async function numbersIn(store: EventStore): Promise<number[]> {
  return (await store.read().toArray()).map((event) => (event.data as { n: number }).n);
}

describe("a full disk", () => {
  test("fails the append that finds no space, whole; the same handle goes on when there is room", async () => {
    await using store = await openSqliteStore(newPath());
    await append(store, -1);
    disk.leave(400 * kibibyte);
    const acknowledged = await appendUntilFull(store);
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(await numbersIn(store)).toEqual([-1, ...acknowledged]);
    acknowledged.push(...(await appendUntilFull(store)));
    disk.makeRoom();
    const { position } = await append(store, -2);
    expect(position).toBe(acknowledged.length + 2);
    expect(await numbersIn(store)).toEqual([-1, ...acknowledged, -2]);
    expect((await store.verify()).problems).toEqual([]);
  });

  test("does not end the writer thread in a pause, when a checkpoint finds no space either", async () => {
    await using store = await openSqliteStore(newPath());
    await append(store, -1);
    disk.leave(400 * kibibyte);
    const acknowledged = await appendUntilFull(store);
    await setTimeout(1_200);
    acknowledged.push(...(await appendUntilFull(store)));
    disk.makeRoom();
    await append(store, -2);
    expect(await numbersIn(store)).toEqual([-1, ...acknowledged, -2]);
  });

  test("lets a store be closed, and be read and verified when it is opened again", async () => {
    const path = newPath();
    const store = await openSqliteStore(path);
    await append(store, -1);
    disk.leave(400 * kibibyte);
    const acknowledged = await appendUntilFull(store);
    await store.close();
    const again = await openSqliteStore(path).catch((error: unknown) => error);
    if (again instanceof Error) expect(disk.codes).toContain((again as { code?: string }).code);
    else await (again as EventStore).close();
    disk.makeRoom();
    await using last = await openSqliteStore(path);
    expect(await numbersIn(last)).toEqual([-1, ...acknowledged]);
    expect((await last.verify()).problems).toEqual([]);
  });

  test("fails the creation of a store, which succeeds when there is room", async () => {
    const path = newPath();
    disk.leave(disk.codes.includes("STORE_IO") ? 1 : 0);
    expect(disk.codes).toContain(await codeOf(openSqliteStore(path)));
    disk.makeRoom();
    await using store = await openSqliteStore(path);
    await append(store, 1);
    expect(await numbersIn(store)).toEqual([1]);
  });

  test("fails reclaiming, which hides and loses nothing and succeeds when there is room", async () => {
    await using store = await openSqliteStore(newPath());
    for (let n = 0; n < 600; n++) await append(store, n);
    await store.setStreamPolicy("thing-0", { truncateBefore: 150 });
    const before = await numbersIn(store);
    disk.leave(0);
    const code = await codeOf(store.reclaim());
    expect([...disk.codes, "it succeeded"]).toContain(code);
    expect(await numbersIn(store)).toEqual(before);
    disk.makeRoom();
    await store.reclaim();
    expect(await numbersIn(store)).toEqual(before);
    expect(await append(store, 1_000)).toMatchObject({ position: 601 });
    expect((await store.verify()).problems).toEqual([]);
  });
});
