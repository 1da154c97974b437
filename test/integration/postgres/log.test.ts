/**
 * The log as tables: what is seen by hand, and what is found when hands have been at it.
 */
import { openPostgresStore } from "hitherto/postgres";
import type { EventStore } from "hitherto/store";
import { expect, test } from "vitest";
import { freshSchema, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

async function fill(store: EventStore): Promise<void> {
  for (const order of [1, 2, 3]) {
    await store.append({
      stream: `order-${order}`,
      events: [
        { type: "OrderPlaced", data: { total: order * 10 }, tags: [`order:${order}`, "shop"] },
        { type: "OrderPaid", data: null, metadata: { correlationId: `c-${order}`, userId: "ada" } },
      ],
    });
  }
}

test("events are pleasant to query by hand", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  await fill(store);
  const rows = await runSql(
    `SELECT stream, category, revision::int, data ->> 'total' AS total, metadata ->> 'userId' AS by, correlation_id
     FROM ${schema.name}.events WHERE category = 'order' AND 'shop' = ANY (tags) ORDER BY position DESC LIMIT 1`,
  );
  expect(rows).toEqual([
    { stream: "order-3", category: "order", revision: 0, total: "30", by: null, correlation_id: null },
  ]);
  const contained = await runSql(
    `SELECT position::int FROM ${schema.name}.events WHERE data::jsonb @> '{"total": 20}'`,
  );
  expect(contained).toEqual([{ position: 3 }]);
});

test.each<[string, (schema: TestSchema) => string, { kind: string; position: number }]>([
  [
    "a revision that is missing",
    ({ name }) => `DELETE FROM ${name}.events WHERE stream = 'order-2' AND revision = 0`,
    { kind: "revision", position: 4 },
  ],
  [
    "revisions in the wrong order",
    ({ name }) => `UPDATE ${name}.events SET position = 99 WHERE position = 3;
                   UPDATE ${name}.events SET position = 3 WHERE position = 4;
                   UPDATE ${name}.events SET position = 4 WHERE position = 99`,
    { kind: "revision", position: 3 },
  ],
  [
    "an event that its tag does not lead to",
    ({ name }) => `DELETE FROM ${name}.event_tags WHERE tag = 'order:2'`,
    { kind: "index", position: 3 },
  ],
  [
    "a tag that leads to an event without it",
    ({ name }) => `INSERT INTO ${name}.event_tags VALUES ('stray', 5)`,
    { kind: "index", position: 5 },
  ],
])("verifying finds %s", async (_, damage, found) => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  await fill(store);
  expect((await store.verify()).isSound).toBe(true);
  await runSql(damage(schema));
  const report = await store.verify();
  expect(report.isSound).toBe(false);
  expect(report.problems).toContainEqual(expect.objectContaining(found));
});

test("a schema may have any name", async () => {
  await using schema = freshSchema(`we"ird $$ \\ {schema} ${process.pid}`);
  await using store = await openPostgresStore(schema.url);
  await fill(store);
  expect(await store.read({ tags: ["order:3"] }).toArray()).toHaveLength(1);
  await store.deleteStream("order-1");
  expect(await store.reclaim()).toEqual({ events: 2 });
  expect((await store.verify()).isSound).toBe(true);
});

test("positions go on behind the last one, though reclaiming took it", async () => {
  await using schema = freshSchema();
  const store = await openPostgresStore(schema.url);
  await fill(store);
  await store.deleteStream("order-3");
  await store.reclaim();
  await store.close();
  await using again = await openPostgresStore(schema.url);
  expect(await again.head()).toBe(6);
  const { firstPosition, revision } = await again.append({
    stream: "order-3",
    expect: "none",
    events: [{ type: "OrderPlaced", data: null }],
  });
  expect([firstPosition, revision]).toEqual([7, 2]);
});

test("a wide gap in the log and in a stream is read over, in both directions", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  await store.append({ stream: "kept", events: [{ type: "First", data: null }] });
  const events = Array.from({ length: 6_000 }, () => ({ type: "Passing", data: null }));
  await store.append({ stream: "gone", events });
  await store.append({ stream: "late", firstRevision: 1_000_000, events: [{ type: "Last", data: null }] });
  const typesOf = async (reading: ReturnType<EventStore["read"]>): Promise<string[]> =>
    (await reading.toArray()).map(({ type }) => type);
  await store.deleteStream("gone");
  for (const isReclaimed of [false, true]) {
    if (isReclaimed) await store.reclaim();
    expect(await typesOf(store.read())).toEqual(["First", "Last"]);
    expect(await typesOf(store.read({ backwards: true }))).toEqual(["Last", "First"]);
    expect(await typesOf(store.read({ streamPrefix: "" }))).toEqual(["First", "Last"]);
    expect(await typesOf(store.readStream("gone"))).toEqual([]);
    expect(await typesOf(store.readStream("gone", { backwards: true }))).toEqual([]);
    expect(await typesOf(store.readStream("late"))).toEqual(["Last"]);
    expect(await typesOf(store.readStream("late", { backwards: true }))).toEqual(["Last"]);
  }
});

test("streams are counted as they are listed, whatever has become of their first events", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const counts = async (): Promise<readonly [counted: number, listed: number]> => {
    let listed = 0;
    for await (const _ of store.listStreams()) listed++;
    return [(await store.stats()).streams, listed];
  };
  await fill(store);
  expect(await counts()).toEqual([3, 3]);
  const events = [{ type: "Noted", data: null }];
  await store.append({ stream: "imported", firstRevision: 7, events });
  await store.append({ stream: "from-zero", firstRevision: 0, events });
  await store.setStreamPolicy("order-1", { maxCount: 1 });
  await store.setStreamPolicy("never-written", { maxCount: 1 });
  await store.deleteStream("order-2");
  await store.tombstoneStream("order-3");
  await store.tombstoneStream("only-a-tombstone");
  expect(await counts()).toEqual([5, 5]);
  await store.reclaim();
  expect(await counts()).toEqual([5, 5]);
});
