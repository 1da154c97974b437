import { expect, test } from "vitest";
import { checkReads, checkWithinTransaction, translate, withTables } from "./sql-text.ts";

const tables = new Map([["days", '"s"."table_1_days"']]);
const refused = (problem: RegExp | string): unknown =>
  expect.objectContaining({
    code: "SQL_FAILED",
    details: expect.objectContaining({ problem: expect.stringMatching(problem) as unknown }) as unknown,
  });

test("names in braces become tables, and places for values get numbers", () => {
  expect(translate("SELECT * FROM {days} WHERE day = ? AND total > ?", tables)).toEqual({
    sql: 'SELECT * FROM "s"."table_1_days" WHERE day = $1 AND total > $2',
    values: 2,
  });
});

test("nothing is replaced within texts, quoted names and comments", () => {
  for (const sql of [
    "SELECT '?', '{days}', 'it''s ?'",
    "SELECT E'\\'?{days}', e'a\\\\'",
    'SELECT "?", "a""{days}?"',
    "SELECT 1 -- ? {days}",
    "SELECT /* ? /* {days} */ ? */ 1",
    "SELECT $$ ? {days} $$, $tag$ $$ ? $tag$",
    "SELECT a$1 FROM x",
  ]) {
    expect(translate(sql, tables)).toEqual({ sql, values: 0 });
  }
});

test("two question marks are an operator's one", () => {
  expect(translate("SELECT d ?? 'a' AND e ??| ? FROM {days}", tables)).toEqual({
    sql: `SELECT d ? 'a' AND e ?| $1 FROM "s"."table_1_days"`,
    values: 1,
  });
});

test("an unknown table, and a place with a number, are refused by name", () => {
  expect(() => translate("SELECT * FROM {weeks}", tables)).toThrow(refused("\\{weeks\\}.*days"));
  expect(() => withTables("a REFERENCES {weeks}", new Map())).toThrow(refused("known are none"));
  expect(() => translate("SELECT $1", tables)).toThrow(refused("\\$1"));
});

test("only what reads is taken for a query, whatever stands before it", () => {
  for (const sql of [
    "SELECT 1",
    " (select 1)",
    "-- a\n/* b */ WITH x AS (SELECT 1) SELECT *",
    "VALUES (1)",
  ]) {
    checkReads(sql);
  }
  for (const sql of [
    "DELETE FROM x",
    "",
    "?",
    "COPY x TO STDOUT",
    "SET a = 1",
    "/* SELECT */ DROP TABLE x",
  ]) {
    expect(() => checkReads(sql)).toThrow(refused("does not only read"));
  }
  expect(() => checkReads(7 as never)).toThrow(refused("string"));
});

test("a statement within a transaction neither ends it nor writes to the store's own tables", () => {
  for (const sql of [
    "INSERT INTO {days} SELECT day FROM hitherto.events",
    "UPDATE public.events SET a = 1",
    "INSERT INTO hitherto.orders VALUES ('INTO hitherto.events')",
    "CREATE INDEX a ON {days} (day)",
  ]) {
    checkWithinTransaction(sql, "hitherto");
  }
  for (const sql of [
    "COMMIT",
    "SAVEPOINT a",
    "SET LOCAL a = 1",
    "LOCK TABLE x",
    "TRUNCATE {days}",
    "DO $$$$",
  ]) {
    expect(() => checkWithinTransaction(sql, "hitherto")).toThrow(refused("not for use within"));
  }
  for (const sql of [
    "UPDATE hitherto.events SET data = NULL",
    'DELETE FROM ONLY "hitherto" . "records"',
    "WITH a AS (INSERT INTO hitherto.documents_17 VALUES (1)) SELECT 1",
    "DROP TABLE IF EXISTS hitherto.table_3_days",
    "CREATE TRIGGER a BEFORE INSERT ON hitherto.events EXECUTE FUNCTION b()",
    "CREATE UNIQUE INDEX a ON hitherto.records (space)",
  ]) {
    expect(() => checkWithinTransaction(sql, "hitherto")).toThrow(refused("not to be written to"));
  }
});
