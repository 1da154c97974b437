// `npm run bench:growth`: whether a store of millions of events is as quick, and as small in memory, as one of a hundred
// thousand; in files, or on a PostgreSQL server. Both are filled first; then they are probed in turns, each time by a fresh process.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Engine } from "./benchmark.ts";
import { openStore } from "./contenders/hitherto.ts";
import { startEngine } from "./engine.ts";
import { makeBatches } from "./events.ts";
import { formatFigure } from "./format.ts";
import type { GrowthCheck, GrowthFigures } from "./growth-checks.ts";
import { checkGrowth, mergeProbes } from "./growth-checks.ts";
import { probe, probePassage } from "./growth-probe.ts";
import type { Passage, PassageFigures, ProbeFigures } from "./growth-probe.ts";
import { makeStores } from "./growth-stores.ts";
import type { GrowthStores } from "./growth-stores.ts";
import { describeMachine } from "./machine.ts";

interface Options {
  readonly engine: Engine;
  /** Undefined for the engine's default. */
  readonly events: number | undefined;
  readonly small: number;
  readonly perAppend: number;
  readonly dir: string;
  readonly json?: true;
}

const scratch = fileURLToPath(new URL("../../tmp", import.meta.url));
const eventsByDefault = { sqlite: 10_000_000, postgres: 5_000_000 } as const;
const roundCount = 5;
const inFlight = 64;
/** Events that each look appends; never more than the small store has. */
const appendedMax = 100_000;
/** Streams in the larger store; the smaller one has as many events in each. */
const eventsPerStream = 100;

const examples = `
Examples:
  npm run bench:growth                           about three minutes, and 3 GB of disk
  npm run bench:growth -- --events 1000000 --json
  npm run bench:growth -- --engine postgres      5,000,000 events on a server that is started for it: 8 GB of disk`;

const program = new Command("npm run bench:growth --")
  .description(
    "Compares a large store with a small one: appending, reading, consuming, projecting, opening, memory.",
  )
  .addOption(
    new Option("--engine <engine>", "what keeps the events: a file or a server")
      .choices(["sqlite", "postgres"])
      .default("sqlite"),
  )
  .option("--events <n>", "events in the large store (default: 10000000, on PostgreSQL 5000000)", parseCount)
  .option("--small <n>", "events in the small store", parseCount, 100_000)
  .option("--per-append <n>", "events in each append", parseCount, 10)
  .option("--dir <folder>", "where the files go; the disk is part of what is measured", scratch)
  .option("--json", "print one JSON object")
  .addHelpText("after", examples);

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("It must be a whole number above 0.");
}

/** Fills a fresh store, with a bar where somebody watches. */
async function fill(location: string, events: number, perAppend: number): Promise<void> {
  const store = await openStore(location);
  const batches = makeBatches(1_000, perAppend);
  const streams = Math.ceil(events / eventsPerStream);
  const bar = new SingleBar({
    format: `Filling {bar} {percentage} % · {value} of {total} events · {eta_formatted} left`,
    noTTYOutput: false,
    clearOnComplete: true,
    etaBuffer: 100,
  });
  bar.start(events, 0);
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let index = next++; index * perAppend < events; index = next++) {
      await store.append({
        stream: `account-${index % streams}`,
        events: batches[index % batches.length] ?? [],
      });
      if (index % 500 === 0) bar.update(index * perAppend);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  bar.stop();
  await store.close();
}

/** Both stores, in turns. The small one is a fresh copy each time: what is appended to it would soon be most of it. */
async function probeInTurns(stores: GrowthStores, { small, perAppend }: Options): Promise<GrowthFigures> {
  const appended = Math.min(appendedMax, small);
  const probes = { small: [] as ProbeFigures[], large: [] as ProbeFigures[] };
  for (let round = 0; round < roundCount; round++) {
    const copy = await stores.copyOfSmall();
    probes.small.push(await probe({ location: copy, perAppend, appended }));
    probes.large.push(await probe({ location: stores.large, perAppend, appended }));
  }
  return {
    small: mergeProbes(probes.small, await goThrough(stores.small)),
    large: mergeProbes(probes.large, await goThrough(stores.large)),
  };
}

async function goThrough(location: string): Promise<Record<Passage, PassageFigures>> {
  const read = await probePassage(location, "read");
  const consume = await probePassage(location, "consume");
  return { read, consume, project: await probePassage(location, "project") };
}

/** All that is told of a run. */
interface Run {
  readonly machine: ReturnType<typeof describeMachine>;
  readonly node: string;
  readonly engine: string;
  readonly durability: string;
  readonly events: number;
  readonly small: number;
  readonly perAppend: number;
  readonly largeBytes: number;
  readonly figures: GrowthFigures;
}

function report(run: Run, { json }: Options): void {
  const checks = checkGrowth(run.figures);
  if (json === true) {
    console.log(JSON.stringify({ ...run, date: new Date().toISOString(), checks }, null, 2));
    return;
  }
  console.log(`${run.engine}; ${run.durability}; load before ${formatFigure(run.machine.loadBefore)}`);
  console.log(renderTable(run, checks));
  console.log(`${formatFigure(run.largeBytes / run.events)} bytes on disk for each event of the large store`);
}

function renderTable(run: Run, checks: readonly GrowthCheck[]): string {
  const events = (count: number): string => `${formatFigure(count)} events`;
  const table = new Table({
    head: ["", events(run.small), events(run.events), "target", ""],
    colAligns: ["left", "right", "right", "left", "left"],
    style: { head: [], border: [] },
  });
  for (const { what, unit, small, large, target, isMet } of checks) {
    const cell = (value: number): string => `${formatFigure(value)} ${unit}`;
    table.push([what, cell(small), cell(large), target, isMet ? "met" : "missed"]);
  }
  return table.toString();
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  mkdirSync(resolve(options.dir), { recursive: true });
  const folder = mkdtempSync(join(resolve(options.dir), "growth-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const machine = describeMachine(folder);
  const engine = await startEngine(options.engine);
  const { description, durability } = engine;
  try {
    const stores = await makeStores(engine, folder);
    const { perAppend, small } = options;
    const events = options.events ?? eventsByDefault[options.engine];
    await fill(stores.small, small, perAppend);
    await stores.settle(stores.small);
    await fill(stores.large, events, perAppend);
    const largeBytes = await stores.settle(stores.large);
    const figures = await probeInTurns(stores, options);
    const sizes = { events, small, perAppend, largeBytes };
    await stores.remove();
    report({ machine, node: process.version, engine: description, durability, ...sizes, figures }, options);
  } finally {
    await engine.close();
  }
}

await main();
