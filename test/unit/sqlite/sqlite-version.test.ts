import { expect, test } from "vitest";
import { checkSqlite, isSoundSqlite } from "../../../src/sqlite/sqlite-version.ts";

test.each([
  "3.51.3",
  "3.51.10",
  "3.52.0",
  "3.53.4",
  "3.100.0",
  "4.0.0",
  "3.50.7",
  "3.50.12",
  "3.44.6",
  "3.51.3-beta",
])("SQLite %s has the fix", (version) => {
  expect(isSoundSqlite(version)).toBe(true);
});

test.each([
  "3.51.2",
  "3.51.0",
  "3.50.6",
  "3.50.0",
  "3.49.1",
  "3.45.3",
  "3.44.5",
  "3.43.2",
  "3.9.0",
  "2.8.17",
])("SQLite %s has not", (version) => {
  expect(isSoundSqlite(version)).toBe(false);
});

test.each(["", "next", "3", "3.60"])("a version that cannot be read, %j, is not refused", (version) => {
  expect(isSoundSqlite(version)).toBe(true);
});

test("a store in a file is refused with the versions of Node to install", () => {
  const refused = { code: "SQLITE_UNSOUND", actor: "operator", isRetryable: false };
  expect(() => checkSqlite("/data/bank.db", "3.49.1")).toThrow(expect.objectContaining(refused));
  expect(() => checkSqlite("/data/bank.db", "3.49.1")).toThrow(/SQLite 3\.49\.1.*22\.22\.3.*24\.15/s);
  expect(() => checkSqlite("/data/bank.db")).not.toThrow();
});
