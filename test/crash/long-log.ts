import { consumer } from "../../src/runtime/consumers/define-consumer.ts";
/**
 * Works a long log off and prints how much memory that takes: a projection, its rebuild, and a consumer.
 */
import { createHitherto } from "../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../src/runtime/hitherto.ts";
import { openSqliteStore } from "../../src/sqlite/index.ts";
import { added, tallies } from "../../src/testing/conformance/projections/tallies.ts";
import { makeScratch } from "../integration/sqlite/scratch.ts";

const eventsPerAppend = 5_000;
/** More than this above what it was after a tenth is not flat. */
const growthMaxMb = 150;

/** Megabytes in use at each tenth of a work, the first being what it begins with. */
interface Course {
  readonly work: string;
  readonly seconds: number;
  readonly rssMb: readonly number[];
}

/** Works off so many events in three ways. Fails when memory grows with them. */
export async function runLongLog(events: number, print: (line: string) => void): Promise<void> {
  using scratch = makeScratch();
  await using store = createHitherto(await openSqliteStore(scratch.path()));
  const report = (course: Course): void => {
    const rate = Math.round(events / course.seconds).toLocaleString("en");
    print(
      `${course.work}: ${course.seconds.toFixed(0)} s, ${rate} events/s; RSS in MB: ${course.rssMb.join(" ")}`,
    );
    const growth = Math.max(...course.rssMb.slice(2)) - course.rssMb[1]!;
    if (growth > growthMaxMb) throw new Error(`${course.work} took ${growth} MB more after its first tenth`);
  };
  report(await follow("append", events, (step) => fill(store, events, step)));
  report(await follow("projection", events, (step) => build(store, 1, step)));
  report(await follow("rebuild", events, (step) => build(store, 2, step)));
  report(await follow("consumer", events, (step) => consume(store, step)));
}

async function follow(
  work: string,
  events: number,
  run: (step: (count: number) => void) => Promise<void>,
): Promise<Course> {
  const [rssMb, start] = [[rss()], performance.now()];
  let done = 0;
  await run((count) => {
    done += count;
    while (done >= (events / 10) * rssMb.length) rssMb.push(rss());
  });
  return { work, seconds: (performance.now() - start) / 1_000, rssMb };
}

function rss(): number {
  return Math.round(process.memoryUsage.rss() / 1024 / 1024);
}

async function fill(store: Hitherto, events: number, step: (count: number) => void): Promise<void> {
  for (let first = 0; first < events; first += eventsPerAppend) {
    const batch = Array.from({ length: eventsPerAppend }, (_, n) =>
      added(n % 100, `k${(first + n) % 1_000}`),
    );
    await store.append({ stream: `log-${first % 7}`, events: batch });
    step(eventsPerAppend);
  }
}

async function build(store: Hitherto, version: number, step: (count: number) => void): Promise<void> {
  await using runner = await store.runProjections([tallies({ version, before: () => step(1) })]);
  await runner.caughtUp();
}

async function consume(store: Hitherto, step: (count: number) => void): Promise<void> {
  const noop = consumer("noop", {
    on: { Added: (_data: object) => step(1) },
    partitionBy: (event) => event.id.slice(-3),
  });
  await using member = await store.consume(noop);
  await member.caughtUp();
}
