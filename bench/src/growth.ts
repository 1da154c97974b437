// `npm run bench:growth`: whether a store of ten million events is as quick, and as small in memory, as one of a hundred
// thousand. Both are filled first; then they are probed in turns, each time by a fresh process.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { openSqliteStore } from "hitherto/sqlite";
import { makeBatches } from "./events.ts";
import { formatFigure } from "./format.ts";
import type { GrowthCheck, GrowthFigures } from "./growth-checks.ts";
import { checkGrowth, mergeProbes } from "./growth-checks.ts";
import { probe, probePassage } from "./growth-probe.ts";
import type { Passage, PassageFigures, ProbeFigures } from "./growth-probe.ts";
import { describeSqlite, describeMachine } from "./machine.ts";

interface Options {
  readonly events: number;
  readonly small: number;
  readonly perAppend: number;
  readonly dir: string;
  readonly json?: true;
}

interface Paths {
  readonly small: string;
  readonly large: string;
  readonly copy: string;
}

const scratch = fileURLToPath(new URL("../../tmp", import.meta.url));
const roundCount = 5;
const inFlight = 64;
/** Events that each look appends; never more than the small store has. */
const appendedMax = 100_000;
/** Streams in the larger store; the smaller one has as many events in each. */
const eventsPerStream = 100;

const examples = `
Examples:
  npm run bench:growth                           about three minutes, and 3 GB of disk
  npm run bench:growth -- --events 1000000 --json`;

const program = new Command("npm run bench:growth --")
  .description(
    "Compares a large store with a small one: appending, reading, consuming, projecting, opening, memory.",
  )
  .option("--events <n>", "events in the large store", parseCount, 10_000_000)
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
async function fill(path: string, events: number, perAppend: number): Promise<void> {
  const store = await openSqliteStore(path);
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
async function probeInTurns(paths: Paths, { small, perAppend }: Options): Promise<GrowthFigures> {
  const appended = Math.min(appendedMax, small);
  const probes = { small: [] as ProbeFigures[], large: [] as ProbeFigures[] };
  for (let round = 0; round < roundCount; round++) {
    copyFileSync(paths.small, paths.copy);
    probes.small.push(await probe({ path: paths.copy, perAppend, appended }));
    probes.large.push(await probe({ path: paths.large, perAppend, appended }));
  }
  return {
    small: mergeProbes(probes.small, await goThrough(paths.small)),
    large: mergeProbes(probes.large, await goThrough(paths.large)),
  };
}

async function goThrough(path: string): Promise<Record<Passage, PassageFigures>> {
  const read = await probePassage(path, "read");
  const consume = await probePassage(path, "consume");
  return { read, consume, project: await probePassage(path, "project") };
}

function renderTable(options: Options, checks: readonly GrowthCheck[]): string {
  const events = (count: number): string => `${formatFigure(count)} events`;
  const table = new Table({
    head: ["", events(options.small), events(options.events), "target", ""],
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
  const pathOf = (name: keyof Paths): string => join(folder, `${name}.db`);
  const paths: Paths = { small: pathOf("small"), large: pathOf("large"), copy: pathOf("copy") };
  await fill(paths.small, options.small, options.perAppend);
  await fill(paths.large, options.events, options.perAppend);
  const largeBytes = statSync(paths.large).size;
  const figures = await probeInTurns(paths, options);
  const checks = checkGrowth(figures);
  if (options.json === true) {
    const [node, engine, date] = [process.version, describeSqlite(), new Date().toISOString()];
    const durability = "fsync (WAL, synchronous=FULL)";
    const sizes = { events: options.events, small: options.small, perAppend: options.perAppend, largeBytes };
    console.log(
      JSON.stringify({ machine, node, engine, durability, date, ...sizes, figures, checks }, null, 2),
    );
    return;
  }
  console.log(renderTable(options, checks));
  console.log(`${formatFigure(largeBytes / options.events)} bytes on disk for each event of the large store`);
}

await main();
