/**
 * The benchmarks: what each measures, who runs it, and what it has to reach. Those on a server are in
 * `postgres-catalogue.ts`.
 */
import type { Benchmark, Engine, RunnerName } from "./benchmark.ts";
import type { EmbeddedName } from "./contenders/contender.ts";
import { postgresBenchmarks } from "./postgres-catalogue.ts";
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
    prepare: (name, options) => prepareInline(name === "append-alone" ? name : contender(name), options),
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

/** All benchmarks of an engine, in the order in which they run. */
export const benchmarks: Readonly<Record<Engine, readonly Benchmark[]>> = {
  sqlite: [...appends, ...reads, ...readSide, ...rest],
  postgres: postgresBenchmarks,
};

/** The benchmarks whose id begins with one of the prefixes; all of them when none is given. */
export function chooseBenchmarks(engine: Engine, prefixes: readonly string[]): readonly Benchmark[] {
  const all = benchmarks[engine];
  if (prefixes.length === 0) return all;
  return all.filter(({ id }) => prefixes.some((prefix) => id.startsWith(prefix)));
}

function contender(name: RunnerName): EmbeddedName {
  switch (name) {
    case "hitherto":
    case "sqlite":
    case "emmett-sqlite":
    case "act-sqlite":
      return name;
    default:
      throw new TypeError(`${name} is no contender here`);
  }
}
