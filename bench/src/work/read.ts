/**
 * Reading back: rebuilding one aggregate after the other, and reading the whole log.
 *
 * The events of a stream lie scattered over the log, as they do when many aggregates are alive at once. The file is
 * written before the clock starts; a contender whose appends are slow gets its events in appends of 100, which lay
 * out its rows just the same.
 */
import { join } from "node:path";
import type { Contender, EmbeddedName } from "../contenders/contender.ts";
import { openers } from "../contenders/open-contender.ts";
import { makeBatches } from "../events.ts";
import type { Work, WorkOptions } from "./work.ts";
import { repeat } from "./work.ts";

/** How the file to read was written. */
export interface ReadLoad {
  readonly eventsPerAppend: number;
}

const eventsPerStream = 1_000;
const streamCountMax = 50;
const appendsAtOnce = 100;

/** Prepares rebuilding aggregates of 1,000 events, each from its first event. */
export async function prepareRebuild(
  name: EmbeddedName,
  load: ReadLoad,
  options: WorkOptions,
): Promise<Work> {
  const { contender, streams } = await prepareFile(name, load, options);
  let next = 0;
  return {
    slice: (ms) =>
      repeat(ms, async () => {
        const count = await contender.rebuild(`account-${next++ % streams}`);
        return requireCount(count, eventsPerStream);
      }),
    configuration: contender.configuration,
    close: () => contender.close(),
  };
}

/** Prepares reading the whole log, over and over. */
export async function prepareReadLog(
  name: EmbeddedName,
  load: ReadLoad,
  options: WorkOptions,
): Promise<Work> {
  const { contender, streams } = await prepareFile(name, load, options);
  return {
    slice: (ms) => repeat(ms, async () => requireCount(await contender.readLog(), streams * eventsPerStream)),
    configuration: contender.configuration,
    close: () => contender.close(),
  };
}

async function prepareFile(
  name: EmbeddedName,
  load: ReadLoad,
  { folder, scale }: WorkOptions,
): Promise<{ contender: Contender; streams: number }> {
  const contender = await openers[name](join(folder, "read.db"));
  const streams = Math.max(2, Math.round(scale * streamCountMax));
  await fill(contender, streams, name === "hitherto" ? load.eventsPerAppend : 100);
  return { contender, streams };
}

/** Goes round the streams, one append to each, until each has all its events. */
async function fill(contender: Contender, streams: number, eventsPerAppend: number): Promise<void> {
  const appends = (streams * eventsPerStream) / eventsPerAppend;
  const batches = makeBatches(appends, eventsPerAppend, 3);
  const atOnce = contender.isConcurrent ? appendsAtOnce : 1;
  for (let from = 0; from < appends; from += atOnce) {
    await Promise.all(
      batches
        .slice(from, from + atOnce)
        .map((batch, index) => contender.append(`account-${(from + index) % streams}`, batch)),
    );
  }
}

function requireCount(count: number, expected: number): number {
  if (count !== expected) throw new RangeError(`read ${count} events where ${expected} were written`);
  return count;
}
