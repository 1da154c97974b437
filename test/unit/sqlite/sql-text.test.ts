import { isHithertoError } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { checkCommand, checkReads, commandOf, withTables } from "../../../src/sqlite/read-side/sql-text.ts";

const tables = new Map([["days", '"table_3_days"']]);

function problemOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isHithertoError(error, "SQL_FAILED")) throw error;
    return error.details.problem;
  }
}

describe("a name in braces", () => {
  test("becomes the name of a table, wherever it stands as a name", () => {
    expect(withTables("SELECT {days}.day FROM {days} WHERE {days}.n>?", tables)).toBe(
      'SELECT "table_3_days".day FROM "table_3_days" WHERE "table_3_days".n>?',
    );
  });

  test.each([
    "SELECT '{days}', 'it''s {days}'",
    'SELECT "{days}" FROM a',
    "SELECT 1 -- {days}\n",
    "SELECT /* {days} ' */ 1",
    "SELECT `{days}`, [{days}]",
    "SELECT 1 /* {days}",
  ])("stays as it is in %s", (sql) => {
    expect(withTables(sql, tables)).toBe(sql);
  });

  test("that is not known is refused with those that are", () => {
    expect(problemOf(() => withTables("SELECT * FROM {weeks}", tables))).toMatch(/\{weeks\}.*known are days/);
  });
});

describe("several statements in one text", () => {
  test.each(["SELECT 1; SELECT 2", "DELETE FROM {days};;x", "SELECT 1; /* now */ COMMIT"])(
    "are refused: %s",
    (sql) => {
      expect(problemOf(() => withTables(sql, tables))).toMatch(/several statements/);
    },
  );

  test.each(["SELECT 1;", "SELECT ';'", "SELECT 1; -- no more", "SELECT 1 ;\n /* ; */ ;"])(
    "are not seen in %j",
    (sql) => {
      expect(withTables(sql, tables)).toBe(sql);
    },
  );
});

describe("a command", () => {
  test.each([
    ["select 1", "SELECT"],
    [" -- a\n /* b */ ; COMMIT", "COMMIT"],
    ["/**/pragma x", "PRAGMA"],
    ["", ""],
    ["(select 1)", ""],
  ])("of %j is %j", (sql, command) => {
    expect(commandOf(sql)).toBe(command);
  });

  test.each([
    "COMMIT",
    "END",
    "ROLLBACK",
    "BEGIN",
    "SAVEPOINT a",
    "RELEASE a",
    "ATTACH 'x' AS y",
    "DETACH y",
  ])("that ends the transaction or reaches beyond it is refused: %s", (sql) => {
    expect(problemOf(() => checkCommand(sql))).toMatch(/not for use/);
  });

  test.each(["PRAGMA synchronous = OFF", "VACUUM", "REINDEX", "ANALYZE", "EXPLAIN SELECT 1", ""])(
    "that is about the file is refused: %j",
    (sql) => {
      expect(problemOf(() => checkCommand(sql))).toMatch(/not for use/);
    },
  );

  test.each([
    "INSERT INTO commits VALUES (1)",
    "insert or replace into main.Records values (1)",
    'DELETE FROM "counters"',
    "WITH a AS (SELECT 1) DELETE FROM [holes]",
    "UPDATE OR IGNORE generations SET position = 0",
    "UPDATE/**/explicit_ids SET id = 1",
    "DROP TABLE IF EXISTS `snapshots`",
    "DROP VIEW events",
    "DROP INDEX commits_by_stream",
    "ALTER TABLE documents_17 ADD COLUMN a",
    "REPLACE INTO table_3_days VALUES (1)",
    "CREATE VIEW read_orders AS SELECT 1",
    'DELETE FROM"commits"',
    "DELETE FROM[commits]",
    "INSERT INTO`records` VALUES (1)",
    "DELETE FROM 'commits'",
    "UPDATE main.'records' SET value = 1",
    'DELETE FROM "main" . "commits"',
    "CREATE TABLE temp.commits (a)",
    "CREATE TEMP VIEW generations AS SELECT 1",
    "ALTER TABLE mails RENAME TO commits",
    "CREATE UNIQUE INDEX a ON records (space)",
    "CREATE INDEX IF NOT EXISTS a ON 'commits'(body)",
  ])("that writes to the store's own tables is refused: %s", (sql) => {
    expect(problemOf(() => checkCommand(sql))).toMatch(/not to be written to by SQL/);
  });

  test.each([
    "INSERT INTO {days} SELECT day, 1 FROM events",
    "INSERT INTO {days} VALUES (1) ON CONFLICT (day) DO UPDATE SET n = 'INTO commits'",
    "CREATE TABLE IF NOT EXISTS mails (id TEXT PRIMARY KEY)",
    "UPDATE documents SET records = 1 -- UPDATE commits",
    "WITH a AS (SELECT * FROM commits) SELECT * FROM a",
    "INSERT INTO mails SELECT 'records', 'INTO', 'commits'",
    "CREATE INDEX mails_by_day ON mails (day)",
    "ALTER TABLE mails RENAME COLUMN a TO records",
    "CREATE VIEW mail_events AS SELECT * FROM mails JOIN events ON events.id = mails.id",
    "CREATE TEMP TABLE scratch AS SELECT * FROM commits",
  ])("on other tables is let through: %s", (sql) => {
    expect(problemOf(() => checkCommand(sql))).toBeUndefined();
  });

  test("of a query reads", () => {
    expect(problemOf(() => checkReads("WITH a AS (SELECT 1) SELECT * FROM a"))).toBeUndefined();
    expect(problemOf(() => checkReads("-- SELECT\nDELETE FROM {days}"))).toMatch(/DELETE does not only read/);
  });
});
