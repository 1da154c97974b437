import { expect, test } from "vitest";
import { openDatabase } from "../../../src/sqlite/driver.ts";
import { raiseFormat } from "../../../src/sqlite/formats.ts";
import { ReadSideReader } from "../../../src/sqlite/read-side/read-side-reader.ts";

test("an error tells of itself when SQLite has given up the read transaction, and the next read begins anew", () => {
  const db = openDatabase(":memory:", { isReadOnly: false, busyTimeoutMs: 0 });
  raiseFormat(db, 0);
  const reader = new ReadSideReader(db, "test", false);
  const cause = new Error("the disk says no");
  const givenUp = (): never => {
    db.exec("ROLLBACK");
    throw cause;
  };
  expect(() => reader.inOneState(givenUp)).toThrow(cause);
  expect(reader.inOneState(() => reader.nextGeneration())).toBe(1);
  db.close();
});
