/**
 * Appending: a number of callers, each of which appends again as soon as it is acknowledged.
 */
import { join } from "node:path";
import type { ContenderName } from "../contenders/contender.ts";
import { openEmmettByDefault } from "../contenders/emmett.ts";
import type { Appender } from "../contenders/open-contender.ts";
import { appenders } from "../contenders/open-contender.ts";
import type { BenchEvent } from "../events.ts";
import { makeBatches, makeEvents } from "../events.ts";
import { Samples } from "../statistics.ts";
import type { ParallelAttempt, Slice, Work, WorkOptions } from "./work.ts";
import { locate, sliceOf } from "./work.ts";

/** The shape of an appending load. */
export interface AppendLoad {
  readonly callers: number;
  readonly eventsPerAppend: number;
}

/** Streams that the appends go round. */
const streamCount = 1_000;
/** Distinct events that are prepared; then they come again, in other streams. */
const distinctEvents = 20_000;
const attemptedAtOnce = 32;

/** Prepares appending to a fresh file or database. */
export async function prepareAppend(
  name: ContenderName,
  load: AppendLoad,
  options: WorkOptions,
): Promise<Work> {
  const attempt =
    load.callers > 1 && load.eventsPerAppend === 1 ? await attemptParallel(name, options.folder) : undefined;
  const contender = await appenders[name](locate(options, "append.db"));
  const append = contender.isConcurrent ? contender.append.bind(contender) : oneAtATime(contender);
  const batches = makeBatches(distinctEvents / load.eventsPerAppend, load.eventsPerAppend);
  let next = 0;
  const appendNext = (): Promise<void> => {
    const index = next++;
    return append(`account-${index % streamCount}`, batches[index % batches.length] ?? []);
  };
  return {
    slice: (ms) => appendFor(ms, load, appendNext),
    configuration: contender.configuration,
    attempt,
    close: () => contender.close(),
  };
}

async function appendFor(ms: number, load: AppendLoad, append: () => Promise<void>): Promise<Slice> {
  const samples = new Samples();
  const began = performance.now();
  const caller = async (): Promise<void> => {
    for (let before = began; before - began < ms;) {
      await append();
      const now = performance.now();
      samples.add(now - before);
      before = now;
    }
  };
  await Promise.all(Array.from({ length: load.callers }, caller));
  return sliceOf(samples, samples.count * load.eventsPerAppend, performance.now() - began);
}

/** Hands appends over in the order of the calls, each after the one before it has been answered. */
function oneAtATime(contender: Appender): Appender["append"] {
  let last: Promise<unknown> = Promise.resolve();
  return (stream, events) => {
    const appended = last.then(() => contender.append(stream, events));
    last = appended.catch(() => undefined);
    return appended;
  };
}

/** What a peer that is not known to bear them does with parallel appends to as many streams, as it comes. */
async function attemptParallel(name: ContenderName, folder: string): Promise<ParallelAttempt | undefined> {
  if (name !== "emmett-sqlite" && name !== "act-sqlite") return undefined;
  const open = name === "emmett-sqlite" ? openEmmettByDefault : appenders[name];
  const contender = await open(join(folder, "attempt.db"));
  const [first, ...events] = makeEvents(attemptedAtOnce + 1, 2) as [BenchEvent, ...BenchEvent[]];
  await contender.append("first", [first]);
  const outcomes = await Promise.allSettled(
    events.map((event, index) => contender.append(`parallel-${index}`, [event])),
  );
  await contender.close();
  const failures = outcomes.filter((outcome) => outcome.status === "rejected");
  return {
    attempted: outcomes.length,
    succeeded: outcomes.length - failures.length,
    error: failures.length === 0 ? undefined : messageOf(failures[0]?.reason),
  };
}

/** A store wraps the reason in an error of its own; the reason says more. */
function messageOf(reason: unknown): string {
  const error = reason instanceof Error && reason.cause instanceof Error ? reason.cause : reason;
  return error instanceof Error ? error.message : String(error);
}
