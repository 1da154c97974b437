/**
 * Runs benchmarks: starts every runner of one, has them warm up, and then lets them do slices in turns.
 *
 * In each round every runner does one slice; who begins changes from round to round. Between slices there is a short
 * rest, so that what one leaves to the background (the embedded store moves its write-ahead log when it is idle) is
 * not done in the next one's time.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Benchmark, RunnerName } from "./benchmark.ts";
import { isPeer, peerRelease } from "./contenders/peer-modules.ts";
import type { RunningEngine } from "./engine.ts";
import type { BenchmarkResult, RivalResult, RoundResult } from "./results.ts";
import type { Runner } from "./runner.ts";
import { startRunner } from "./runner.ts";
import { median } from "./statistics.ts";
import type { Figures, Standings } from "./targets.ts";
import type { Slice } from "./work/work.ts";

/** How benchmarks are run. */
export interface RunOptions {
  readonly engine: RunningEngine;
  /** Where each runner gets a folder of its own. */
  readonly folder: string;
  /** What each runner measures for, in all rounds together. */
  readonly seconds: number;
  readonly withPeers: boolean;
  /** Told what is going on. */
  readonly onProgress: (doing: string) => void;
}

/** Rounds of slices; odd, so that the median is one of them. */
export const roundCount = 5;
const warmUpShare = 0.5;
const restMs = 700;
/** Data to read are prepared in full from this on. */
const fullScaleSeconds = 2;

interface Entrant {
  readonly name: RunnerName;
  runner: Runner | undefined;
  failure: string | undefined;
  readonly slices: Slice[];
  /** Its database, where the engine is a server. */
  url: string | null;
}

/** Runs one benchmark. What fails of it is in the result. */
export async function runBenchmark(benchmark: Benchmark, options: RunOptions): Promise<BenchmarkResult> {
  const names: RunnerName[] = ["hitherto"];
  if (benchmark.floor !== undefined) names.push(benchmark.floor);
  if (options.withPeers) names.push(...benchmark.peers);
  const entrants = names.map((name): Entrant => ({
    name,
    runner: undefined,
    failure: undefined,
    slices: [],
    url: null,
  }));
  try {
    for (const entrant of entrants) await attempt(entrant, () => start(entrant, benchmark, options));
    await takeTurns(benchmark, entrants, options);
  } finally {
    for (const { runner, url } of entrants) {
      await runner?.close();
      if (url !== null) await options.engine.dropDatabase(url);
    }
    rmSync(join(options.folder, benchmark.id), { recursive: true, force: true });
  }
  return summarise(benchmark, entrants);
}

async function start(entrant: Entrant, { id }: Benchmark, options: RunOptions): Promise<void> {
  if (isPeer(entrant.name) && peerRelease(entrant.name) === undefined) {
    throw new Error("not installed (npm run bench:peers:install)");
  }
  options.onProgress(`${id}: preparing ${entrant.name}`);
  entrant.url = await options.engine.makeDatabase();
  entrant.runner = await startRunner({
    engine: options.engine.name,
    benchmark: id,
    runner: entrant.name,
    url: entrant.url,
    folder: join(options.folder, id, entrant.name),
    scale: Math.min(1, options.seconds / fullScaleSeconds),
  });
}

async function takeTurns(
  { id }: Benchmark,
  entrants: readonly Entrant[],
  options: RunOptions,
): Promise<void> {
  const sliceMs = (options.seconds * 1_000) / roundCount;
  for (const entrant of entrants) {
    options.onProgress(`${id}: ${entrant.name} warms up`);
    await attempt(entrant, async () => void (await entrant.runner?.slice(sliceMs * warmUpShare)));
  }
  for (let round = 0; round < roundCount; round++) {
    for (let turn = 0; turn < entrants.length; turn++) {
      const entrant = entrants[(round + turn) % entrants.length];
      if (entrant?.runner === undefined || entrant.failure !== undefined) continue;
      const { runner, slices } = entrant;
      options.onProgress(`${id}: round ${round + 1} of ${roundCount}, ${entrant.name}`);
      await sleep(Math.min(restMs, sliceMs));
      await attempt(entrant, async () => void slices.push(await runner.slice(sliceMs)));
    }
  }
}

/** A runner that fails is left out from then on; the others go on. */
async function attempt(entrant: Entrant, action: () => Promise<void>): Promise<void> {
  if (entrant.failure !== undefined) return;
  try {
    await action();
  } catch (error) {
    entrant.failure = error instanceof Error ? error.message : String(error);
  }
}

function summarise(benchmark: Benchmark, entrants: readonly Entrant[]): BenchmarkResult {
  const [ours, ...rivals] = entrants;
  const own = figuresOf(benchmark, ours);
  const results = rivals.map((rival) => rivalResult(benchmark, rival, own));
  const floorIndex = rivals.findIndex(({ name }) => name === benchmark.floor);
  const standings = own && standingsOf(benchmark, own, rivals);
  const checks = benchmark.targets.map((target) => {
    return { target: target.text, isMet: (standings && target.isMet(standings)) ?? null };
  });
  const verdicts = checks.map(({ isMet }) => isMet).filter((isMet) => isMet !== null);
  return {
    id: benchmark.id,
    what: benchmark.what,
    unit: benchmark.unit,
    timeUnit: benchmark.figure === "rate" ? "ms" : benchmark.unit,
    figure: benchmark.figure,
    value: own?.[benchmark.figure] ?? null,
    p50: own?.p50 ?? null,
    p99: own?.p99 ?? null,
    target: checks.length === 0 ? null : checks.map(({ target }) => target).join("; "),
    isMet: verdicts.length === 0 ? null : verdicts.every(Boolean),
    checks,
    floor: results[floorIndex] ?? null,
    peers: results.filter((_, index) => index !== floorIndex),
    rounds: (ours?.slices ?? []).map((slice) => roundResult(benchmark, slice)),
    failure: ours?.failure ?? null,
  };
}

function standingsOf(benchmark: Benchmark, ours: Figures, rivals: readonly Entrant[]): Standings {
  const all = rivals.map((rival) => ({ name: rival.name, figures: figuresOf(benchmark, rival) }));
  return {
    ours,
    floor: all.find(({ name }) => name === benchmark.floor)?.figures,
    peers: all.flatMap(({ name, figures }) => (isPeer(name) && figures !== undefined ? [figures] : [])),
  };
}

function rivalResult(benchmark: Benchmark, rival: Entrant, ours: Figures | undefined): RivalResult {
  const figures = figuresOf(benchmark, rival);
  const value = figures?.[benchmark.figure];
  const own = ours?.[benchmark.figure];
  const attempted = rival.runner?.attempt;
  return {
    name: rival.name,
    version: isPeer(rival.name) ? (peerRelease(rival.name) ?? null) : null,
    configuration: rival.runner?.configuration ?? "",
    value: value ?? null,
    p50: figures?.p50 ?? null,
    p99: figures?.p99 ?? null,
    ratio: value === undefined || own === undefined ? null : ratioOf(benchmark, own, value),
    parallel: attempted === undefined ? null : { ...attempted, error: attempted.error ?? null },
    failure: rival.failure ?? null,
  };
}

function ratioOf({ figure }: Benchmark, ours: number, theirs: number): number {
  return figure === "rate" ? ours / theirs : theirs / ours;
}

/** Medians over the rounds. */
function figuresOf(benchmark: Benchmark, entrant: Entrant | undefined): Figures | undefined {
  if (entrant === undefined || entrant.slices.length === 0) return undefined;
  const of = (figure: (slice: Slice) => number): number => median(entrant.slices.map(figure));
  const { sampleMs = 1 } = benchmark;
  return { rate: of(rateOf), p50: of(({ p50 }) => p50) / sampleMs, p99: of(({ p99 }) => p99) / sampleMs };
}

function roundResult({ figure, sampleMs = 1 }: Benchmark, slice: Slice): RoundResult {
  const [p50, p99, max] = [slice.p50 / sampleMs, slice.p99 / sampleMs, slice.max / sampleMs];
  return { value: { rate: rateOf(slice), p50, p99 }[figure], p50, p99, max, samples: slice.samples };
}

function rateOf({ units, elapsedMs }: Slice): number {
  return (units * 1_000) / elapsedMs;
}
