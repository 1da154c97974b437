/**
 * One look at a store by a fresh process: `probe` starts it, and this file, run as a program, is that process. Opening and
 * memory can only be measured where nothing was opened or read before.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { consumer, open, projection } from "hitherto";
import type { EventStore } from "hitherto/store";
import { openStore } from "./contenders/hitherto.ts";
import type { BenchEvent } from "./events.ts";
import { evolveBalance, makeBatches, noBalance } from "./events.ts";
import { percentile } from "./statistics.ts";

/** What to look at. */
export interface ProbeJob {
  /** A file, or the URL of a database. */
  readonly location: string;
  readonly perAppend: number;
  /** Events to append. */
  readonly appended: number;
}

/** What was seen. */
export interface ProbeFigures {
  /** From the call that opens the store until the head was known. */
  readonly openMs: number;
  /** Events per second, 64 appends in flight. */
  readonly appendRate: number;
  /** 99th percentile of the time of an append, in milliseconds. */
  readonly appendP99: number;
  /** Events per second, reading the last of the log. */
  readonly tailRate: number;
  /** Events per second, reading whole streams, one after the other. */
  readonly streamRate: number;
  /** How long `stats()` takes, in milliseconds. */
  readonly statsMs: number;
}

const tailEvents = 50_000;
const inFlight = 64;
const streamsRead = 300;
/** As many as each stream got when the stores were filled. */
const eventsPerStream = 100;
const self = fileURLToPath(import.meta.url);

/** Has a fresh process look at a store. */
export function probe(job: ProbeJob): Promise<ProbeFigures> {
  return inFreshProcess<ProbeFigures>(job);
}

/** How a store is gone through from end to end: read; by a consumer that does nothing; into a document per account. */
export type Passage = "read" | "consume" | "project";

/** What one passage came to. */
export interface PassageFigures {
  /** Events per second. */
  readonly rate: number;
  /** The most that the process had resident, in MiB. */
  readonly memoryMiB: number;
}

interface PassageJob {
  readonly location: string;
  readonly passage: Passage;
}

/**
 * Has a process that does nothing else go through a store. V8 lets the space for young garbage grow in any long loop; it
 * is held at 4 MiB, so that what is seen is what the store holds on to.
 */
export function probePassage(location: string, passage: Passage): Promise<PassageFigures> {
  return inFreshProcess<PassageFigures>({ location, passage }, ["--max-semi-space-size=4"]);
}

async function inFreshProcess<Figures>(
  job: ProbeJob | PassageJob,
  execArgv: readonly string[] = [],
): Promise<Figures> {
  const child = fork(self, [JSON.stringify(job)], { execArgv: [...process.execArgv, ...execArgv] });
  let figures: Figures | undefined;
  child.once("message", (message: Figures) => (figures = message));
  const [status] = (await once(child, "exit")) as [number | null];
  if (figures === undefined) throw new Error(`the probe ended with status ${status}`);
  return figures;
}

async function look({ location, perAppend, appended }: ProbeJob): Promise<ProbeFigures> {
  const began = performance.now();
  const store = await openStore(location);
  const head = await store.head();
  const openMs = performance.now() - began;
  // Once before, so that the code is compiled.
  await readFrom(store, head - tailEvents + 1);
  const tailRate = await rateOf(() => readFrom(store, head - tailEvents + 1));
  await readStreams(store);
  const streamRate = await rateOf(() => readStreams(store));
  const beforeStats = performance.now();
  await store.stats();
  const statsMs = performance.now() - beforeStats;
  const times: number[] = [];
  const batches = makeBatches(Math.ceil(appended / perAppend), perAppend, 7);
  const appendRate = await rateOf(() => appendMore(store, batches, times));
  await store.close();
  const appendP99 = percentile(Float64Array.from(times).sort(), 0.99);
  return { openMs, appendRate, tailRate, streamRate, statsMs, appendP99 };
}

/** A document for every account: as many as there are streams. */
const accounts = projection("accounts", {
  initial: () => noBalance,
  evolve: evolveBalance,
  indexes: ["cents"],
});

const passages: Readonly<Record<Passage, (location: string) => Promise<number>>> = {
  async read(location) {
    await using store = await openStore(location, "read");
    return await readFrom(store, 1);
  },
  async consume(location) {
    await using store = await open(location);
    let count = 0;
    await using member = await store.consume(consumer("growth", { handle: () => void count++ }));
    await member.caughtUp();
    return count;
  },
  async project(location) {
    await using store = await open(location);
    await using runner = await store.runProjections([accounts]);
    await runner.caughtUp();
    return (await store.projections.status(accounts.name)).position;
  },
};

async function goThrough({ location, passage }: PassageJob): Promise<PassageFigures> {
  const rate = await rateOf(() => passages[passage](location));
  return { rate, memoryMiB: process.resourceUsage().maxRSS / 1_024 };
}

async function rateOf(work: () => Promise<number>): Promise<number> {
  const began = performance.now();
  const count = await work();
  return (count * 1_000) / (performance.now() - began);
}

async function readFrom(store: EventStore, position: number): Promise<number> {
  let count = 0;
  for await (const page of store.read({ from: Math.max(1, position) }).pages()) count += page.length;
  return count;
}

/** Streams that both stores have. */
async function readStreams(store: EventStore): Promise<number> {
  let count = 0;
  for (let stream = 0; stream < streamsRead; stream++) {
    const events = store.readStream(`account-${stream * 3}`, { limit: eventsPerStream });
    for await (const page of events.pages()) count += page.length;
  }
  return count;
}

async function appendMore(
  store: EventStore,
  batches: ReadonlyArray<readonly BenchEvent[]>,
  times: number[],
): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let index = next++; index < batches.length; index = next++) {
      const before = performance.now();
      await store.append({ stream: `account-${index % 1_000}`, events: batches[index] ?? [] });
      times.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return batches.reduce((sum, { length }) => sum + length, 0);
}

if (process.argv[1] === self) {
  const job = JSON.parse(process.argv[2] ?? "{}") as ProbeJob | PassageJob;
  process.send?.(await ("appended" in job ? look(job) : goThrough(job)));
  process.disconnect();
}
