/**
 * That the benchmarks run on PostgreSQL; what the figures are is not a test's business.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { postgresBenchmarks } from "../../../bench/src/postgres-catalogue.ts";
import type { RunResult } from "../../../bench/src/results.ts";
import { ensureBuilt, root } from "../../../scripts/lib/workspace.ts";
import { postgresUrl, runSql } from "../../support/postgres.ts";

beforeAll(() => {
  expect(ensureBuilt()).toBe(true);
}, 120_000);

/** Runs a program of the benchmarks on the server of the tests. */
function run(
  program: string,
  ...args: readonly string[]
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "bench/src", program), ...args],
    {
      encoding: "utf8",
      env: { ...process.env, HITHERTO_TEST_POSTGRES_URL: postgresUrl() },
    },
  );
  return { status, out: stdout, err: stderr };
}

const databasesLeft = "SELECT datname FROM pg_database WHERE datname LIKE 'hitherto\\_bench\\_%'";

test("the benchmarks run on a server, name its durability, and leave no database behind", async () => {
  const { status, out, err } = run(
    "main.ts",
    "--engine",
    "postgres",
    "--seconds",
    "0.05",
    "--no-peers",
    "--json",
  );
  expect({ status, err }).toEqual({ status: 0, err: "" });
  const result = JSON.parse(out) as RunResult;
  expect(result.engine).toMatch(/^PostgreSQL: server_version=\d+/);
  expect(result.durability).toContain("fsync=on, synchronous_commit=on");
  expect(result.benchmarks.map(({ id }) => id)).toEqual(postgresBenchmarks.map(({ id }) => id));
  const measured = { value: expect.any(Number) as unknown, failure: null };
  for (const [index, { value, floor, failure }] of result.benchmarks.entries()) {
    const hasFloor = postgresBenchmarks[index]!.floor !== undefined;
    expect({ value, floor, failure }).toMatchObject({ ...measured, floor: hasFloor ? measured : null });
  }
  expect(await runSql(databasesLeft)).toEqual([]);
}, 120_000);

test("growth is measured on a server, and leaves no database behind", async () => {
  const sizes = ["--events", "3000", "--small", "1000"];
  const { status, out, err } = run("growth.ts", "--engine", "postgres", ...sizes, "--json");
  expect({ status, err }).toEqual({ status: 0, err: "" });
  const { engine, events, checks } = JSON.parse(out) as Record<string, unknown> & {
    readonly checks: ReadonlyArray<{ readonly large: number }>;
  };
  expect(engine).toMatch(/^PostgreSQL: server_version=\d+/);
  expect(events).toBe(3_000);
  expect(checks).toHaveLength(10);
  for (const { large } of checks) expect(large).toBeGreaterThan(0);
  expect(await runSql(databasesLeft)).toEqual([]);
}, 240_000);
