import { openSqliteStore } from "hitherto/sqlite";
import { expect, test } from "vitest";
import { readBatches } from "../../../src/runtime/projections/batches.ts";
import { makeScratch } from "./scratch.ts";

test("a batch of large events stays small in bytes", async () => {
  await using store = await openSqliteStore(makeScratch().path());
  const data = "x".repeat(512 * 1024);
  for (let index = 0; index < 100; index++) {
    await store.append({ stream: "scans", events: [{ type: "Scanned", data }] });
  }
  const sizes: number[] = [];
  for await (const { events } of readBatches(store, { filter: {}, after: 0, to: 100, sizeMax: 5_000 })) {
    sizes.push(events.length);
  }
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(64);
});
