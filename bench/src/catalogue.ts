/**
 * The benchmarks: what each measures, who runs it, and what it has to reach.
 */
import type { ContenderName } from "./contenders/contender.ts";
import type { Target } from "./targets.ts";
import { atLeast, atLeastTimesPeers, atMost, atMostTimesFloor } from "./targets.ts";
import { prepareAppend } from "./work/append.ts";
import {
  prepareConsume,
  prepareGet,
  prepareInline,
  prepareProject,
  prepareRebuildShop,
} from "./work/read-side.ts";
import { prepareReadLog, prepareRebuild } from "./work/read.ts";
import { prepareCrossProcess, prepareSubscribe } from "./work/subscribe.ts";
import { prepareUpcast, upcastUnitsPerSample } from "./work/upcast.ts";
import type { Work, WorkOptions } from "./work/work.ts";

/** Who runs a benchmark: a library, SQLite itself, bare functions, or the same append without a read model. */
export type RunnerName = ContenderName | "functions" | "append-alone";

/** The figure that stands for a benchmark: units per second, or a percentile of the time of one operation. */
export type Figure = "rate" | "p50" | "p99";

/** A benchmark. */
export interface Benchmark {
  readonly id: string;
  readonly what: string;
  /** Unit of the value: `ms` and `µs` for percentiles, or what is counted, per second. */
  readonly unit: "ms" | "µs" | "appends/s" | "events/s";
  readonly figure: Figure;
  /** Milliseconds of a sample are divided by this to give `p50` and `p99` in their unit. Default 1. */
  readonly sampleMs?: number;
  readonly targets: readonly Target[];
  /** What the work takes at least, without a library; if there is such a thing. */
  readonly floor: "sqlite" | "functions" | "append-alone" | undefined;
  readonly peers: readonly ContenderName[];
  prepare(name: RunnerName, options: WorkOptions): Promise<Work>;
}

const allPeers = ["emmett-sqlite", "act-sqlite"] as const;

const appends: readonly Benchmark[] = [
  {
    id: "append.sequential",
    what: "one caller, one event per append, each awaited",
    unit: "ms",
    figure: "p99",
    targets: [atMost("p99", 0.8, "ms"), atMostTimesFloor("p50", 1.3)],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareAppend(contender(name), { callers: 1, eventsPerAppend: 1 }, options),
  },
  {
    id: "append.concurrent100",
    what: "100 callers, one event per append",
    unit: "appends/s",
    figure: "rate",
    targets: [atLeast("rate", 100_000, "appends/s"), atLeastTimesPeers(10)],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareAppend(contender(name), { callers: 100, eventsPerAppend: 1 }, options),
  },
  {
    id: "append.batch100",
    what: "64 callers, 100 events per append",
    unit: "events/s",
    figure: "rate",
    targets: [atLeast("rate", 1_000_000, "events/s"), atLeastTimesPeers(10)],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) =>
      prepareAppend(contender(name), { callers: 64, eventsPerAppend: 100 }, options),
  },
];

const reads: readonly Benchmark[] = [
  {
    id: "rebuild.1000",
    what: "read and fold 1,000 events, written one per append; no cache, no snapshot",
    unit: "ms",
    figure: "p50",
    targets: [atMost("p50", 1, "ms")],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareRebuild(contender(name), { eventsPerAppend: 1 }, options),
  },
  {
    id: "rebuild.1000.batched",
    what: "the same, written 100 per append",
    unit: "ms",
    figure: "p50",
    targets: [atMost("p50", 1, "ms")],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareRebuild(contender(name), { eventsPerAppend: 100 }, options),
  },
  {
    id: "read.log",
    what: "read the whole log, written 100 per append",
    unit: "events/s",
    figure: "rate",
    targets: [atLeastTimesPeers(10)],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareReadLog(contender(name), { eventsPerAppend: 100 }, options),
  },
  {
    id: "read.log.single",
    what: "the same, written one per append",
    unit: "events/s",
    figure: "rate",
    targets: [],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareReadLog(contender(name), { eventsPerAppend: 1 }, options),
  },
];

const readSide: readonly Benchmark[] = [
  {
    id: "readmodel.get",
    what: "one document by its key, 20,000 there are, parsed",
    unit: "ms",
    figure: "p99",
    targets: [atMost("p99", 0.1, "ms")],
    floor: "sqlite",
    peers: [],
    prepare: (name, options) => prepareGet(contender(name), options),
  },
  {
    id: "consumer.noop",
    what: "a new consumer over 500,000 events, whose handler does nothing",
    unit: "events/s",
    figure: "rate",
    targets: [atLeast("rate", 500_000, "events/s"), atLeastTimesPeers(10)],
    floor: "sqlite",
    peers: allPeers,
    prepare: (name, options) => prepareConsume(contender(name), options),
  },
  {
    id: "projection.documents",
    what: "the documents of 20,000 orders, with three indexed fields, from 120,000 events of the shop",
    unit: "events/s",
    figure: "rate",
    targets: [atLeast("rate", 100_000, "events/s"), atLeastTimesPeers(10)],
    floor: "sqlite",
    peers: ["emmett-sqlite"],
    prepare: (name, options) => prepareProject(contender(name), options),
  },
  {
    id: "projection.inline",
    what: "one caller, one event per append, its document in the same transaction",
    unit: "ms",
    figure: "p50",
    targets: [atMostTimesFloor("p50", 3)],
    floor: "append-alone",
    peers: ["emmett-sqlite"],
    prepare: (name, options) => prepareInline(name === "functions" ? "hitherto" : name, options),
  },
  {
    id: "rebuild.shop",
    what: "the three read models of examples/shop (orders, products, sales) from 120,000 events",
    unit: "events/s",
    figure: "rate",
    targets: [],
    floor: undefined,
    peers: [],
    prepare: (_name, options) => prepareRebuildShop(options),
  },
];

const rest: readonly Benchmark[] = [
  {
    id: "subscribe.latency",
    what: "append to subscriber, same process",
    unit: "ms",
    figure: "p99",
    targets: [atMost("p99", 5, "ms")],
    floor: undefined,
    peers: [],
    prepare: (_name, options) => prepareSubscribe(options),
  },
  {
    id: "subscribe.crossprocess",
    what: "append to subscriber, another process",
    unit: "ms",
    figure: "p99",
    targets: [atMost("p99", 20, "ms")],
    floor: undefined,
    peers: [],
    prepare: (_name, options) => prepareCrossProcess(options),
  },
  {
    id: "upcast.step",
    what: "lift one event by one of five schema versions",
    unit: "µs",
    figure: "p50",
    sampleMs: upcastUnitsPerSample / 1_000,
    targets: [atMost("p50", 1, "µs")],
    floor: "functions",
    peers: [],
    prepare: (name) => prepareUpcast(name === "functions" ? name : "hitherto"),
  },
];

/** All benchmarks, in the order in which they run. */
export const benchmarks: readonly Benchmark[] = [...appends, ...reads, ...readSide, ...rest];

/** The benchmarks whose id begins with one of the prefixes; all of them when none is given. */
export function chooseBenchmarks(prefixes: readonly string[]): readonly Benchmark[] {
  if (prefixes.length === 0) return benchmarks;
  return benchmarks.filter(({ id }) => prefixes.some((prefix) => id.startsWith(prefix)));
}

function contender(name: RunnerName): ContenderName {
  if (name === "functions" || name === "append-alone") throw new TypeError(`${name} is no contender here`);
  return name;
}
