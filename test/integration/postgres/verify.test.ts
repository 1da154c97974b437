/**
 * What `verify` finds of what stands beside the log: policies, snapshots, records, read models and documents.
 */
import { open } from "hitherto";
import { migratePostgresStore } from "hitherto/postgres";
import { indexValues } from "hitherto/store";
import { expect, test } from "vitest";
import { fillLog, runWork } from "../../fixtures/postgres/kept-store.ts";
import { makeRole } from "../../support/postgres-roles.ts";
import { freshSchema, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

/** A store with some of everything: parked events, snapshots, streams that are cut, deleted and tombstoned, two read models. */
async function fill(url: string): Promise<void> {
  await using store = await open(url);
  await fillLog(store);
  await runWork(store);
}

async function problemsIn(url: string): Promise<string[]> {
  await using store = await open(url, { mode: "read" });
  const { problems, problemCount, isSound } = await store.verify();
  expect([problems.length, isSound]).toEqual([problemCount, problemCount === 0]);
  return problems.map(({ kind, message, stream }) => `${kind}: ${message}${stream ? ` (${stream})` : ""}`);
}

/** In the store's schema; `documents` are those of the read model `totals`. */
async function damage({ name, readModels }: TestSchema, ...statements: readonly string[]): Promise<void> {
  const path = `SET search_path = "${name}", "${readModels}"`;
  await runSql([path, ...statements.map((sql) => sql.replaceAll("{documents}", "documents_1"))].join(";\n"));
}

const damages: ReadonlyArray<readonly [sql: string, problem: string]> = [
  ["UPDATE log SET removed = removed + 1", "position: the log counts 1 of its events as reclaimed"],
  [
    "UPDATE stream_policies SET max_count = 0 WHERE stream = 'cut-1'",
    "checksum: the policy is none that can be set (cut-1)",
  ],
  [
    "UPDATE stream_policies SET deleted_before = 99 WHERE stream = 'gone-1'",
    "revision: the policy deletes what is beyond the end of the stream (gone-1)",
  ],
  [
    "UPDATE snapshots SET revision = 9",
    'revision: the snapshot of "account" is of revision 9, beyond the end of its stream (account-1)',
  ],
  [
    "UPDATE records SET version = 999999 WHERE space = 'consumers'",
    "position: the record mails of consumers has a version that was never given",
  ],
  [
    "UPDATE records SET value = '{\"wanted\"' WHERE space = 'projections' AND key = 'totals'",
    "checksum: the record totals of projections is not JSON",
  ],
  [
    "UPDATE generations SET position = 999 WHERE name = 'payments'",
    'position: generation 2 of the read model "payments" is beyond the end of the log',
  ],
  [
    "UPDATE read_side SET last_generation = 1",
    'position: generation 2 of the read model "payments" has a number that was never given',
  ],
  [
    "UPDATE generations SET fields = 3 WHERE name = 'totals'",
    'checksum: the number of indexed fields of generation 1 of the read model "totals" does not fit its shape',
  ],
  [
    `UPDATE {documents} SET document = '{"total":16}' WHERE key = '1'`,
    'index: an index of the read model "totals" does not fit the document "1"',
  ],
  [
    "UPDATE {documents} SET fields[1] = '2two' WHERE key = '2'",
    'index: an index of the read model "totals" does not fit the document "2"',
  ],
  [
    "UPDATE {documents} SET position = 999 WHERE key = '2'",
    'position: the document "2" of the read model "totals" is newer than its read model',
  ],
  [
    "UPDATE {documents} SET document = '{\"total\":' WHERE key = '3'",
    'checksum: the document "3" of the read model "totals" is not JSON',
  ],
  [
    `UPDATE records SET value = replace(value, '"position":', '"position":99') WHERE space = 'partitions' AND key LIKE '%1/'`,
    'position: partition 1 of the consumer "mails" is stored as',
  ],
];

/** Damage to pages may leave text that is not JSON in a column of that type; SQL can not, so the type changes. */
const asText = [
  "DROP VIEW read_totals, documents_1_shown",
  "ALTER TABLE records ALTER value TYPE text",
  "ALTER TABLE {documents} ALTER document TYPE text",
];

test("verifying finds what can not be beside the log, and nothing else", async () => {
  await using schema = freshSchema();
  await fill(schema.url);
  expect(await problemsIn(schema.url)).toEqual([]);
  await damage(schema, ...asText);
  expect(await problemsIn(schema.url)).toEqual([]);
  await damage(schema, ...damages.map(([sql]) => sql));
  const found = await problemsIn(schema.url);
  for (const [sql, problem] of damages) {
    expect([sql, found.find((one) => one.startsWith(problem))]).toEqual([sql, expect.any(String)]);
  }
  expect(found).toHaveLength(damages.length);
});

test.each([
  ["not JSON", "{", 'checksum: the shape of generation 1 of the read model "totals" is not JSON'],
  [
    "of another kind",
    '{"kind":"graph"}',
    'checksum: the shape of generation 1 of the read model "totals" is none that this version knows',
  ],
])("verifying finds a shape that is %s", async (_, shape, problem) => {
  await using schema = freshSchema();
  await fill(schema.url);
  await damage(
    schema,
    "ALTER TABLE generations ALTER shape TYPE text",
    `UPDATE generations SET shape = '${shape}' WHERE name = 'totals'`,
  );
  expect(await problemsIn(schema.url)).toEqual([problem]);
});

test("verifying finds a table that is not as it was made, and looks at the others", async () => {
  await using schema = freshSchema();
  await fill(schema.url);
  await damage(
    schema,
    "ALTER TABLE snapshots RENAME revision TO revised",
    "UPDATE generations SET position = 999 WHERE name = 'payments'",
  );
  expect(await problemsIn(schema.url)).toEqual([
    expect.stringMatching(/^file: .*revision/u),
    expect.stringMatching("payments.*beyond the end"),
  ]);
});

test("what is stored and is not JSON is damage to those who read it", async () => {
  await using schema = freshSchema();
  await fill(schema.url);
  await damage(
    schema,
    ...asText,
    "ALTER TABLE generations ALTER shape TYPE text",
    "UPDATE generations SET shape = '{' WHERE name = 'totals'",
    "UPDATE records SET value = '{' WHERE space = 'consumers'",
  );
  await using store = await open(schema.url, { mode: "read" });
  const { readSide } = store;
  for (const [read, problem] of [
    [
      () => readSide.findRecord({ space: "consumers", key: "mails" }),
      "the record mails of consumers is not JSON",
    ],
    [() => readSide.listRecords("consumers"), "the record mails of consumers is not JSON"],
    [() => readSide.listModels(), "the shape of a read model is not JSON"],
  ] as const) {
    await expect(read()).rejects.toMatchObject({ code: "STORE_DAMAGED", details: { problem } });
  }
});

test("the owner looks at no documents of a role that must not be trusted, which looks at them itself", async () => {
  await using schema = freshSchema();
  await using application = await makeRole(`app_${schema.name}`);
  await using owner = await makeRole(`owner_${schema.name}`, { makesSchemas: true });
  await migratePostgresStore(owner.as(schema.url), { grantTo: application.name });
  {
    await using store = await open(application.as(schema.url), { mode: "write" });
    await store.append({ stream: "account-1", events: [{ type: "Paid", data: { amount: 1 } }] });
    await runWork(store);
  }
  await damage(schema, "UPDATE {documents} SET position = 999");
  expect(await problemsIn(owner.as(schema.url))).toEqual([]);
  expect(await problemsIn(application.as(schema.url))).toEqual([
    'position: the document "1" of the read model "totals" is newer than its read model',
  ]);
});

test("large documents are verified a few at a time, and documents of all kinds are found as they are", async () => {
  await using schema = freshSchema();
  {
    await using store = await open(schema.url);
    const { readSide } = store;
    const { position } = await store.append({ stream: "s", events: [{ type: "Happened", data: null }] });
    const shape = { kind: "documents", indexes: [["a.b", "c"]] } as const;
    const values = ["", "\u0000\u0001\ud800\ufdd0🙂", -0, 1e-300, true, null, [1], {}, "x".repeat(5_000)];
    const documents = Array.from({ length: 1_100 }, (_, n) => {
      const filler = n % 100 === 0 ? "y".repeat(600_000) : "";
      const document = { a: { b: values[n % values.length] }, c: n, filler };
      const indexed = indexValues(shape, document);
      return { key: `${n % 7 === 0 ? "\u0000" : ""}${n}`, json: JSON.stringify(document), indexed, position };
    });
    const generation = await readSide.nextGeneration();
    await readSide.commit({
      models: [
        { step: "create", generation, name: "things", version: 1, shape },
        { step: "advance", generation, from: 0, to: position, documents },
      ],
      put: Array.from({ length: 1_100 }, (_, n) => ({
        space: n % 2 === 0 ? "a" : "b\u0000",
        key: `${n}`,
        value: n,
      })),
    });
  }
  expect(await problemsIn(schema.url)).toEqual([]);
  await damage(schema, "UPDATE {documents} SET position = 999", "UPDATE records SET version = 999");
  await using store = await open(schema.url);
  expect(await store.verify()).toMatchObject({ problemCount: 2_200, problems: { length: 100 } });
});
