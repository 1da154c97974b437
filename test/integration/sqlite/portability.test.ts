import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../../src/sqlite/", import.meta.url);

// Node 22 takes `?1` for the name of a parameter, and values by their order only for `?`. The tests run on Node 24.
test("no statement has numbered parameters, which Node 22 does not bind values to", () => {
  const files = globSync("*.ts", { cwd: folder });
  expect(files.length).toBeGreaterThan(10);
  const numbered = files.filter((file) => /[\s(=<>]\?\d/.test(readFileSync(new URL(file, folder), "utf8")));
  expect(numbered).toEqual([]);
});
