import { openPostgresStore } from "hitherto/postgres";
import { indexValues } from "hitherto/store";
import type { DocumentQuery, DocumentWrite, EventStore, ReadModelShape, ReadSide } from "hitherto/store";
import pg from "pg";
import { expect, test } from "vitest";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

const shape: ReadModelShape = { kind: "documents", indexes: [["status", "total"], ["customer.id"]] };

function write(key: string, document: unknown, of = shape): DocumentWrite {
  return { key, json: JSON.stringify(document), indexed: indexValues(of, document), position: 1 };
}

interface NewModel {
  readonly shape?: ReadModelShape;
  readonly documents?: readonly DocumentWrite[];
  readonly name?: string;
}

/** Makes a read model, fills and activates it. */
async function activate(readSide: ReadSide, model: NewModel = {}): Promise<number> {
  const { documents = [], name = "orders" } = model;
  const generation = await readSide.nextGeneration();
  await readSide.commit({
    models: [
      { step: "create", generation, name, version: 1, shape: model.shape ?? shape },
      { step: "advance", generation, from: 0, to: generation, documents },
      { step: "activate", generation },
    ],
  });
  return generation;
}

async function tablesIn({ readModels }: TestSchema): Promise<string[]> {
  const sql = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'";
  const rows = await runSql<{ relname: string }>(sql, [`"${readModels}"`]);
  return rows.map(({ relname }) => relname).filter((table) => /^(?:documents|table)_/.test(table));
}

async function withStore<Result>(
  schema: TestSchema,
  body: (store: EventStore) => Promise<Result>,
): Promise<Result> {
  await using store = await openIn(schema);
  return await body(store);
}

async function openIn(schema: TestSchema): Promise<EventStore> {
  return openPostgresStore(schema.url);
}

test("a long report holds up neither writers nor a switch, and its table goes when it is done", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const { readSide } = store;
  const first = await activate(readSide, { documents: [write("k", { status: "new" })] });
  const reporter = new pg.Client({ connectionString: postgresUrl() });
  await reporter.connect();
  const count = async (): Promise<unknown> =>
    (await reporter.query(`SELECT count(*)::integer AS n FROM "${schema.readModels}".read_orders`)).rows[0];
  try {
    await reporter.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    expect(await count()).toEqual({ n: 1 });
    const begun = performance.now();
    const second = await activate(readSide);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect((await readSide.getDocument({ name: "orders" }, "k")).stamp?.generation).toBe(second);
    expect(await count()).toEqual({ n: 1 });
    expect(await tablesIn(schema)).toContain(`documents_${first}`);
    await reporter.query("COMMIT");
    const third = await activate(readSide);
    expect(await tablesIn(schema)).toEqual([`documents_${third}`]);
    expect(await count()).toEqual({ n: 0 });
  } finally {
    await reporter.end();
  }
});

test("whoever opens the store next tidies what was left", async () => {
  await using schema = freshSchema();
  const generation = await withStore(schema, ({ readSide }) => activate(readSide));
  // As if the process had ended right after its commit.
  await runSql(`DELETE FROM "${schema.name}".generations`);
  expect(await tablesIn(schema)).toEqual([`documents_${generation}`]);
  await using store = await openIn(schema);
  await store.readSide.commit({ put: [{ space: "s", key: "k", value: 1 }] });
  expect(await tablesIn(schema)).toEqual([]);
});

test("views show the active generation, and what users have built on them stays", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const own = `"${schema.readModels}".new_orders`;
  const view = `"${schema.readModels}".read_orders`;
  await activate(store.readSide, {
    documents: [write("a", { status: "new", total: 5, customer: { id: 7 } })],
  });
  await runSql(`CREATE VIEW ${own} AS SELECT key FROM ${view} WHERE status = 'new'`);
  await activate(store.readSide, { documents: [write("b", { status: "new", total: true })] });
  expect(await runSql(`SELECT * FROM ${own}`)).toEqual([{ key: "b" }]);
  expect(await runSql(`SELECT key, document ->> 'total' AS json, total, customer_id FROM ${view}`)).toEqual([
    { key: "b", json: "true", total: "1", customer_id: null },
  ]);
});

test("a query goes by an index, its next page too", async () => {
  await using schema = freshSchema();
  const documents = Array.from({ length: 3_000 }, (_, n) =>
    write(`k${n}`, { status: `s${n % 3}`, total: n }),
  );
  const generation = await withStore(schema, ({ readSide }) => activate(readSide, { documents }));
  await runSql(`ANALYZE "${schema.readModels}".documents_${generation}`);
  const scansOfAll = async (): Promise<unknown> =>
    runSql("SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = $2", [
      schema.readModels,
      `documents_${generation}`,
    ]);
  const before = await scansOfAll();
  const sort = [
    { field: "status", isDescending: true },
    { field: "total", isDescending: true },
  ];
  const query: DocumentQuery = { where: { status: { eq: "s1" } }, sort, limit: 10 };
  // What a connection has done is counted when it ends.
  await withStore(schema, async ({ readSide }) => {
    const page = await readSide.findDocuments({ name: "orders" }, query);
    const last = page.documents.at(-1)!;
    const after = { values: last.indexed.slice(0, 2), key: last.key };
    const next = await readSide.findDocuments({ name: "orders" }, { ...query, after });
    expect(page.documents.concat(next.documents).map(({ key }) => key)).toEqual(
      Array.from({ length: 20 }, (_, n) => `k${2_998 - 3 * n}`),
    );
  });
  expect(await scansOfAll()).toEqual(before);
});

test("the longest of keys, values and names are taken", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const { readSide } = store;
  // Of so many characters that nothing compresses them.
  const long = (length: number, seed: number): string =>
    String.fromCodePoint(
      ...Array.from({ length }, (_, n) => 0x4e00 + ((n * 7_919 + seed * 104_729) % 20_000)),
    );
  const many: ReadModelShape = { kind: "documents", indexes: [["a", "b", "c", "d"]] };
  const documents = [1, 2].map((seed) => {
    const [a, b, c, d] = [long(300, 1), long(300, 2), long(300, 3), long(300, 3 + seed)];
    return write(long(768, seed), { a, b, c, d }, many);
  });
  await activate(readSide, { shape: many, documents });
  const sort = [{ field: "a", isDescending: false }];
  const found = await readSide.findDocuments({ name: "orders" }, { where: {}, sort, limit: 1 });
  expect(found.documents).toHaveLength(1);
  const keys = [long(8_000, 1), `${long(8_000, 1)}a`];
  await readSide.commit({ put: keys.map((key) => ({ space: "s", key, value: key.length })) });
  expect(await readSide.listRecords("s", { after: keys[0] })).toMatchObject([{ key: keys[1], value: 8_001 }]);
  expect(await readSide.findRecord({ space: "s", key: keys[0]! })).toMatchObject({ value: 8_000 });

  const [one, other] = ["a", "b"].map((end) => `${"x".repeat(63)}${end}`) as [string, string];
  const tables = { [one]: "n INTEGER", [other]: "n INTEGER" };
  await activate(readSide, { name: "numbers", shape: { kind: "sql", tables, indexes: { [one]: ["(n)"] } } });
  const { rows } = await readSide.query(`SELECT count(*) AS n FROM {${one}}, {${other}}`);
  expect(rows).toEqual([{ n: 0 }]);
});

test("fields of any name are indexed and shown", async () => {
  await using schema = freshSchema("odd \"schema' $$ {schema} \\");
  await using store = await openIn(schema);
  const fields = ["it's", 'a "b"', "back\\slash", "nul\0", "placedAt", "key", "x".repeat(100), "$1", "{a}"];
  const odd: ReadModelShape = { kind: "documents", indexes: fields.map((field) => [field]) };
  const document = Object.fromEntries(fields.map((field) => [field, `value of ${field}`]));
  await activate(store.readSide, { shape: odd, documents: [write("k", document, odd)] });
  for (const field of fields) {
    const where = { [field]: { eq: `value of ${field}` } };
    const { documents } = await store.readSide.findDocuments(
      { name: "orders" },
      { where, sort: [], limit: 9 },
    );
    expect(documents.map(({ json }) => json)).toEqual([JSON.stringify(document)]);
  }
  const { rows } = await store.readSide.query("SELECT * FROM {orders} WHERE placedAt = ?", [
    "value of placedAt",
  ]);
  const { key, document: _, position: __, ...shown } = rows[0]!;
  expect(key).toBe("k");
  expect(Object.values(shown)).toEqual(
    fields.map((field) => `value of ${field}`.replace("\0", "\ufdd0u0000")),
  );
});

test("results come as the values that every store gives", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const { rows } = await store.readSide.query(
    `SELECT
    true AS yes, 2::bigint AS large, sum(n) AS total, 1.5::real AS real, '\\x00ff'::bytea AS bytes, NULL AS none,
    '{"a": 1}'::jsonb AS json, '2026-01-02'::date AS day, ARRAY['a', 'b'] AS list, ?::text AS given
    FROM (VALUES (10::numeric), (2.25)) AS t(n)`,
    ["it"],
  );
  expect(rows).toEqual([
    {
      yes: 1,
      large: 2,
      total: 12.25,
      real: 1.5,
      bytes: Uint8Array.of(0, 255),
      none: null,
      json: '{"a": 1}',
      day: "2026-01-02",
      list: "{a,b}",
      given: "it",
    },
  ]);
});

test("a numeric that a number cannot hold is refused, whatever its digits are", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const query = (sql: string): Promise<unknown> =>
    store.readSide.query(sql).then(({ rows }) => rows[0]?.["n"]);
  for (const [literal, value] of [
    ["12.50", 12.5],
    ["0.1000000000000000", 0.1],
    ["1.6666666666666667", 1.6666666666666667],
    ["'NaN'", Number.NaN],
  ] as const) {
    expect(await query(`SELECT ${literal}::numeric AS n`)).toBe(value);
  }
  for (const literal of ["90071992547409.93", "1.23456789012345678901", "1e30", "1e400"]) {
    await expect(query(`SELECT ${literal}::numeric AS n`)).rejects.toMatchObject({ code: "SQL_FAILED" });
  }
  expect(await query("SELECT avg(n)::float8 AS n FROM (VALUES (1), (1), (2)) AS t(n)")).toBe(4 / 3);
});

test("the server ends the transaction of a process that has stopped", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const [setting] = await store.readSide.transaction(
    (transaction) =>
      transaction
        .sql()
        .all(
          "SELECT current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('statement_timeout') AS busy",
        ),
    { timeoutMs: 2_000 },
  );
  expect(setting).toEqual({ idle: "7s", busy: "2100ms" });
});

test("verify tells of a table that is missing", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  await store.append({ stream: "order-1", events: [{ type: "OrderPlaced", data: null }] });
  const generation = await activate(store.readSide);
  expect(await store.verify()).toMatchObject({ isSound: true });
  await runSql(`DROP TABLE "${schema.readModels}".documents_${generation} CASCADE`);
  const { problems } = await store.verify();
  expect(problems).toEqual([
    { kind: "file", message: expect.stringMatching(`documents_${generation}.*"orders".*missing`) as unknown },
  ]);
});

test("commits that are sent together are decided each on its own", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const { readSide } = store;
  const generation = await activate(readSide);
  // The database refuses a text that is no JSON, and with it all that has come along.
  const broken = { key: "k", json: "{", indexed: [null, null, null], position: 1 };
  const advance = { step: "advance", generation, from: generation, to: 9, documents: [broken] } as const;
  const unfit = { ...advance, documents: [{ ...write("k", {}), indexed: [] }] };
  const outcomes = await Promise.allSettled([
    readSide.commit({ put: [{ space: "s", key: "a", value: 1 }] }),
    readSide.commit({ models: [advance] }),
    readSide.commit({ models: [unfit] }),
    readSide.commit({ put: [{ space: "s", key: "b", value: 2 }] }),
  ]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "STORE_IO" } });
  expect(outcomes[2]).toMatchObject({ reason: { code: "ARGUMENT_INVALID" } });
  expect((await readSide.listRecords("s")).map(({ key, value }) => [key, value])).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect((await readSide.listModels("orders"))[0]?.position).toBe(generation);
});

test("a database of another isolation is told to commit in READ COMMITTED", async () => {
  await using schema = freshSchema();
  await using store = await openIn(schema);
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const locking = client.query(`SELECT "${schema.name}".lock_read_side(0)`);
    await expect(locking).rejects.toThrow("READ COMMITTED");
  } finally {
    await client.end();
  }
  await store.close();
});
