/**
 * Reclaiming beside writers and readers.
 */
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

async function appendEach(store: EventStore, stream: string, count: number, tags?: string[]): Promise<void> {
  const one = (n: number) => ({ stream, events: [{ type: "ThingDone", data: n, ...(tags && { tags }) }] });
  await Promise.all(Array.from({ length: count }, (_, n) => store.append(one(n))));
}

describe("an append beside reclaiming", () => {
  test("goes on numbering when the same group has reclaimed the whole stream", async () => {
    await using store = await openSqliteStore(scratch.path());
    await appendEach(store, "thing-1", 20);
    await store.setStreamPolicy("thing-1", { truncateBefore: 20 });
    const [reclaimed, appended] = await Promise.all([
      store.reclaim(),
      store.append({ stream: "thing-1", events: [{ type: "ThingDone", data: "new" }] }),
    ]);
    expect(appended.revision).toBe(20);
    expect(reclaimed.events).toBe(20);
    expect((await store.readStream("thing-1").toArray()).map((event) => event.data)).toEqual(["new"]);
  });
});

describe("a read under way while another handle reclaims", () => {
  const count = 600;

  test.each([false, true])("of a stream goes on with what is left (backwards: %s)", async (backwards) => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await using other = await openSqliteStore(path);
    await appendEach(store, "thing-1", count);
    const revisions: number[] = [];
    for await (const page of store.readStream("thing-1", { backwards }).pages()) {
      if (revisions.length === 0) {
        await other.setStreamPolicy("thing-1", { truncateBefore: 400 });
        await other.reclaim();
      }
      for (const event of page) revisions.push(event.revision);
    }
    const kept = revisions.filter((revision) => revision >= 400);
    expect(new Set(kept).size).toBe(200);
  });

  test("of a stream that is deleted whole ends early without an error", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await using other = await openSqliteStore(path);
    await appendEach(store, "thing-1", count);
    let pages = 0;
    for await (const page of store.readStream("thing-1").pages()) {
      if (pages++ === 0) {
        await other.deleteStream("thing-1");
        await other.reclaim();
        await appendEach(other, "thing-1", 5);
      }
      expect(page.length).toBeGreaterThan(0);
    }
    expect(pages).toBeGreaterThan(0);
  });

  test.each([{}, { tags: ["t"] }, { types: ["ThingDone"] }])(
    "of the log with %j loses nothing",
    async (filter) => {
      const path = scratch.path();
      await using store = await openSqliteStore(path);
      await using other = await openSqliteStore(path);
      await appendEach(store, "thing-1", count, ["t"]);
      await appendEach(store, "thing-2", count, ["t"]);
      const streams: string[] = [];
      for await (const page of store.read(filter).pages()) {
        if (streams.length === 0) {
          await other.deleteStream("thing-1");
          await other.reclaim();
        }
        for (const event of page) streams.push(event.stream);
      }
      expect(streams.filter((stream) => stream === "thing-2").length).toBe(count);
    },
  );
});

describe("many streams that hide events", () => {
  // If each change made all policies be read again, this would take minutes.
  test("are made, deleted and reclaimed in a time that grows with their number", async () => {
    await using store = await openSqliteStore(scratch.path(), { durability: "os" });
    const streams = Array.from({ length: 6_000 }, (_, n) => `thing-${n}`);
    const events = [{ type: "ThingDone", data: 1 }];
    await Promise.all(streams.map((stream) => store.append({ stream, firstRevision: 3, events })));
    await Promise.all(streams.map((stream) => store.deleteStream(stream)));
    expect((await store.reclaim()).events).toBe(6_000);
    expect(await store.findStream("thing-5999")).toMatchObject({ state: "deleted", revision: 3 });
    expect((await store.append({ stream: "thing-17", expect: "none", events })).revision).toBe(4);
  });
});
