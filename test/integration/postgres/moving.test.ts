/**
 * Moving a store between a file and a server by its export: nothing is lost, and nothing is changed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { open } from "hitherto";
import type { Hitherto } from "hitherto";
import { exportEvents, importEvents } from "hitherto/store";
import { afterAll, expect, test } from "vitest";
import { freshSchema } from "../../support/postgres.ts";

const folder = mkdtempSync(join(tmpdir(), "hitherto-moving-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** Text that a server or a parser of JSON may stumble over. */
const hostile = fc.constantFrom(
  "\u0000",
  "a\u0000b\\u0000",
  "\ud800",
  "\udc00\ud83d",
  "\ufdd0",
  "\ufdd0\u0000\ufdd00000",
  "\\",
  "\\ufdd0",
  "\u2028\u007f\ufeff\uffff",
  "🙂🏳️‍🌈",
  "__proto__",
  "é é",
  "'\"$1 {events} ?",
);
const text = fc.oneof(hostile, fc.string({ unit: "binary", maxLength: 8 }));
const amount = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
  fc.constantFrom(5e-324, 1.7976931348623157e308, 0.1, 1e21, 1e-7, 123456789012345680000, -0),
);
/** Keys as they come: in any order, hostile, and those that JavaScript sorts. */
const keyed = fc.dictionary(
  fc.oneof(text, fc.constantFrom("b", "a", "2", "10", "")),
  fc.oneof(text, amount),
  {
    noNullPrototype: true,
  },
);
const data = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  text,
  amount,
  keyed,
  fc.array(fc.oneof(keyed, text, fc.constant(null)), { maxLength: 3 }),
  fc.uint8Array({ maxLength: 9 }).map((bytes) => new Uint8Array(bytes)),
);
const name = fc.oneof(
  fc.constantFrom("order-1", "order-2", "a", "ä-/\\'\"", "\ufdd0", "\ufdd00000-1", "🙂-1", "A".repeat(200)),
  fc
    .string({ unit: "grapheme-composite", minLength: 1, maxLength: 6 })
    .filter((each) => !each.startsWith("$")),
);
const moment = fc
  .oneof(fc.constantFrom(0, Date.UTC(9999, 11, 31, 23, 59, 59, 999)), fc.nat({ max: Date.UTC(2100, 0) }))
  .map((ms) => new Date(ms).toISOString());

const event = fc.record({
  type: name,
  data,
  metadata: fc.record({ correlationId: text, userId: text, more: keyed }, { requiredKeys: [] }),
  tags: fc.uniqueArray(name, { maxLength: 3 }),
  recordedAt: moment,
  schemaVersion: fc.integer({ min: 1, max: 65_535 }),
});
const appends = fc.array(
  fc.record({ stream: name, events: fc.array(event, { minLength: 1, maxLength: 3 }) }),
  {
    minLength: 1,
    maxLength: 40,
  },
);
const hidings = fc.array(fc.record({ append: fc.nat(39), keep: fc.integer({ min: 0, max: 2 }) }), {
  maxLength: 3,
});

type Hiding = { readonly append: number; readonly keep: number };

/** Hides events: all but the last few of a stream, or all of it. */
async function hide(store: Hitherto, stream: string | undefined, { keep }: Hiding): Promise<void> {
  if (stream === undefined) return;
  if (keep > 0) await store.setStreamPolicy(stream, { maxCount: keep });
  else await store.deleteStream(stream);
}

async function exported(store: Hitherto): Promise<string> {
  let lines = "";
  for await (const chunk of exportEvents(store)) lines += chunk.text;
  return lines;
}

/** The export of a store that has taken an export. */
async function moved(url: string, lines: string): Promise<string> {
  await using store = await open(url);
  await importEvents(store, ReadableStream.from([new TextEncoder().encode(lines)]));
  expect(await store.verify()).toMatchObject({ isSound: true });
  return await exported(store);
}

/** What is hidden leaves holes in the numbers of positions, never in their order. */
const renumbered = (lines: string): string => {
  let position = 0;
  return lines.replaceAll(
    /^(\{"id":"[^"]+","stream":"(?:[^"\\]|\\.)*","revision":\d+,"position":)\d+/gm,
    (_, head) => {
      position += 1;
      return `${head as string}${position}`;
    },
  );
};

const newFile = (): string => join(folder, `${(files += 1)}.db`);

test.each(["a file", "a server"])(
  "any history moves from %s to the other and back without a byte changed",
  async (from) => {
    await fc.assert(
      fc.asyncProperty(appends, hidings, async (batches, hiding) => {
        await using schema = freshSchema();
        await using again = freshSchema();
        const urls =
          from === "a file" ? [newFile(), schema.url, newFile()] : [schema.url, newFile(), again.url];
        await using store = await open(urls[0]!);
        for (const batch of batches) await store.append(batch);
        for (const each of hiding) await hide(store, batches[each.append]?.stream, each);
        const before = await exported(store);
        const there = await moved(urls[1]!, before);
        expect(there).toBe(renumbered(before));
        expect(await moved(urls[2]!, there)).toBe(there);
      }),
      { numRuns: 8 },
    );
  },
);
