import fc from "fast-check";
import { openMemoryStore } from "hitherto/store";
import { describe, expect, test } from "vitest";
import { readBatches } from "../../../../src/runtime/projections/batches.ts";
import type { Batch } from "../../../../src/runtime/projections/batches.ts";

async function batchesOf(types: readonly string[], sizeMax: number, after = 0): Promise<Batch[]> {
  await using store = openMemoryStore();
  if (types.length > 0) await store.append({ stream: "s", events: types.map((type) => ({ type, data: 0 })) });
  const batches = [];
  const range = { filter: { types: ["Wanted"] }, after, to: types.length, sizeMax };
  for await (const batch of readBatches(store, range)) batches.push(batch);
  return batches;
}

describe("batches of the log", () => {
  test("hold every event that is wanted once, in order, and end where the log ends", async () => {
    const types = fc.array(fc.constantFrom("Wanted", "Other"), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(types, fc.integer({ min: 1, max: 10 }), fc.nat(40), async (log, sizeMax, skipped) => {
        const after = Math.min(skipped, log.length);
        const batches = await batchesOf(log, sizeMax, after);
        const wanted = log.flatMap((type, index) => (type === "Wanted" ? [index + 1] : []));
        const found = batches.flatMap(({ events }) => events.map(({ position }) => position));
        expect(found).toEqual(wanted.filter((position) => position > after));
        expect(batches.at(-1)?.to).toBe(log.length);
        let reached = after;
        for (const { events, to } of batches) {
          expect(events.length).toBeLessThanOrEqual(sizeMax);
          for (const { position } of events) expect(position > reached && position <= to).toBe(true);
          reached = to;
        }
      }),
    );
  });

  test("say the end also where nothing is wanted", async () => {
    expect(await batchesOf(["Other", "Other"], 5)).toEqual([{ events: [], to: 2 }]);
  });
});
