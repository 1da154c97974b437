/**
 * That every benchmark runs and that its JSON has the promised shape; what the figures are is not a test's business.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { benchmarks } from "../../bench/src/catalogue.ts";
import type { RunResult } from "../../bench/src/results.ts";
import { ensureBuilt, root } from "../../scripts/lib/workspace.ts";

interface Finished {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program of the benchmarks on the built package, as `npm run bench` does. */
function run(program: string, ...args: readonly string[]): Finished {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "bench/src", program), ...args],
    {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    },
  );
  return { status, out: stdout, err: stderr };
}

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-bench-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const aFigure: unknown = expect.any(Number);

beforeAll(() => {
  expect(ensureBuilt()).toBe(true);
}, 120_000);

describe("the benchmarks", () => {
  test("run all of them and print one JSON object that names machine, engine and durability", () => {
    const folder = scratchFolder();
    const { status, out, err } = run("main.ts", "--seconds", "0.05", "--no-peers", "--json", "--dir", folder);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const result = JSON.parse(out) as RunResult;
    expect(result).toMatchObject({
      machine: { cores: aFigure, memoryBytes: aFigure, fsyncMs: aFigure, loadBefore: aFigure },
      node: process.version,
      engine: expect.stringMatching(/^node:sqlite 3\.\d+\.\d+$/) as unknown,
      durability: expect.stringContaining("fsync") as unknown,
      seconds: 0.05,
    });
    expect(result.machine.cpu).not.toBe("");
    expect(result.machine.filesystem).not.toBe("");
    expect(result.benchmarks.map(({ id }) => id)).toEqual(benchmarks.sqlite.map(({ id }) => id));
    expect(readdirSync(folder), "the files are removed again").toEqual([]);
    for (const benchmark of result.benchmarks) {
      expect(benchmark).toMatchObject({ value: aFigure, p50: aFigure, p99: aFigure, failure: null });
      expect(benchmark.rounds).toHaveLength(result.rounds);
    }
    expect(result.benchmarks.filter(({ p50, p99 }) => !(p50! > 0 && p99! >= p50!))).toEqual([]);
    const unjudged = result.benchmarks.filter(({ isMet }) => isMet === null);
    expect(unjudged.flatMap(({ checks }) => checks.filter(({ isMet }) => isMet !== null))).toEqual([]);
    const floored = result.benchmarks.filter(({ floor }) => floor !== null);
    expect(floored.map(({ id }) => id)).toEqual(
      benchmarks.sqlite.filter(({ floor }) => floor !== undefined).map(({ id }) => id),
    );
    for (const { floor } of floored) {
      expect(floor).toMatchObject({ value: aFigure, ratio: aFigure, failure: null });
    }
  }, 120_000);

  test("run only what is asked for, as a table that says met or missed", () => {
    const { status, out } = run("main.ts", "--only", "upcast", "--seconds", "0.05", "--no-peers");
    expect(status).toBe(0);
    expect(out).toMatch(/upcast\.step.*(met|missed)/);
    expect(out).toContain("synchronous=FULL");
    expect(out).not.toContain("append.sequential");
  });

  test("refuse a prefix that no benchmark begins with", () => {
    const { status, err } = run("main.ts", "--only", "upcast,nonsense");
    expect(status).toBe(1);
    expect(err).toContain('No benchmark on sqlite begins with "nonsense"');
  });

  test("compare a large store with a small one", () => {
    const args = ["--events", "20000", "--small", "2000", "--json", "--dir", scratchFolder()];
    const { status, out, err } = run("growth.ts", ...args);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    const { checks, figures } = JSON.parse(out) as { checks: Array<{ what: string }>; figures: object };
    expect(checks.map(({ what }) => what.split(":")[0])).toEqual([
      "growth.append",
      "growth.tail",
      "growth.stream",
      "growth.consume",
      "growth.project",
      "growth.open",
      "growth.stats",
      "growth.memory",
      "growth.memory",
      "growth.memory",
    ]);
    const passage = { rate: aFigure, memoryMiB: aFigure };
    expect(figures).toMatchObject({
      large: {
        openMs: aFigure,
        appendRate: aFigure,
        tailRate: aFigure,
        passages: { read: passage, consume: passage, project: passage },
      },
    });
  }, 120_000);
});
