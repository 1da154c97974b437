/**
 * Files of format 1, as version 0.1 wrote them: `format-1.db.gz` is one, with reclaimed streams, ids of its own and a
 * snapshot.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const formatOne = gunzipSync(readFileSync(new URL("format-1.db.gz", import.meta.url)));

function anOldStore(): string {
  const path = scratch.path();
  writeFileSync(path, formatOne);
  return path;
}

function schemaOf(path: string): unknown[] {
  const db = new DatabaseSync(path, { readOnly: true });
  const rows = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").all();
  const format = db.prepare("PRAGMA user_version").get();
  db.close();
  return [format, ...rows];
}

describe("a file of format 1", () => {
  test("is refused and left alone when it is only to be read", async () => {
    const path = anOldStore();
    await expect(openSqliteStore(path, { mode: "read" })).rejects.toMatchObject({
      code: "STORE_FORMAT_OLDER",
      details: { store: path, format: 1, known: 3 },
    });
    expect(readFileSync(path).equals(formatOne)).toBe(true);
  });

  test("is lifted when it is opened to be written, and then is like a new one", async () => {
    const [path, fresh] = [anOldStore(), scratch.path()];
    const store = await openSqliteStore(path, { mode: "write" });
    expect(await store.stats()).toMatchObject({ format: 3, head: 40, events: 29, streams: 4, snapshots: 1 });
    await store.close();
    await (await openSqliteStore(fresh)).close();
    expect(schemaOf(path)).toEqual(schemaOf(fresh));
  });

  test("keeps its events, policies, ids and snapshots, and takes more", async () => {
    const path = anOldStore();
    await using store = await openSqliteStore(path);
    await using other = await openSqliteStore(path);
    const lengthOf = async (stream: string): Promise<number> =>
      (await other.readStream(stream).toArray()).length;
    expect(await Promise.all(["order-0", "order-1", "order-2", "$log"].map(lengthOf))).toEqual([7, 2, 0, 20]);
    expect((await other.findEvent("018f0000-0000-7000-8000-000000000007"))?.data).toBe(7);
    expect(await other.snapshots.find("order-0", { name: "order", stateVersion: 1 })).toBeDefined();
    await store.append({ stream: "order-1", expect: 6, events: [{ type: "OrderPlaced", data: 7 }] });
    expect(await lengthOf("order-1")).toBe(2);
    await store.setStreamPolicy("order-0", { maxCount: 3 });
    expect(await lengthOf("order-0")).toBe(3);
    await store.readSide.commit({ put: [{ space: "s", key: "k", value: 1 }] });
    expect(await other.readSide.findRecord({ space: "s", key: "k" })).toMatchObject({ version: 1, value: 1 });
    expect((await store.verify()).problems).toEqual([]);
  });

  test("is lifted once when several processes come at once", async () => {
    const path = anOldStore();
    const index = fileURLToPath(new URL("../../../src/sqlite/index.ts", import.meta.url));
    const script = `
      import { openSqliteStore } from ${JSON.stringify(index)};
      const store = await openSqliteStore(${JSON.stringify(path)});
      await store.append({ stream: "order-9", events: [{ type: "OrderPlaced", data: process.pid }] });
      await store.close();`;
    const children = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ["--input-type=module", "-e", script], {
        stdio: ["ignore", "ignore", "inherit"],
      }),
    );
    const codes = await Promise.all(children.map((child) => once(child, "exit")));
    expect(codes.map(([code]) => code as unknown)).toEqual([0, 0, 0, 0]);
    await using store = await openSqliteStore(path, { mode: "read" });
    expect((await store.readStream("order-9").toArray()).length).toBe(4);
    expect((await store.verify()).problems).toEqual([]);
  });
});
