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

test("the benchmarks run on a server, name its durability, and leave no database behind", async () => {
  const args = ["--engine", "postgres", "--seconds", "0.05", "--no-peers", "--json"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "bench/src/main.ts"), ...args], {
    encoding: "utf8",
    env: { ...process.env, HITHERTO_TEST_POSTGRES_URL: postgresUrl() },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const result = JSON.parse(stdout) as RunResult;
  expect(result.engine).toMatch(/^PostgreSQL: server_version=\d+/);
  expect(result.durability).toContain("fsync=on, synchronous_commit=on");
  expect(result.benchmarks.map(({ id }) => id)).toEqual(postgresBenchmarks.map(({ id }) => id));
  const measured = { value: expect.any(Number) as unknown, failure: null };
  for (const [index, { value, floor, failure }] of result.benchmarks.entries()) {
    const hasFloor = postgresBenchmarks[index]!.floor !== undefined;
    expect({ value, floor, failure }).toMatchObject({ ...measured, floor: hasFloor ? measured : null });
  }
  const left = "SELECT datname FROM pg_database WHERE datname LIKE 'hitherto\\_bench\\_%'";
  expect(await runSql(left)).toEqual([]);
}, 120_000);
