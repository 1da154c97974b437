import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EventStore } from "../../../src/store/event-store.ts";
import { importEvents } from "../../../src/store/exchange/import-events.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { anyHistory } from "./arbitrary-events.ts";
import { anEvent, chunksOf, exported, idOf, imported, line } from "./support.ts";

/** Lines of streams that take turns, `count` in all. */
function turns(count: number, streams = 2): string[] {
  return Array.from({ length: count }, (_unused, n) =>
    line({
      n,
      stream: `s-${n % streams}`,
      revision: Math.floor(n / streams),
      recordedAt: new Date(n * 1_000).toISOString(),
    }),
  );
}

async function idsOf(store: EventStore): Promise<string[]> {
  return (await store.read().toArray()).map(({ id }) => id);
}

describe("importEvents", () => {
  test("keeps ids, order, revisions and times", async () => {
    const store = openMemoryStore();
    expect(await imported(store, turns(7, 3).join("\n"))).toEqual({
      imported: 7,
      alreadyThere: 0,
      invalid: 0,
      renumbered: 0,
    });
    const events = await store.read().toArray();
    expect(
      events.map(({ id, stream, revision, recordedAt }) => ({ id, stream, revision, recordedAt })),
    ).toEqual(
      Array.from({ length: 7 }, (_unused, n) => ({
        id: idOf(n),
        stream: `s-${n % 3}`,
        revision: Math.floor(n / 3),
        recordedAt: new Date(n * 1_000).toISOString(),
      })),
    );
  });

  test("gives the next revisions to events that say none", async () => {
    const store = openMemoryStore();
    await imported(store, [line({ n: 1 }), line({ n: 2 })].join("\n"));
    expect((await store.readStream("order-1").toArray()).map(({ revision }) => revision)).toEqual([0, 1]);
  });

  test.each([1, 2, 3, 500])("changes nothing when it is run again in batches of %i", async (batchSize) => {
    const store = openMemoryStore();
    const text = turns(20).join("\n");
    await imported(store, text, { batchSize: 3 });
    expect(await imported(store, text, { batchSize })).toMatchObject({ imported: 0, alreadyThere: 20 });
    expect(await idsOf(store)).toEqual(turns(20).map((_line, n) => idOf(n)));
  });

  test("completes an import that was cut anywhere, whatever the batches, in the same order", async () => {
    const lines = turns(24, 3);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 24 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        async (cut, first, second) => {
          const store = openMemoryStore();
          await imported(store, lines.slice(0, cut).join("\n"), { batchSize: first });
          const report = await imported(store, lines.join("\n"), { batchSize: second });
          expect(report).toMatchObject({ imported: 24 - cut, alreadyThere: cut });
          expect(await idsOf(store)).toEqual(lines.map((_line, n) => idOf(n)));
        },
      ),
    );
  });

  test("takes a line that is repeated for one that is there already", async () => {
    const store = openMemoryStore();
    const text = [line({ revision: 0 }), line({ revision: 0 }), line({ n: 2, revision: 1 })].join("\n");
    expect(await imported(store, text)).toMatchObject({ imported: 2, alreadyThere: 1 });
  });

  test.each([{}, { renumber: true }])(
    "takes lines without a revision that are repeated in a later batch for what is there, with %o",
    async (options) => {
      const store = openMemoryStore();
      const once = [1, 2, 3].map((n) => line({ n }));
      const text = [...once, ...once, line({ n: 2 }), line({ n: 4 })].join("\n");
      const report = await imported(store, text, { ...options, batchSize: 2 });
      expect(report).toEqual({ imported: 4, alreadyThere: 4, invalid: 0, renumbered: 0 });
      expect(await idsOf(store)).toEqual([1, 2, 3, 4].map(idOf));
    },
  );

  test("recognises events that a policy has hidden since", async () => {
    const store = openMemoryStore();
    const text = turns(6, 1).join("\n");
    await imported(store, text);
    await store.setStreamPolicy("s-0", { maxCount: 1 });
    expect(await imported(store, text)).toMatchObject({ imported: 0, alreadyThere: 6 });
  });

  test("recognises the events of a deleted and of a tombstoned stream", async () => {
    const store = openMemoryStore();
    const text = turns(6, 2).join("\n");
    await imported(store, text);
    await store.deleteStream("s-0");
    await store.tombstoneStream("s-1");
    expect(await imported(store, text)).toMatchObject({ imported: 0, alreadyThere: 6 });
  });

  test("tells how far it has come", async () => {
    const seen: number[] = [];
    await imported(openMemoryStore(), turns(5).join("\n"), {
      batchSize: 2,
      onProgress: (report) => seen.push(report.imported),
    });
    expect(seen).toEqual([2, 4, 5]);
  });

  test("ends with ABORTED after the batch under way", async () => {
    const store = openMemoryStore();
    const controller = new AbortController();
    const run = imported(store, turns(50).join("\n"), {
      batchSize: 5,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(run).rejects.toMatchObject({ code: "ABORTED" });
    const ids = await idsOf(store);
    expect(ids.length % 5).toBe(0);
    expect(ids.length).toBeLessThan(50);
  });

  test.each([0, -1, 1.5, 10_001, Number.NaN])("refuses a batch size of %d", async (batchSize) => {
    await expect(imported(openMemoryStore(), "", { batchSize })).rejects.toMatchObject({
      code: "ARGUMENT_INVALID",
    });
  });

  test("imports what was read before the input failed", async () => {
    const store = openMemoryStore();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield* chunksOf(`${turns(3).join("\n")}\n{"id":`);
      throw new Error("the cable is cut");
    }
    await expect(importEvents(store, failing())).rejects.toThrow("the cable is cut");
    expect(await idsOf(store)).toHaveLength(3);
  });
});

describe("a malformed line", () => {
  const lines = [...turns(3), "{", ...turns(5).slice(3)];

  test("ends the import with LINE_INVALID; what came before it is imported, and nothing else", async () => {
    const store = openMemoryStore();
    await expect(imported(store, lines.join("\n"))).rejects.toMatchObject({
      code: "LINE_INVALID",
      details: { source: "events.ndjson", line: 4 },
    });
    expect(await idsOf(store)).toEqual([0, 1, 2].map(idOf));
  });

  test("is left out and told of with onInvalid", async () => {
    const store = openMemoryStore();
    const told: number[] = [];
    const report = await imported(store, lines.join("\n"), {
      onInvalid: ({ details }) => told.push(details.line),
    });
    expect(report).toMatchObject({ imported: 5, invalid: 1 });
    expect(told).toEqual([4]);
  });

  test("can be mended, and the import run again", async () => {
    const store = openMemoryStore();
    await expect(imported(store, lines.join("\n"))).rejects.toMatchObject({ code: "LINE_INVALID" });
    expect(await imported(store, turns(5).join("\n"))).toMatchObject({ imported: 2, alreadyThere: 3 });
  });

  test("may be too long", async () => {
    await expect(
      imported(openMemoryStore(), turns(1).join("\n"), { lineBytesMax: 20 }),
    ).rejects.toMatchObject({
      code: "LINE_INVALID",
    });
  });
});

describe("an event in the way", () => {
  test("refuses the import when the stream has other events, and shows which", async () => {
    const store = openMemoryStore();
    await store.append({ stream: "s-1", events: [anEvent(99, { type: "SomethingElse" })] });
    await expect(imported(store, turns(6).join("\n"))).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: {
        line: 2,
        stream: "s-1",
        problem: `its revision 0 is another event, SomethingElse ${idOf(99)}`,
      },
    });
    expect(await idsOf(store)).toEqual([idOf(99), idOf(0)]);
  });

  test("begins a stream where it begins in the file", async () => {
    const store = openMemoryStore();
    const text = [line({ revision: 5 }), line({ n: 2, revision: 6 })].join("\n");
    expect(await imported(store, text)).toMatchObject({ imported: 2, renumbered: 0 });
    expect((await store.read().toArray()).map(({ revision }) => revision)).toEqual([5, 6]);
    expect(await imported(store, text)).toMatchObject({ imported: 0, alreadyThere: 2 });
  });

  test("refuses a stream of which something in the middle is missing", async () => {
    const text = [line({ revision: 5 }), line({ n: 2, revision: 7 })].join("\n");
    await expect(imported(openMemoryStore(), text)).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { line: 2, problem: "it was revision 7, but the next revision here is 6" },
    });
  });

  test("refuses an id that belongs to another event", async () => {
    const store = openMemoryStore();
    await store.append({ stream: "other", events: [anEvent(0)] });
    await store.append({ stream: "s-0", events: [anEvent(50)] });
    await expect(imported(store, turns(1).join("\n"))).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { problem: `its id ${idOf(0)} is already revision 0 of stream "other"` },
    });
  });

  test("refuses an id that an unrelated stream has, as the store finds out", async () => {
    const store = openMemoryStore();
    await store.append({ stream: "other", events: [anEvent(0)] });
    await expect(imported(store, turns(1).join("\n"))).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { line: 1 },
    });
  });

  test("refuses an id twice in the file for two events", async () => {
    const text = [line({ stream: "a" }), line({ stream: "b" })].join("\n");
    await expect(imported(openMemoryStore(), text)).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { line: 2 },
    });
  });

  test("refuses new events of a tombstoned stream", async () => {
    const store = openMemoryStore();
    await store.tombstoneStream("s-0");
    await expect(imported(store, turns(1).join("\n"))).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { line: 1 },
    });
  });

  test("refuses events of a stream that was deleted, as they would be numbered on", async () => {
    const store = openMemoryStore();
    await store.append({ stream: "s-0", events: [anEvent(99)] });
    await store.deleteStream("s-0");
    await expect(imported(store, turns(1).join("\n"))).rejects.toMatchObject({
      code: "IMPORT_CONFLICT",
      details: { problem: "its revision 0 is taken, by an event that is hidden now" },
    });
  });
});

describe("renumbering", () => {
  test("appends behind what is there, and does not repeat itself", async () => {
    const store = openMemoryStore();
    await store.append({ stream: "s-0", events: [anEvent(98), anEvent(99)] });
    const text = turns(6).join("\n");
    expect(await imported(store, text, { renumber: true })).toEqual({
      imported: 6,
      alreadyThere: 0,
      invalid: 0,
      renumbered: 3,
    });
    expect(await imported(store, text, { renumber: true })).toMatchObject({ imported: 0, alreadyThere: 6 });
    expect((await store.readStream("s-0").toArray()).map(({ id }) => id)).toEqual(
      [98, 99, 0, 2, 4].map(idOf),
    );
  });

  test("takes a stream whose beginning is missing", async () => {
    const store = openMemoryStore();
    expect(await imported(store, line({ revision: 5 }), { renumber: true })).toMatchObject({
      imported: 1,
      renumbered: 1,
    });
  });
});

describe("export, import and export again", () => {
  test.each(["hitherto", "cloudevents"] as const)("give the same text in the format %s", async (format) => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.integer({ min: 1, max: 9 }), async (history, batchSize) => {
        const source = openMemoryStore();
        for (const append of history) await source.append(append);
        const text = await exported(source, { format });
        const target = openMemoryStore();
        await imported(target, text, { batchSize });
        expect(await exported(target, { format })).toBe(text);
        expect(await target.read().toArray()).toEqual(await source.read().toArray());
      }),
    );
  });

  test("leave out what readers do not see", async () => {
    const store = openMemoryStore();
    await imported(store, turns(6, 3).join("\n"));
    await store.deleteStream("s-0");
    await store.setStreamPolicy("s-1", { maxCount: 1 });
    expect((await exported(store)).trim().split("\n")).toHaveLength(3);
  });

  test("choose events by a filter", async () => {
    const store = openMemoryStore();
    await imported(store, turns(6, 3).join("\n"));
    expect((await exported(store, { streamPrefix: "s-1" })).trim().split("\n")).toHaveLength(2);
  });
});
