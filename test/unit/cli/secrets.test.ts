/**
 * A command line on which the URL of a store has got to the wrong place, or is mistyped: no output repeats its password.
 */
import { expect, test } from "vitest";
import { open } from "../../../src/runtime/open.ts";
import { runCli } from "./run-cli.ts";

const password = "Xq7-secret";
const url = `postgres://ada:${password}@db.invalid/bank`;
const openStore = (given: string): ReturnType<typeof open> => open(given, { connectTimeoutMs: 500 });

test.each([
  [[url]],
  [["read", "--limit", url]],
  [["read", `--stroe=${url}`]],
  [["append", "s", "--expect", url]],
  [["import", url]],
  [["import", "--store", "memory:", `./${url}`]],
  [["consumers", url]],
  [["stats", "--store", `postgres//ada:${password}@db.invalid/bank`]],
  [["stats", "--store", `postgres:/ada:${password}@db.invalid/bank`]],
  [["stats", "--store", `postgers://ada:${password}@db.invalid/bank`]],
  [["stats", "--store", `postgres://ada:${password} @db.invalid/bank`]],
  [["stats", "--store", `host=db.invalid password=${password}`]],
  [["stats", "--store", url]],
])("hitherto %j", async (args) => {
  for (const json of [[], ["--json"]]) {
    const { exitCode, out, err } = await runCli([...args, ...json], { open: openStore });
    expect(exitCode).toBeGreaterThan(0);
    expect(out + err).not.toContain(password);
  }
});

test("an environment variable that is mistyped", async () => {
  const { err } = await runCli(["stats"], {
    open: openStore,
    env: { HITHERTO_STORE: `//ada:${password}@db/bank` },
  });
  expect(err).not.toContain(password);
  expect(err).toContain("***");
});
