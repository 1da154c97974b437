/**
 * The benchmarks on PostgreSQL: the same work as on the embedded store, beside the same libraries' stores on a server and
 * the bare driver, all of them on one server in one run.
 */
import type { Benchmark, RunnerName } from "./benchmark.ts";
import type { ServerName } from "./contenders/contender.ts";
import { atLeastTimesPeers, atMost } from "./targets.ts";
import { prepareAppend } from "./work/append.ts";
import { prepareConsume, prepareProject } from "./work/read-side.ts";
import { prepareCrossProcess } from "./work/subscribe.ts";

const allPeers = ["emmett-postgresql", "act-pg"] as const;

/** All benchmarks on PostgreSQL, in the order in which they run. */
export const postgresBenchmarks: readonly Benchmark[] = [
  {
    id: "append.sequential",
    what: "one caller, one event per append, each awaited",
    unit: "ms",
    figure: "p50",
    targets: [],
    floor: "postgres",
    peers: allPeers,
    prepare: (name, options) => prepareAppend(contender(name), { callers: 1, eventsPerAppend: 1 }, options),
  },
  {
    id: "append.concurrent100",
    what: "100 callers, one event per append",
    unit: "appends/s",
    figure: "rate",
    targets: [atLeastTimesPeers(5)],
    floor: "postgres",
    peers: allPeers,
    prepare: (name, options) => prepareAppend(contender(name), { callers: 100, eventsPerAppend: 1 }, options),
  },
  {
    id: "append.batch100",
    what: "64 callers, 100 events per append",
    unit: "events/s",
    figure: "rate",
    targets: [],
    floor: "postgres",
    peers: allPeers,
    prepare: (name, options) =>
      prepareAppend(contender(name), { callers: 64, eventsPerAppend: 100 }, options),
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
    id: "consumer.noop",
    what: "a new consumer over 500,000 events, whose handler does nothing",
    unit: "events/s",
    figure: "rate",
    targets: [atLeastTimesPeers(10)],
    floor: "postgres",
    peers: allPeers,
    prepare: (name, options) => prepareConsume(contender(name), options),
  },
  {
    id: "projection.documents",
    what: "the documents of 20,000 orders, with three indexed fields, from 120,000 events of the shop",
    unit: "events/s",
    figure: "rate",
    targets: [atLeastTimesPeers(10)],
    floor: "postgres",
    peers: ["emmett-postgresql"],
    prepare: (name, options) => prepareProject(contender(name), options),
  },
];

function contender(name: RunnerName): ServerName {
  switch (name) {
    case "hitherto":
    case "postgres":
    case "emmett-postgresql":
    case "act-pg":
      return name;
    default:
      throw new TypeError(`${name} is no contender here`);
  }
}
