/**
 * Damage to what stands beside the log: documents, read models, records, stream policies, snapshots, holes and counters.
 * What is read is what was written, or it is an error; `verify` finds the rest.
 *
 * The seed is fixed, so a failure names a case that can be looked at again; `HITHERTO_FLIPS` makes it more cases.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { isHithertoError } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore, ReadModelShape } from "hitherto/store";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowChecksum } from "../../../src/sqlite/row-checksum.ts";
import { connect } from "../../../src/sqlite/schema.ts";
import { verifyFile } from "../../../src/sqlite/verify.ts";
import { randomFrom } from "../../../src/testing/conformance/random.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const flipsPerTable = Math.ceil(Number(process.env["HITHERTO_FLIPS"] ?? 600) / 15);
const shape: ReadModelShape = { kind: "documents", indexes: [["status"], ["customer.id", "total"]] };
const keys = Array.from({ length: 150 }, (_, n) => `order-${String(n * 7).padStart(4, "0")}`);
const spaces = ["consumers", "members", "partitions"] as const;
const streams = Array.from({ length: 60 }, (_, n) => `thing-${n}`);

function orderOf(n: number): { json: string; indexed: readonly [string, string, number] } {
  const order = { status: n % 2 === 0 ? "open" : "paid", customer: { id: `c-${n % 20}` }, total: n };
  return { json: JSON.stringify(order), indexed: [order.status, order.customer.id, order.total] };
}

async function fill(store: EventStore): Promise<void> {
  for (const stream of streams) {
    await store.append({ stream, events: [1, 2, 3].map((data) => ({ type: "ThingDone", data })) });
  }
  for (const [n, stream] of streams.entries()) {
    if (n % 2 === 0) await store.setStreamPolicy(stream, { maxCount: 2 });
    const snapshot = {
      stream,
      name: "thing",
      stateVersion: 1,
      revision: 2,
      takenAt: "2026-01-01T00:00:00.000Z",
    };
    if (n % 3 === 0) await store.snapshots.save({ ...snapshot, state: Buffer.from(`state ${n}`) });
  }
  for (const stream of streams.filter((_, n) => n % 8 === 1)) {
    await store.deleteStream(stream);
    await store.reclaim();
  }
  await store.append({ stream: "thing-0", events: [{ type: "ThingDone", data: 4 }] });
  const { readSide } = store;
  for (const name of ["orders", "invoices"]) {
    const generation = await readSide.nextGeneration();
    const documents = keys.map((key, n) => ({ key, position: n + 1, ...orderOf(n) }));
    await readSide.commit({
      models: [
        { step: "create", generation, name, version: 1, shape },
        { step: "advance", generation, from: 0, to: 170, documents },
        { step: "activate", generation },
      ],
    });
  }
  for (const space of spaces) {
    const records = keys.map((key, n) => ({ space, key, value: { holder: "somebody", position: n } }));
    await readSide.commit({ put: records });
  }
}

/** Everything that can be asked, by what it is about. */
const questions: ReadonlyArray<readonly [what: string, ask: (store: EventStore) => Promise<unknown>]> = [
  ["models", ({ readSide }) => readSide.listModels()],
  ["next generation", ({ readSide }) => readSide.nextGeneration()],
  ["head", (store) => store.head()],
  ...["orders", "invoices"].flatMap((name) => [
    ...keys.map(
      (key) =>
        [
          `document ${name} ${key}`,
          ({ readSide }: EventStore) => readSide.getDocument({ name }, key),
        ] as const,
    ),
    [`all of ${name}`, ({ readSide }: EventStore) => readSide.getDocuments({ name }, keys)] as const,
    [
      `query of ${name}`,
      ({ readSide }: EventStore) =>
        readSide.findDocuments({ name }, { where: { status: { eq: "paid" } }, sort: [], limit: 1_000 }),
    ] as const,
    [
      `sorted query of ${name}`,
      ({ readSide }: EventStore) =>
        readSide.findDocuments(
          { name },
          { where: {}, sort: [{ field: "customer.id", isDescending: true }], limit: 1_000 },
        ),
    ] as const,
  ]),
  ...spaces.flatMap((space) => [
    ...keys.map(
      (key) =>
        [
          `record ${space} ${key}`,
          ({ readSide }: EventStore) => readSide.findRecord({ space, key }),
        ] as const,
    ),
    [`records ${space}`, ({ readSide }: EventStore) => readSide.listRecords(space)] as const,
  ]),
  ...streams.flatMap((stream) => [
    [`stream ${stream}`, (store: EventStore) => store.findStream(stream)] as const,
    [`events of ${stream}`, (store: EventStore) => store.readStream(stream).toArray()] as const,
    [`snapshots of ${stream}`, (store: EventStore) => store.snapshots.list(stream)] as const,
  ]),
];

/** `same`, an error's code, `less` or `other`, for each question. */
type Answers = Map<string, string>;

let sound: { readonly path: string; readonly bytes: Buffer; readonly pageSize: number };
const right = new Map<string, string>();
const damagedPath = scratch.path();

beforeAll(async () => {
  const path = scratch.path();
  {
    await using store = await openSqliteStore(path, { durability: "os" });
    await fill(store);
  }
  await using store = await openSqliteStore(path, { mode: "read" });
  expect((await store.verify()).problems).toEqual([]);
  for (const [what, ask] of questions) right.set(what, JSON.stringify((await ask(store)) ?? null));
  await store.close();
  const bytes = readFileSync(path);
  // https://www.sqlite.org/fileformat.html#page_size
  sound = { path, bytes, pageSize: bytes.readUInt16BE(16) };
});

function put(bytes: Buffer): void {
  for (const suffix of ["-wal", "-shm"]) rmSync(damagedPath + suffix, { force: true });
  writeFileSync(damagedPath, bytes);
}

async function look(bytes: Buffer): Promise<{ readonly answers: Answers; readonly isFound: boolean }> {
  put(bytes);
  const answers: Answers = new Map();
  let store: EventStore;
  try {
    store = await openSqliteStore(damagedPath, { mode: "read" });
  } catch (error) {
    return { answers: new Map([["open", codeOf(error)]]), isFound: true };
  }
  try {
    for (const [what, ask] of questions) answers.set(what, await answerTo(what, () => ask(store)));
  } finally {
    await store.close();
  }
  return { answers, isFound: !isSound() };
}

function isSound(): boolean {
  try {
    const db = connect({
      path: damagedPath,
      mode: "read",
      durability: "os",
      busyTimeoutMs: 0,
      cacheBytes: 2 ** 20,
    });
    const report = verifyFile(db, damagedPath, () => undefined);
    db.close();
    return report.isSound;
  } catch (error) {
    codeOf(error);
    return false;
  }
}

async function answerTo(what: string, ask: () => Promise<unknown>): Promise<string> {
  try {
    const found = JSON.stringify((await ask()) ?? null);
    if (found === right.get(what)) return "same";
    return found.length < right.get(what)!.length ? "less" : "other";
  } catch (error) {
    return codeOf(error);
  }
}

/** Only these are allowed: a `SyntaxError`, say, fails the test. */
function codeOf(error: unknown): string {
  if (isHithertoError(error, "STORE_DAMAGED", "STORE_NOT_A_STORE", "STORE_FORMAT_NEWER")) return error.code;
  throw error;
}

function pagesOf(table: string): number[] {
  const db = new DatabaseSync(sound.path, { readOnly: true });
  const pages = db.prepare("SELECT pageno FROM dbstat WHERE name = ?").all(table);
  db.close();
  return pages.map(({ pageno }) => Number(pageno));
}

describe("a flipped bit in", () => {
  test.each(["records", "generations", "documents_1", "stream_policies", "snapshots", "counters", "holes"])(
    "the table %s is an error, never another answer",
    { timeout: 120_000 },
    async (table) => {
      const random = randomFrom(11);
      const pages = pagesOf(table);
      const tally = { same: 0, failed: 0, less: 0 };
      for (let flip = 0; flip < flipsPerTable; flip++) {
        const from = (random.pick(pages) - 1) * sound.pageSize;
        const page = sound.bytes.subarray(from, from + sound.pageSize);
        // Where the content of a page begins: most of what lies before is unused.
        const start = random.once(4) ? 0 : page.readUInt16BE(5);
        const at = from + start + random.integer(sound.pageSize - start);
        const bytes = Buffer.from(sound.bytes);
        bytes[at]! ^= 1 << random.integer(8);
        const { answers, isFound } = await look(bytes);
        const wrong = [...answers].filter(([, answer]) => answer !== "same");
        const place = `flip ${flip} of byte ${at}`;
        expect([place, ...wrong.filter(([, answer]) => answer === "other")]).toEqual([place]);
        expect([place, isFound || wrong.length === 0]).toEqual([place, true]);
        // A damaged snapshot counts as none, since it can be made again.
        const less = wrong.filter(([what, answer]) => answer === "less" && !what.startsWith("snapshots"));
        if (less.length > 0) tally.less++;
        else if (wrong.length > 0) tally.failed++;
        else tally.same++;
      }
      expect(tally.failed).toBeGreaterThan(flipsPerTable / 8);
      // A page that miscounts its own entries; see docs/explanation/durability.md.
      expect(tally.less).toBeLessThanOrEqual(Math.ceil(flipsPerTable / 20));
    },
  );
});

/** Damages a copy by SQL. */
async function lookAfter(sql: string): Promise<{ readonly answers: Answers; readonly isFound: boolean }> {
  put(sound.bytes);
  const db = new DatabaseSync(damagedPath);
  try {
    db.exec(sql);
  } finally {
    db.close();
  }
  return look(readFileSync(damagedPath));
}

const order = "order-0070";

describe("a row that was changed", () => {
  test.each([
    [
      "a checkpoint",
      "UPDATE records SET value = replace(value, ':10}', ':11}')",
      `record partitions ${order}`,
    ],
    [
      "a document",
      `UPDATE documents_1 SET document = replace(document, 'open', 'paid')`,
      `document orders ${order}`,
    ],
    ["the position of a document", "UPDATE documents_1 SET position = 3", `document orders ${order}`],
    ["an indexed field", "UPDATE documents_1 SET total = 3", "query of orders"],
    [
      "the position of a read model",
      "REPLACE INTO generations SELECT generation, name, version, shape, state, 171, checksum FROM generations",
      `document orders ${order}`,
    ],
    [
      "the name of a read model",
      "REPLACE INTO generations SELECT generation, 'x' || name, version, shape, state, position, checksum FROM generations",
      `document orders ${order}`,
    ],
    ["a stream policy", "UPDATE stream_policies SET max_count = 1", "events of thing-0"],
    [
      "the name of a stream with a policy",
      "UPDATE stream_policies SET stream = 'x' || stream",
      "events of thing-0",
    ],
    ["a hole", "UPDATE holes SET events = events + 1 WHERE position > 0", "head"],
    ["a counter", "REPLACE INTO counters SELECT name, 0, checksum FROM counters WHERE name = 'head'", "head"],
    ["the counter of policies", "DELETE FROM counters WHERE name = 'policy_changes'", "events of thing-0"],
  ])("is damage: %s", async (_, sql, what) => {
    const { answers, isFound } = await lookAfter(sql);
    expect(isFound).toBe(true);
    if (what === "head" && answers.get(what) === "same") return;
    expect(answers.get(what)).toBe("STORE_DAMAGED");
  });

  test("names what it is in the error", async () => {
    await lookAfter("UPDATE documents_1 SET document = '{' WHERE key = 'order-0070'");
    await using store = await openSqliteStore(damagedPath);
    await expect(store.readSide.getDocument({ name: "orders" }, order)).rejects.toMatchObject({
      code: "STORE_DAMAGED",
      details: { problem: `the checksum does not fit the document "${order}" of the read model "orders"` },
    });
  });

  test("refuses a commit that expects it", async () => {
    await lookAfter(`UPDATE records SET value = '{}' WHERE key = '${order}'`);
    await using store = await openSqliteStore(damagedPath);
    const ref = { space: "partitions", key: order };
    const commit = store.readSide.commit({ expect: [{ ...ref, version: 5 }], put: [{ ...ref, value: 1 }] });
    await expect(commit).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });

  test("is found by verify where it says what can not be", async () => {
    const forged = `
      UPDATE records SET version = 99, checksum = row_checksum('records', value, space, key, 99) WHERE key = '${order}';
      REPLACE INTO generations SELECT generation, name, version, shape, state, 999,
        row_checksum('generations', shape, generation, name, version, state, 999) FROM generations;
      UPDATE snapshots SET revision = 99`;
    put(sound.bytes);
    const db = connect({
      path: damagedPath,
      mode: "write",
      durability: "os",
      busyTimeoutMs: 0,
      cacheBytes: 2 ** 20,
    });
    db.define("row_checksum", (table, text, ...columns) => rowChecksum(table as string, columns, text));
    db.exec(forged);
    db.close();
    await using store = await openSqliteStore(damagedPath);
    const { problems } = await store.verify();
    const messages = problems.map(({ message }) => message).join("\n");
    expect(messages).toContain(`the record ${order} of members has a version that was never given`);
    expect(messages).toContain('generation 1 of the read model "orders" is beyond the end of the log');
    expect(messages).toContain('the checksum does not fit the snapshot of "thing"');
  });
});
