/**
 * How much a read holds at once.
 */
import { DatabaseSync } from "node:sqlite";
import { limits } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventSequence, EventStore } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

interface PageSize {
  readonly events: number;
  readonly bytes: number;
}

async function pageSizes(sequence: EventSequence): Promise<PageSize[]> {
  const sizes: PageSize[] = [];
  for await (const page of sequence.pages()) {
    const bytes = page.reduce((sum, event) => sum + JSON.stringify(event.data).length, 0);
    sizes.push({ events: page.length, bytes });
  }
  return sizes;
}

const sumOf = (sizes: readonly PageSize[], key: keyof PageSize): number =>
  sizes.reduce((sum, size) => sum + size[key], 0);

function someEvents(count: number, payloadLength = 1): Array<{ type: string; data: string }> {
  return Array.from({ length: count }, () => ({ type: "ThingDone", data: "x".repeat(payloadLength) }));
}

async function appendEach(store: EventStore, count: number, payloadLength: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await store.append({ stream: "thing-1", events: someEvents(1, payloadLength) });
  }
}

describe("a page", () => {
  test("is read no further than the limit: what is damaged behind it does not matter", async () => {
    const path = scratch.path();
    {
      await using store = await openSqliteStore(path, { durability: "os" });
      for (let n = 0; n < 40; n++) await store.append({ stream: "thing-1", events: someEvents(100) });
    }
    const db = new DatabaseSync(path);
    db.exec("UPDATE commits SET body = '[]' WHERE position = 1101");
    db.close();
    await using store = await openSqliteStore(path, { mode: "read" });
    for (const limit of [1, 1_000, 1_100]) {
      expect(await store.read({ limit }).toArray()).toHaveLength(limit);
    }
    await expect(store.read({ limit: 1_101 }).toArray()).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });

  test("holds at most pageSizeMax events, however many each append had", async () => {
    await using store = await openSqliteStore(scratch.path(), { durability: "os" });
    for (let n = 0; n < 40; n++) await store.append({ stream: "thing-1", events: someEvents(1_500) });
    for (const sequence of [store.read(), store.read({ backwards: true }), store.readStream("thing-1")]) {
      const sizes = await pageSizes(sequence);
      expect(sumOf(sizes, "events")).toBe(60_000);
      expect(Math.max(...sizes.map((size) => size.events))).toBeLessThanOrEqual(limits.pageSizeMax);
    }
  });

  test("of small events does not make the page of large events after them large", async () => {
    const mebibyte = 1024 * 1024;
    await using store = await openSqliteStore(scratch.path(), { durability: "os" });
    await Promise.all(Array.from({ length: 6_000 }, () => store.append({ events: someEvents(1) })));
    await appendEach(store, 40, mebibyte);
    await appendEach(store, 10, 3 * mebibyte);
    const sizes = await pageSizes(store.read());
    expect(sumOf(sizes, "events")).toBe(6_050);
    expect(Math.max(...sizes.map((size) => size.bytes))).toBeLessThan(12 * mebibyte);
    const before = process.memoryUsage().rss;
    let most = 0;
    for await (const page of store.read().pages()) {
      expect(page.length).toBeGreaterThan(0);
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    expect(most / mebibyte).toBeLessThan(120);
  });

  test("is never empty, and a limit is kept across pages", async () => {
    await using store = await openSqliteStore(scratch.path(), { durability: "os" });
    for (let n = 0; n < 30; n++) await store.append({ stream: `thing-${n % 2}`, events: someEvents(1_000) });
    const sizes = await pageSizes(store.read({ limit: 25_001, streamPrefix: "thing-" }));
    expect(sumOf(sizes, "events")).toBe(25_001);
    expect(Math.min(...sizes.map((size) => size.events))).toBeGreaterThan(0);
  });
});
