/**
 * What reclaimed commits leave behind, and what a damaged snapshot does.
 */
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { randomFrom } from "../../../src/testing/conformance/random.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const events = [{ type: "ThingDone", data: 1 }];

function holesOf(path: string): Array<[number, number]> {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare("SELECT position, events FROM holes ORDER BY position").all();
  db.close();
  return rows.map((row) => [Number(row["position"]), Number(row["events"])]);
}

async function remove(store: EventStore, stream: string): Promise<void> {
  await store.deleteStream(stream);
  await store.reclaim();
}

describe("holes", () => {
  test("that touch become one, whichever is dug first", async () => {
    const random = randomFrom(3);
    for (let round = 0; round < 5; round++) {
      const path = scratch.path();
      await using store = await openSqliteStore(path);
      const streams = Array.from({ length: 8 }, (_, n) => `thing-${n}`);
      for (const stream of streams) await store.append({ stream, events: [...events, ...events] });
      await store.append({ stream: "last-1", events });
      const left = new Set(streams);
      while (left.size > 0) {
        const stream = random.pick([...left]);
        left.delete(stream);
        await remove(store, stream);
        expect(holesOf(path)).toEqual(expectedHoles(streams.map((name) => !left.has(name))));
        expect((await store.read().toArray()).length).toBe(2 * left.size + 1);
      }
      expect(holesOf(path)).toEqual([[1, 16]]);
      expect((await store.verify()).problems).toEqual([]);
    }
  });

  test("at the end of the log keep their positions, even when nothing else is left", async () => {
    const path = scratch.path();
    const store = await openSqliteStore(path);
    for (let n = 0; n < 5; n++) await store.append({ stream: "thing-1", events });
    await remove(store, "thing-1");
    await store.close();
    await using again = await openSqliteStore(path);
    expect(await again.head()).toBe(5);
    expect((await again.append({ stream: "thing-1", events })).position).toBe(6);
    expect((await again.readStream("thing-1").toArray()).map((event) => event.revision)).toEqual([5]);
  });
});

test("a damaged hole is not counted: stats says that the store is damaged", async () => {
  const path = scratch.path();
  {
    await using store = await openSqliteStore(path);
    for (let n = 1; n <= 4; n++) await store.append({ stream: `thing-${n}`, events });
    for (const stream of ["thing-1", "thing-3"]) await remove(store, stream);
    expect((await store.stats()).events).toBe(2);
  }
  const db = new DatabaseSync(path);
  db.exec("UPDATE holes SET events = 0 WHERE position = 1");
  db.close();
  await using store = await openSqliteStore(path, { mode: "read" });
  await expect(store.stats()).rejects.toMatchObject({
    code: "STORE_DAMAGED",
    details: { problem: "the checksum does not fit the hole at position 1" },
  });
});

/** Each stream had two events; neighbouring ones that are gone are one hole. */
function expectedHoles(isGone: readonly boolean[]): Array<[number, number]> {
  const holes: Array<[number, number]> = [];
  for (const [index, gone] of isGone.entries()) {
    if (!gone) continue;
    const position = 1 + 2 * index;
    const last = holes.at(-1);
    if (last !== undefined && last[0] + last[1] === position) last[1] += 2;
    else holes.push([position, 2]);
  }
  return holes;
}

describe("a damaged snapshot", () => {
  test.each([
    ["state", "UPDATE snapshots SET state = x'07' WHERE revision = 9"],
    ["revision", "UPDATE snapshots SET revision = 10 WHERE revision = 9"],
    ["moment", "UPDATE snapshots SET taken_at = '2030-01-01T00:00:00.000Z' WHERE revision = 9"],
  ])("(its %s) counts as absent; the one before it is found", async (_, sql) => {
    const path = scratch.path();
    {
      await using store = await openSqliteStore(path);
      await store.append({
        stream: "thing-1",
        events: Array.from({ length: 10 }, (_each, data) => ({ type: "ThingDone", data })),
      });
      for (const revision of [5, 9]) {
        const takenAt = `2026-01-0${revision}T00:00:00.000Z`;
        const state = new Uint8Array([revision]);
        await store.snapshots.save({
          stream: "thing-1",
          name: "thing",
          stateVersion: 1,
          revision,
          takenAt,
          state,
        });
      }
    }
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    await using store = await openSqliteStore(path);
    expect((await store.snapshots.find("thing-1", { name: "thing", stateVersion: 1 }))?.revision).toBe(5);
    expect((await store.snapshots.list("thing-1")).length).toBe(1);
  });
});
