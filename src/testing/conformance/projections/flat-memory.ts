import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { NewEvent } from "../../../core/event.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { upTo } from "../helpers.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, run, tallies } from "./tallies.ts";

const eventCount = 120_000;
const eventsPerAppend = 4_000;
/** Most of what the events of the last two thirds would take: about 40 MiB. */
const growthMax = 20 * 1024 * 1024;

/** Trap 16: a rebuild that holds the whole log in memory. */
export const flatMemoryTests: WorkTopic = {
  "memory stays flat while a long log is worked off": async ({ join }) => {
    const store = await join();
    await fill(store);
    const used: number[] = [];
    let count = 0;
    const before = (): void => {
      count++;
      if (count % (eventCount / 3) === 0) used.push(bytesInUse());
    };
    await using runner = await run(store, tallies({ before }));
    await runner.caughtUp();
    assert.equal(count, eventCount);
    const growth = used[2]! - used[0]!;
    assert.ok(growth < growthMax, `${Math.round(growth / 1024 / 1024)} MiB more than after a third`);
  },
};

async function fill(store: EventStore): Promise<void> {
  for (const n of upTo(eventCount / eventsPerAppend)) {
    const events = upTo(eventsPerAppend).map((m): NewEvent => {
      const { type, data } = added(m % 100, `k${(n * 7 + m) % 50}`);
      return { type, data: { ...(data as object), text: `${n}/${m}`.padEnd(500, "x") } };
    });
    await store.append({ stream: "s", events });
  }
}

function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
