import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { StoredEvent } from "../../core/event.ts";
import type { EventStore } from "../../store/event-store.ts";
import { anEvent, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

const eventCount = 120_000;
const eventsPerAppend = 2_000;
/** The events of the last two thirds take about seven times as much. */
const growthMax = 24 * 1024 * 1024;

async function fill(store: EventStore): Promise<void> {
  for (const n of upTo(eventCount / eventsPerAppend)) {
    const events = upTo(eventsPerAppend).map((m) =>
      anEvent({ data: { n, m, text: `${m}`.padEnd(500, "x") } }),
    );
    await store.append({ stream: "s", events });
  }
}

/** Walks all pages; what is in use after a third must not have grown at the end. Returns the number of events. */
async function walk(pages: AsyncIterable<readonly StoredEvent[]>): Promise<number> {
  let [count, early] = [0, 0];
  for await (const page of pages) {
    count += page.length;
    if (early === 0 && count >= eventCount / 3) early = bytesInUse();
    if (count < eventCount) continue;
    const growth = bytesInUse() - early;
    assert.ok(growth < growthMax, `${Math.round(growth / 1024 / 1024)} MiB more than after a third`);
    break;
  }
  return count;
}

function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Trap 16: a replay that holds the whole log in memory. */
export const flatMemoryTests: Topic = {
  "memory stays flat while reading the log, a stream backwards, and following": async ({ store }) => {
    await fill(store);
    assert.equal(await walk(store.read().pages()), eventCount);
    assert.equal(await walk(store.readStream("s", { backwards: true }).pages()), eventCount);
    assert.equal(await walk(store.subscribe().pages()), eventCount);
  },
};
