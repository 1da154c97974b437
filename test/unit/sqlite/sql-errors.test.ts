import { HithertoError } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { toStoreError } from "../../../src/sqlite/sql-errors.ts";

const sqliteError = (errcode: number): Error => Object.assign(new Error("as SQLite says"), { errcode });

describe("an error of SQLite", () => {
  // Extended codes hold their primary code in the lowest byte (https://www.sqlite.org/rescode.html).
  test.each([
    [1, "STORE_DAMAGED"],
    [5, "STORE_BUSY"],
    [5 | (1 << 8), "STORE_BUSY"],
    [8 | (2 << 8), "STORE_READ_ONLY"],
    [10 | (3 << 8), "STORE_IO"],
    [10 | (19 << 8), "STORE_FULL"],
    [11, "STORE_DAMAGED"],
    [13, "STORE_FULL"],
    [14, "STORE_IO"],
    [17, "STORE_DAMAGED"],
    [26, "STORE_NOT_A_STORE"],
    [999, "STORE_IO"],
  ])("with the code %i is %s and keeps its cause", (errcode, code) => {
    const cause = sqliteError(errcode);
    expect(toStoreError(cause, "a.db")).toMatchObject({ code, cause, details: { store: "a.db" } });
  });
});

describe("an error from elsewhere", () => {
  test("of Hitherto passes through", () => {
    const error = new HithertoError("STORE_CLOSED", { store: "a.db" });
    expect(toStoreError(error, "b.db")).toBe(error);
  });

  test("of anything else is STORE_IO", () => {
    expect(toStoreError(new TypeError("oops"), "a.db")).toMatchObject({ code: "STORE_IO" });
    expect(toStoreError("oops", "a.db")).toMatchObject({ code: "STORE_IO", details: { problem: "oops" } });
  });

  test("about an integer that is too large is damage", () => {
    const error = Object.assign(new RangeError("too large"), { code: "ERR_OUT_OF_RANGE" });
    expect(toStoreError(error, "a.db")).toMatchObject({ code: "STORE_DAMAGED" });
  });
});
