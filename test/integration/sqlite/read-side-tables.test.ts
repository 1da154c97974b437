/**
 * The tables of read models as people and tools see them in the file.
 */
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore, ReadModelShape } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const shape: ReadModelShape = {
  kind: "documents",
  indexes: [["customer.id"], ["customer_id", "key"], ["Key"]],
};

/** An active generation of `orders` with one document. */
async function build({ readSide }: EventStore, json: string): Promise<number> {
  const generation = await readSide.nextGeneration();
  const document = { key: "one", json, indexed: ["c-1", "other", 7, "mine"], position: 1 };
  await readSide.commit({
    models: [
      { step: "create", generation, name: "orders", version: 1, shape },
      { step: "advance", generation, from: 0, to: 1, documents: [document] },
      { step: "activate", generation },
    ],
  });
  return generation;
}

/** Looks into the file, or changes it, behind the store's back. */
function inFile<Result>(path: string, body: (db: DatabaseSync) => Result): Result {
  const db = new DatabaseSync(path);
  try {
    return body(db);
  } finally {
    db.close();
  }
}

describe("the view of a read model", () => {
  test("shows the active generation, whichever it is, and goes with it", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    const look = (): unknown[] => inFile(path, (db) => db.prepare("SELECT document FROM read_orders").all());
    await build(store, '"old"');
    expect(look()).toMatchObject([{ document: '"old"' }]);
    const generation = await build(store, '"new"');
    expect(look()).toMatchObject([{ document: '"new"' }]);
    await store.readSide.commit({ models: [{ step: "drop", generation }] });
    expect(look).toThrow(/no such table/);
  });

  test("has a column for each field, with a name of its own", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await build(store, "{}");
    expect(inFile(path, (db) => db.prepare("SELECT * FROM read_orders").get())).toEqual({
      key: "one",
      document: "{}",
      position: 1,
      customer_id: "c-1",
      customer_id_: "other",
      key_: 7,
      Key__: "mine",
    });
  });
});

test("tables that refer to each other in a circle are emptied and dropped, and their keys count before and after", async () => {
  await using store = await openSqliteStore(scratch.path());
  const { readSide } = store;
  const tables = {
    one: "id INTEGER PRIMARY KEY, other INTEGER REFERENCES {other} (id)",
    other: "id INTEGER PRIMARY KEY, one INTEGER REFERENCES {one} (id)",
  };
  await readSide.commit({
    models: [
      { step: "create", generation: 1, name: "a", version: 1, shape: { kind: "sql", tables, indexes: {} } },
    ],
  });
  for (const step of ["clear", "drop"] as const) {
    await readSide.transaction(async (transaction) => {
      const sql = transaction.sql(1);
      await sql.run("INSERT INTO {one} VALUES (1, NULL)");
      await sql.run("INSERT INTO {other} VALUES (1, 1)");
      await sql.run("UPDATE {one} SET other = 1");
    });
    await readSide.commit({ models: [{ step, generation: 1 }] });
    if (step === "drop") continue;
    const dangling = readSide.transaction(async (transaction) => {
      await transaction.commit({ models: [{ step, generation: 1 }] });
      await transaction.sql(1).run("INSERT INTO {other} VALUES (2, 7)");
    });
    await expect(dangling).rejects.toMatchObject({ code: "SQL_FAILED" });
  }
  expect((await store.verify()).problems).toEqual([]);
});

describe("a file whose read models do not fit their tables", () => {
  test("is reported by verify, one message for each table", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await store.append({ stream: "thing-1", events: [{ type: "ThingDone", data: 1 }] });
    await build(store, "{}");
    expect((await store.verify()).problems).toEqual([]);
    inFile(path, (db) => {
      db.exec("DROP VIEW read_orders; DROP TABLE documents_1; CREATE TABLE documents_99 (a)");
    });
    expect((await store.verify()).problems.map(({ kind, message }) => [kind, message])).toEqual([
      ["file", 'the table documents_1 of the read model "orders" (generation 1) is missing'],
      ["file", "the table documents_99 belongs to no read model"],
    ]);
  });

  test("is called damaged by reads of that model", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await build(store, "{}");
    inFile(path, (db) => {
      db.exec("DROP VIEW read_orders; DROP TABLE documents_1");
    });
    const reading = store.readSide.getDocument({ name: "orders" }, "one");
    await expect(reading).rejects.toMatchObject({ code: "STORE_DAMAGED" });
  });
});

describe("SQL of a handler", () => {
  test("can not change the log, and its attempt undoes the transaction", async () => {
    await using store = await openSqliteStore(scratch.path());
    const attempt = store.readSide.transaction(async (transaction) => {
      await transaction.append({ events: [{ type: "ThingDone", data: 1 }] });
      await transaction.sql().run("DELETE FROM commits");
    });
    await expect(attempt).rejects.toMatchObject({
      code: "SQL_FAILED",
      details: { problem: "commits is not to be written to by SQL" },
    });
    expect(await store.head()).toBe(0);
  });

  test("can keep tables of its own, and counts as whole numbers what is whole", async () => {
    const path = scratch.path();
    await using store = await openSqliteStore(path);
    await store.readSide.transaction(async (transaction) => {
      const sql = transaction.sql();
      expect(await sql.run("CREATE TABLE mails (day TEXT PRIMARY KEY, sent INTEGER) STRICT")).toEqual({
        changes: 0,
      });
      await sql.run("INSERT INTO mails VALUES ('day ' || ?, 5 / ?)", [7, 2]);
    });
    expect(inFile(path, (db) => db.prepare("SELECT * FROM mails").get())).toEqual({ day: "day 7", sent: 2 });
  });
});
