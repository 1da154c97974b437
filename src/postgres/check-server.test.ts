import { expect, test } from "vitest";
import { serverProblem } from "./check-server.ts";

test.each([
  [140_000, "14.0"],
  [180_004, "18.4 (Debian 18.4-1)"],
])("takes version %i", (versionNumber, version) => {
  expect(serverProblem({ versionNumber, version, encoding: "UTF8" })).toBeUndefined();
});

test("refuses a server before version 14 and names both versions", () => {
  expect(serverProblem({ versionNumber: 130_022, version: "13.22", encoding: "UTF8" })).toBe(
    "it is PostgreSQL 13.22, and 14 or later is needed",
  );
});

test.each(["LATIN1", "SQL_ASCII"])("refuses a database in %s", (encoding) => {
  expect(serverProblem({ versionNumber: 180_004, version: "18.4", encoding })).toContain(encoding);
});
