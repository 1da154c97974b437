import assert from "node:assert/strict";
import type { SqlRow } from "../../../core/sql.ts";
import type { ReadModelShape, ReadSide } from "../../../store/read-side.ts";
import { anEvent, failureOf, refuses } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import { aModel, anActiveModel, positionOf, shape as documents, valueOf, write } from "./helpers.ts";

const ref = { space: "s", key: "k" };
const name = "revenue";

const shape: ReadModelShape = {
  kind: "sql",
  tables: {
    days: "day TEXT PRIMARY KEY, orders INTEGER NOT NULL, total REAL",
    notes: "id INTEGER PRIMARY KEY, note TEXT, bytes BYTEA",
  },
  indexes: { days: ["(total, day)", "(orders)"] },
};

const addOrder =
  "INSERT INTO {days} AS d VALUES (?, 1, ?) " +
  "ON CONFLICT (day) DO UPDATE SET orders = d.orders + 1, total = d.total + excluded.total";

/** A row as a plain object, whatever its prototype. */
function plain(row: SqlRow | undefined): unknown {
  return row && { ...row };
}

async function rowsOf(readSide: ReadSide, sql: string, model?: string): Promise<unknown[]> {
  return (await readSide.query(sql, [], { model })).rows.map(plain);
}

/** An active generation with these days, of one order each. */
async function withDays(
  readSide: ReadSide,
  version: number,
  days: Readonly<Record<string, number>>,
): Promise<number> {
  const generation = await aModel(readSide, { name, version, shape });
  await readSide.transaction(async (transaction) => {
    for (const day of Object.entries(days)) await transaction.sql(generation).run(addOrder, day);
    await transaction.commit({
      models: [
        { step: "advance", generation, from: 0, to: version },
        { step: "activate", generation },
      ],
    });
  });
  return generation;
}

/** Tables, for stores that run SQL. */
export const sqlTests: Topic = {
  "it says that it runs SQL": ({ store: { readSide } }) => {
    assert.equal(readSide.supportsSql, true);
    return Promise.resolve();
  },

  "statements change rows and read them, before and after the end": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide, { name, shape });
    await readSide.transaction(async (transaction) => {
      const sql = transaction.sql(generation);
      assert.deepEqual(await sql.run(addOrder, ["2026-01-01", 10.5]), { changes: 1 });
      assert.deepEqual(await sql.run(addOrder, ["2026-01-01", 1]), { changes: 1 });
      await sql.run(addOrder, ["2026-01-02", 3]);
      const row = await sql.get("SELECT * FROM {days} WHERE day = ?", ["2026-01-01"]);
      assert.deepEqual(plain(row), { day: "2026-01-01", orders: 2, total: 11.5 });
      assert.equal(await sql.get("SELECT * FROM {days} WHERE day = ?", ["none"]), undefined);
      assert.equal((await sql.all("SELECT * FROM {days}")).length, 2);
      assert.deepEqual(await sql.run("UPDATE {days} SET orders = 0"), { changes: 2 });
      assert.deepEqual(await sql.run("WITH a AS (SELECT 1) SELECT * FROM a"), { changes: 0 });
      assert.deepEqual(
        await sql.run("WITH a AS (SELECT 1 AS n) UPDATE {days} SET orders = (SELECT n FROM a)"),
        {
          changes: 2,
        },
      );
      assert.deepEqual(await sql.run("UPDATE {days} SET orders = 0"), { changes: 2 });
      assert.deepEqual(await sql.run("DELETE FROM {days} WHERE day = ?", ["none"]), { changes: 0 });
      await transaction.commit({ models: [{ step: "activate", generation }] });
    });
    assert.deepEqual(await rowsOf(readSide, "SELECT day, orders FROM {days} ORDER BY day"), [
      { day: "2026-01-01", orders: 0 },
      { day: "2026-01-02", orders: 0 },
    ]);
  },

  "values come back as they were given": async ({ store: { readSide } }) => {
    const generation = await aModel(readSide, { name, shape });
    await readSide.transaction(async (transaction) => {
      const sql = transaction.sql(generation);
      const bytes = Uint8Array.of(0, 1, 255);
      for (const [id, note] of ["", "'\"{days}? ä \u{1f600}", null].entries()) {
        await sql.run("INSERT INTO {notes} (id, note, bytes) VALUES (?, ?, ?)", [id, note, bytes]);
      }
      const rows = await sql.all("SELECT note, bytes FROM {notes} ORDER BY id");
      assert.deepEqual(
        rows.map((row) => row["note"]),
        ["", "'\"{days}? ä \u{1f600}", null],
      );
      for (const row of rows) assert.deepEqual([...(row["bytes"] as Uint8Array)], [...bytes]);
    });
  },

  "numbers come back as they are, or are refused": async ({ store: { readSide } }) => {
    const held = ["9007199254740991", "-9007199254740991", "0"];
    const tooLarge = ["9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775807"];
    for (const integer of held) {
      const [row] = (await readSide.query(`SELECT ${integer} AS n`)).rows;
      assert.equal(row?.["n"], Number(integer));
    }
    for (const integer of tooLarge) {
      const error = await refuses("SQL_FAILED", () => readSide.query(`SELECT 1 AS one, ${integer} AS n`));
      assert.ok(error.details.problem.includes(integer), error.details.problem);
      assert.match(error.details.problem, /CAST it AS TEXT/);
      const [row] = (await readSide.query(`SELECT CAST(${integer} AS TEXT) AS n`)).rows;
      assert.equal(row?.["n"], integer);
      const [rounded] = (await readSide.query(`SELECT CAST(${integer} AS DOUBLE PRECISION) AS n`)).rows;
      assert.equal(rounded?.["n"], Number(integer));
    }
    const generation = await aModel(readSide, {
      name,
      shape: { ...shape, kind: "sql", tables: { counters: "id TEXT PRIMARY KEY, n BIGINT" }, indexes: {} },
    });
    await readSide.transaction(async (transaction) => {
      const sql = transaction.sql(generation);
      await sql.run("INSERT INTO {counters} VALUES ('a', 9007199254740991)");
      await sql.run("UPDATE {counters} SET n = n + 2");
    });
    await refuses("SQL_FAILED", () =>
      readSide.transaction((transaction) => transaction.sql(generation).get("SELECT n FROM {counters}")),
    );
  },

  "rows, checkpoint, records and appends are one transaction": async ({ store }) => {
    const { readSide } = store;
    const generation = await aModel(readSide, { name, shape });
    const work = (end: () => void): Promise<void> =>
      readSide.transaction(async (transaction) => {
        await transaction.sql(generation).run(addOrder, ["2026-01-01", 1]);
        await transaction.append({ events: [anEvent()] });
        await transaction.commit({
          models: [
            { step: "advance", generation, from: 0, to: 5 },
            { step: "activate", generation },
          ],
          put: [{ ...ref, value: 1 }],
        });
        end();
      });
    const undone = work(() => {
      throw new Error("undone");
    });
    await assert.rejects(undone, { message: "undone" });
    assert.equal(await positionOf(readSide, generation), 0);
    assert.equal(await valueOf(readSide, "k"), undefined);
    await work(() => undefined);
    const { rows, stamp } = await readSide.query("SELECT orders FROM {days}", [], { model: name });
    assert.deepEqual(rows.map(plain), [{ orders: 1 }]);
    assert.deepEqual(stamp, { generation, version: 1, position: 5 });
    assert.equal(await store.head(), 1);
  },

  "rows that are not committed yet are seen by nobody else": async ({ store: { readSide } }) => {
    const generation = await withDays(readSide, 1, { "2026-01-01": 1 });
    await readSide.transaction(async (transaction) => {
      await transaction.sql(generation).run("DELETE FROM {days}");
      assert.equal((await rowsOf(readSide, "SELECT * FROM {days}")).length, 1);
    });
    assert.deepEqual(await rowsOf(readSide, "SELECT * FROM {days}"), []);
  },

  "generations have their own tables; queries see the active one": async ({ store: { readSide } }) => {
    const select = "SELECT day FROM {days}";
    await withDays(readSide, 1, { old: 1 });
    const next = await aModel(readSide, { name, version: 2, shape });
    await readSide.transaction(async (transaction) => {
      await transaction.sql(next).run(addOrder, ["new", 1]);
      await transaction.commit({ models: [{ step: "advance", generation: next, from: 0, to: 9 }] });
    });
    assert.deepEqual(await rowsOf(readSide, select), [{ day: "old" }]);
    await readSide.commit({ models: [{ step: "activate", generation: next }] });
    assert.deepEqual(await rowsOf(readSide, select), [{ day: "new" }]);
    await readSide.commit({ models: [{ step: "clear", generation: next }] });
    assert.deepEqual(await rowsOf(readSide, select), []);
    await readSide.commit({ models: [{ step: "drop", generation: next }] });
    await refuses("SQL_FAILED", () => readSide.query(select));
  },

  "read models of documents can be queried by their names": async ({ store: { readSide } }) => {
    const orders = [
      write("a", { status: "new", total: 5, customer: { id: "c1" } }),
      write("b", { status: "paid", total: true }),
    ];
    const generation = await anActiveModel(readSide, orders, { shape: documents });
    const { rows, stamp } = await readSide.query(
      "SELECT key, status, CAST(total AS INTEGER) AS total, customer_id, document, position FROM {orders} " +
        "WHERE CAST(total AS INTEGER) > ? ORDER BY key",
      [0],
      { model: "orders" },
    );
    assert.deepEqual(rows.map(plain), [
      {
        key: "a",
        status: "new",
        total: 5,
        customer_id: "c1",
        document: orders[0]?.json,
        position: 1,
      },
      { key: "b", status: "paid", total: 1, customer_id: null, document: orders[1]?.json, position: 1 },
    ]);
    assert.deepEqual(stamp, { generation, version: 1, position: 1 });
  },

  "tables of several read models can be joined": async ({ store: { readSide } }) => {
    await withDays(readSide, 1, { new: 7 });
    await anActiveModel(readSide, [write("a", { status: "new" })], { shape: documents });
    const joined = "SELECT o.key, d.total FROM {orders} o JOIN {days} d ON d.day = o.status";
    assert.deepEqual(await rowsOf(readSide, joined), [{ key: "a", total: 7 }]);
  },

  "a query that would write fails and writes nothing": async ({ store: { readSide } }) => {
    await withDays(readSide, 1, { day: 1 });
    for (const sql of ["DELETE FROM {days}", "DROP TABLE {days}", "CREATE TABLE other (a INTEGER)"]) {
      const error = await refuses("SQL_FAILED", () => readSide.query(sql));
      assert.equal(error.details.sql, sql);
    }
    assert.equal((await rowsOf(readSide, "SELECT * FROM {days}")).length, 1);
  },

  "a statement that can not be run says why": async ({ store: { readSide } }) => {
    await withDays(readSide, 1, { day: 1 });
    for (const sql of ["SELEC 1", "SELECT * FROM {nowhere}", "SELECT nothing FROM {days}", "", "?"]) {
      const error = await refuses("SQL_FAILED", () => readSide.query(sql));
      assert.equal(error.details.sql, sql);
      assert.ok(error.details.problem.length > 0);
    }
  },

  "values that SQL can not hold, and too many or too few of them, are refused": async ({
    store: { readSide },
  }) => {
    const generation = await withDays(readSide, 1, { day: 1 });
    const sql = "SELECT * FROM {days} WHERE day = ?";
    const bad: readonly unknown[] = [
      [{}],
      [{ day: "day" }],
      [undefined],
      [true],
      [Number.NaN],
      [[]],
      "day",
      ["a", "b"],
      [],
      [1n],
      ["\ud800"],
      ["a\udc00b"],
    ];
    for (const values of bad) {
      await refuses("SQL_FAILED", () => readSide.query(sql, values as never));
      await refuses("SQL_FAILED", () =>
        readSide.transaction((transaction) => transaction.sql(generation).all(sql, values as never)),
      );
    }
    assert.deepEqual(await readSide.query(sql, [null]), { rows: [], stamp: undefined });
    await refuses("SQL_FAILED", () => readSide.query("SELECT '\ud800' AS half"));
  },

  "a statement that fails undoes its transaction, even if the body goes on": async ({ store }) => {
    const { readSide } = store;
    const generation = await withDays(readSide, 1, { day: 1 });
    const error = await refuses("SQL_FAILED", () =>
      readSide.transaction(async (transaction) => {
        const sql = transaction.sql(generation);
        await transaction.append({ events: [anEvent()] });
        await sql.run(addOrder, ["other", 1]);
        const inserting = "INSERT INTO {days} VALUES (?, NULL, NULL)";
        assert.notEqual(await failureOf(() => sql.run(inserting, ["bad"])), undefined);
        await failureOf(() => sql.run(addOrder, ["more", 1]));
      }),
    );
    assert.match(error.details.sql, /NULL, NULL/);
    assert.deepEqual(await rowsOf(readSide, "SELECT day FROM {days}"), [{ day: "day" }]);
    assert.equal(await store.head(), 0);
  },

  "transactions can not be begun or ended by a statement": async ({ store }) => {
    const { readSide } = store;
    const generation = await withDays(readSide, 1, {});
    for (const sql of ["COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT a", " /* now */ commit"]) {
      await refuses("SQL_FAILED", () =>
        readSide.transaction(async (transaction) => {
          await transaction.sql(generation).run(addOrder, ["day", 1]);
          await transaction.sql(generation).run(sql);
        }),
      );
      assert.deepEqual(await rowsOf(readSide, "SELECT * FROM {days}"), [], sql);
    }
  },

  "tables of which one refers to the other are emptied and dropped": async ({ store: { readSide } }) => {
    const tables = { ones: "id TEXT PRIMARY KEY", manys: "one TEXT NOT NULL REFERENCES {ones} (id)" };
    const generation = await anActiveModel(readSide, [], {
      name,
      shape: { kind: "sql", tables, indexes: {} },
    });
    for (const step of ["clear", "drop"] as const) {
      await readSide.transaction(async (transaction) => {
        await transaction.sql(generation).run("INSERT INTO {ones} VALUES ('one')");
        await transaction.sql(generation).run("INSERT INTO {manys} VALUES ('one')");
      });
      await readSide.commit({ models: [{ step, generation }] });
      if (step === "clear") assert.deepEqual(await rowsOf(readSide, "SELECT * FROM {ones}, {manys}"), []);
    }
    assert.deepEqual(await readSide.listModels(), []);
  },

  "tables that can not be made are refused with nothing done": async ({ store: { readSide } }) => {
    const next = await readSide.nextGeneration();
    const broken: readonly ReadModelShape[] = [
      { kind: "sql", tables: { good: "a INTEGER", bad: "this is (no column" }, indexes: {} },
      { kind: "sql", tables: { good: "a INTEGER" }, indexes: { good: ["(nothing)"] } },
    ];
    for (const one of broken) {
      const create = { step: "create", generation: next, name, version: 1, shape: one } as const;
      await refuses("SQL_FAILED", () => readSide.commit({ models: [create], put: [{ ...ref, value: 1 }] }));
      assert.deepEqual(await readSide.listModels(), []);
      assert.equal(await valueOf(readSide, "k"), undefined);
    }
    const create = { step: "create", generation: next, name, version: 1 } as const;
    await readSide.transaction(async (transaction) => {
      const models = [{ ...create, shape: broken[0] ?? assert.fail() }];
      await refuses("SQL_FAILED", () => transaction.commit({ models, put: [{ ...ref, value: 1 }] }));
      await transaction.commit({ models: [{ ...create, shape }] });
      await transaction.sql(next).run(addOrder, ["day", 1]);
    });
    assert.equal(await positionOf(readSide, next), 0);
    assert.equal(await valueOf(readSide, "k"), undefined);
  },
};

/** What a store says that runs no SQL. */
export const noSqlTests: Topic = {
  "it says that it runs no SQL": async ({ store: { readSide } }) => {
    assert.equal(readSide.supportsSql, false);
    await refuses("SQL_UNSUPPORTED", () => readSide.query("SELECT 1"));
    await refuses("SQL_UNSUPPORTED", () => aModel(readSide, { name, shape }));
    assert.deepEqual(await readSide.listModels(), []);
    await readSide.transaction(async (transaction) => {
      await refuses("SQL_UNSUPPORTED", () => transaction.sql(1));
      await transaction.commit({ put: [{ ...ref, value: 1 }] });
    });
    assert.equal(await valueOf(readSide, "k"), 1);
  },
};
