import { homedir } from "node:os";
import { describe, expect, test } from "vitest";
import { placeOf } from "../../../src/runtime/store-place.ts";

function problemOf(url: unknown): string {
  try {
    placeOf(url as string);
  } catch (error) {
    return (error as Error).message;
  }
  return "taken";
}

describe("a store in a file", () => {
  test.each([
    ["bank.db", "bank.db"],
    ["./data/bank.db", "./data/bank.db"],
    ["/data/bank.db", "/data/bank.db"],
    ["bank", "bank"],
    ["file 1%20.db", "file 1%20.db"],
    ["./odd:name.db", "./odd:name.db"],
    ["./C:bank.db", "./C:bank.db"],
    ["sqlite:bank.db", "bank.db"],
    ["sqlite:odd:name.db", "odd:name.db"],
    ["SQLite:./bank.db", "./bank.db"],
    ["sqlite:/data/bank.db", "/data/bank.db"],
    ["sqlite:///data/bank.db", "/data/bank.db"],
    ["file:bank.db", "bank.db"],
    ["file:./dev.db", "./dev.db"],
    ["file:../dev.db", "../dev.db"],
    ["FILE:my%20bank.db", "my bank.db"],
    ["file:/data/bank.db", "/data/bank.db"],
    ["file:///data/bank.db", "/data/bank.db"],
    ["file:///data/my%20bank.db", "/data/my bank.db"],
    ["file://localhost/data/bank.db", "/data/bank.db"],
    [new URL("file:///data/bank.db"), "/data/bank.db"],
  ] as const)("is named by %s", (url, path) => {
    expect(placeOf(url)).toEqual({ engine: "sqlite", path });
  });
});

test.each([
  ["memory:"],
  ["MEMORY:"],
  [":memory:"],
  ["sqlite::memory:"],
  ["sqlite://:memory:"],
  ["sqlite:///:memory:"],
  ["file::memory:"],
  [new URL("memory:")],
] as const)("a store in memory is named by %s", (url) => {
  expect(placeOf(url)).toEqual({ engine: "memory" });
});

test.each(["postgres://host/bank", "postgresql://ada@host:5432/bank?schema=events", "POSTGRES://host/bank"])(
  "a store on PostgreSQL is named by %s",
  (url) => {
    expect(placeOf(url)).toEqual({ engine: "postgres", url });
  },
);

describe("what is not meant is refused with the right spelling", () => {
  test.each<[unknown, string]>([
    // Values that are missing or not clean.
    [undefined, "not undefined"],
    ["", "it is empty"],
    ["  \n", "it is empty"],
    ["undefined", 'it is the text "undefined"'],
    ["null", 'it is the text "null"'],
    ["[object Object]", "it is the text"],
    ["bank.db\n", 'write "bank.db"'],
    [" bank.db", 'write "bank.db"'],
    ['"bank.db"', "write bank.db"],
    ["'file:./dev.db'", "write file:./dev.db"],
    ["~/bank.db", `write ${homedir()}/bank.db`],
    ["sqlite:~/bank.db", `write ${homedir()}/bank.db`],
    ["$HOME/bank.db", "has a variable in it"],
    ["data/${NAME}.db", "has a variable in it"],
    ["%APPDATA%/bank.db", "has a variable in it"],
    ["data/", "write the file too, such as data/store.db"],
    [String.raw`C:\data\bank.db`, "is a path of Windows"],
    ["C:bank.db", "is a path of Windows"],
    [String.raw`data\bank.db`, "write data/bank.db"],
    // Parameters.
    ["bank.db?mode=ro", 'the parameter "mode", and a store in a file takes none: say it by the option mode'],
    ["sqlite:bank.db?timeout=5000", "say it by the option busyTimeoutMs"],
    ["file:./dev.db?connection_limit=1", 'the parameter "connection_limit"'],
    ["file:///data/bank.db?mode=ro&cache=shared", 'the parameter "mode"'],
    ["file:x?mode=memory&cache=shared", "memory: for a store in memory"],
    ["file::memory:?cache=shared", 'the parameter "cache"'],
    ["file:///data/bank.db?", "takes no parameters"],
    ["file:///data/bank.db#1", "write it as %23"],
    // Schemes and their slashes.
    ["sqlite://bank.db", "write sqlite:PATH or sqlite:///PATH"],
    ["sqlite:my%20bank.db", "which only file: knows"],
    ["sqlite:", "known are memory:, sqlite:PATH"],
    ["file:", "known are memory:"],
    ["file://bank.db", "write it as file:///PATH, or file:PATH"],
    ["file:my%2bank%.db", "write %25"],
    [":memory", "write memory:"],
    [":memory:x", "write memory:"],
    ["memory:bank", "write memory: alone"],
    ["memory://", "write memory: alone"],
    ["sqlite3:bank.db", "write sqlite:bank.db"],
    ["sqlite3:///data/bank.db", "write sqlite:///data/bank.db"],
    ["libsql:bank.db", "write sqlite:bank.db"],
    ["libsql://bank.turso.io", "a libsql server holds no store"],
    ["jdbc:sqlite:bank.db", "write sqlite:bank.db"],
    ["jdbc:postgresql://host/bank", "write postgres://HOST/DATABASE"],
    ["sqlite+aiosqlite:///bank.db", "write sqlite:bank.db"],
    ["pg://host/bank", "write postgres://HOST/DATABASE"],
    ["postgresql+psycopg2://host/bank", "write postgres://HOST/DATABASE"],
    ["postgers://host/bank", "write postgres: if that is meant"],
    ["sqllite:bank.db", "write sqlite: if that is meant"],
    ["mysql://host/bank", "known are memory:"],
    ["odd:name.db", "known are memory:"],
  ])("%j", (url, problem) => {
    expect(problemOf(url)).toContain(problem);
  });

  test("and no password of it is shown", () => {
    for (const url of [
      "postgres//ada:12?hid=secret@host/bank",
      "pg://ada:secret@host/bank",
      "jdbc:postgresql://ada:secret@host/bank",
      " postgres://ada:secret@host ",
    ]) {
      expect(problemOf(url)).not.toContain("secret");
    }
  });
});
