import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { limits } from "../../core/limits.ts";
import { definedParts } from "../../core/selections.ts";
import type { EventStore } from "../../store/event-store.ts";
import {
  anEvent,
  appendOneByOne,
  dataOf,
  logOf,
  refuses,
  someEvents,
  streamDataOf,
  upTo,
} from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** Two streams of ten events each, in turns: even positions hold stream b. */
async function fillTwoStreams(store: EventStore): Promise<void> {
  await Promise.all(
    upTo(20).map((n) => store.append({ stream: n % 2 === 0 ? "a" : "b", events: [anEvent({ data: n })] })),
  );
}

const day = (n: number): string => `2020-01-${String(n).padStart(2, "0")}T00:00:00.000Z`;

/** Bounds, order and limits. */
export const readTests: Topic = {
  "the log is read in the order of positions, a stream in that of revisions": async ({ store }) => {
    await fillTwoStreams(store);
    const log = await logOf(store);
    assert.deepEqual(
      log.map((event) => event.data),
      upTo(20),
    );
    assert.ok(log.every((event, index) => event.position > (log[index - 1]?.position ?? 0)));
    const stream = await store.readStream("b").toArray();
    assert.deepEqual(
      stream.map((event) => event.revision),
      upTo(10),
    );
    assert.deepEqual(
      stream,
      log.filter((event) => event.stream === "b"),
    );
  },

  "a stream that never was reads as empty": async ({ store }) => {
    await fillTwoStreams(store);
    assert.deepEqual(await store.readStream("c").toArray(), []);
    assert.deepEqual(await store.readStream("c", { backwards: true, limit: 1 }).toArray(), []);
  },

  // Trap 10: off by one; reading past the end as an error.
  "bounds and limits of a stream are exact, both ways": async ({ store }) => {
    await appendOneByOne(store, "s", 6);
    for (const from of upTo(8)) {
      for (const to of [...upTo(8), undefined]) {
        const inside = upTo(6).filter((n) => n >= from && n <= (to ?? 6));
        for (const limit of [0, 1, 2, 5, 6, 7, undefined]) {
          const bounds = definedParts({ from, to, limit });
          assert.deepEqual(await streamDataOf(store, "s", bounds), inside.slice(0, limit));
          const backwards = await streamDataOf(store, "s", { ...bounds, backwards: true });
          assert.deepEqual(backwards, inside.toReversed().slice(0, limit));
        }
      }
    }
  },

  "bounds within one append are exact": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(4) });
    await store.append({ stream: "s", events: someEvents(4) });
    const revisions = async (options: object): Promise<number[]> =>
      (await store.readStream("s", options).toArray()).map((event) => event.revision);
    assert.deepEqual(await revisions({ from: 1, to: 5 }), [1, 2, 3, 4, 5]);
    assert.deepEqual(await revisions({ from: 1, to: 5, backwards: true }), [5, 4, 3, 2, 1]);
    assert.deepEqual(await revisions({ from: 3, limit: 2 }), [3, 4]);
    assert.deepEqual(await revisions({ to: 4, limit: 2, backwards: true }), [4, 3]);
    assert.deepEqual(await revisions({ from: 2, to: 2 }), [2]);
  },

  "bounds and limits of the log are exact, both ways": async ({ store }) => {
    await fillTwoStreams(store);
    const log = await logOf(store);
    for (const [first, last, limit] of [
      [0, 19, undefined],
      [3, 11, undefined],
      [3, 11, 4],
      [7, 7, 1],
      [19, 19, 5],
      [0, 5, 0],
    ] as const) {
      const bounds = definedParts({ from: log[first]?.position, to: log[last]?.position, limit });
      const inside = upTo(20).slice(first, last + 1);
      assert.deepEqual(await dataOf(store, bounds), inside.slice(0, limit));
      assert.deepEqual(
        await dataOf(store, { ...bounds, backwards: true }),
        inside.toReversed().slice(0, limit),
      );
    }
  },

  "reading past the end, or between crossed bounds, is empty": async ({ store }) => {
    await appendOneByOne(store, "s", 3);
    assert.deepEqual(await streamDataOf(store, "s", { from: 3 }), []);
    assert.deepEqual(await streamDataOf(store, "s", { from: 3, backwards: true }), []);
    assert.deepEqual(await streamDataOf(store, "s", { from: 2, to: 1 }), []);
    assert.deepEqual(await dataOf(store, { from: (await store.head()) + 1 }), []);
    assert.deepEqual(await dataOf(store, { from: Number.MAX_SAFE_INTEGER }), []);
    assert.deepEqual(await dataOf(store, { to: 0 }), []);
    assert.equal((await dataOf(store, { to: Number.MAX_SAFE_INTEGER })).length, 3);
  },

  "the newest event comes first backwards": async ({ store }) => {
    await fillTwoStreams(store);
    assert.deepEqual(await dataOf(store, { backwards: true, limit: 1 }), [19]);
    assert.deepEqual(await streamDataOf(store, "a", { backwards: true, limit: 2 }), [18, 16]);
  },

  "`since` and `until` include their moments, as dates and as text": async ({ store }) => {
    const events = [3, 1, 4, 2, 5].map((n) => anEvent({ data: n, recordedAt: day(n) }));
    await store.append({ stream: "s", events });
    assert.deepEqual(await dataOf(store, { since: day(3) }), [3, 4, 5]);
    assert.deepEqual(await dataOf(store, { until: day(3) }), [3, 1, 2]);
    assert.deepEqual(await dataOf(store, { since: new Date(day(2)), until: new Date(day(4)) }), [3, 4, 2]);
    assert.deepEqual(await dataOf(store, { since: "2020-01-04" }), [4, 5]);
    assert.deepEqual(await dataOf(store, { until: "2020-01-02T01:00:00+01:00" }), [1, 2]);
    assert.deepEqual(
      await dataOf(store, { since: "2020-01-02T00:00:00.001Z", until: "2020-01-02T23:59:59.999Z" }),
      [],
    );
    assert.deepEqual(await streamDataOf(store, "s", { until: day(4), backwards: true, limit: 2 }), [2, 4]);
  },

  "moments of single events count, not those of their append": async ({ store }) => {
    const old = anEvent({ data: "old", recordedAt: day(1) });
    await store.append({ stream: "s", events: [anEvent({ data: "new" }), old, anEvent({ data: "newer" })] });
    assert.deepEqual(await dataOf(store, { until: day(2) }), ["old"]);
    assert.deepEqual(await dataOf(store, { since: day(2) }), ["new", "newer"]);
  },

  "pages hold the same events in the same order, and are neither empty nor too large": async ({ store }) => {
    for (const _ of upTo(3)) await store.append({ stream: "s", events: someEvents(9_000) });
    for (const options of [{}, { backwards: true }, { limit: 12_345 }, { from: 8_000, to: 20_000 }]) {
      const events = await store.read(options).toArray();
      const fromPages = [];
      for await (const page of store.read(options).pages()) {
        assert.ok(page.length > 0 && page.length <= limits.pageSizeMax);
        fromPages.push(...page.map((event) => event.position));
      }
      assert.deepEqual(
        fromPages,
        events.map((event) => event.position),
      );
    }
  },

  "iterating again reads again from the start": async ({ store }) => {
    await appendOneByOne(store, "s", 3);
    const sequence = store.read();
    assert.equal((await sequence.toArray()).length, 3);
    await appendOneByOne(store, "s", 1);
    assert.equal((await sequence.toArray()).length, 4);
    let count = 0;
    for await (const event of sequence) count += event.revision;
    assert.equal(count, 6);
  },

  "overlapping reads and calls of `next` do not disturb each other": async ({ store }) => {
    await appendOneByOne(store, "s", 500);
    const reads = await Promise.all(upTo(5).map((n) => dataOf(store, { backwards: n % 2 === 1 })));
    for (const [n, data] of reads.entries()) {
      assert.deepEqual(data, n % 2 === 1 ? upTo(500).toReversed() : upTo(500));
    }
    const iterator = store.read()[Symbol.asyncIterator]();
    const results = await Promise.all(upTo(501).map(() => iterator.next()));
    assert.deepEqual(
      results.slice(0, 500).map((result) => (result.value as { data: number }).data),
      upTo(500),
    );
    assert.equal(results.at(-1)?.done, true);
  },

  "leaving a loop early leaves the store in order": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(5_000) });
    for (const _ of upTo(20)) {
      for await (const event of store.read()) if (event.revision === 10) break;
    }
    await store.append({ stream: "s", events: [anEvent()] });
    assert.equal((await logOf(store)).length, 5_001);
  },

  "an aborted signal ends a read with an error": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(3_000) });
    await refuses("ABORTED", () => store.read({ signal: AbortSignal.abort() }).toArray());
    const controller = new AbortController();
    let seen = 0;
    await refuses("ABORTED", async () => {
      for await (const _ of store.readStream("s", { signal: controller.signal })) {
        seen += 1;
        if (seen === 100) controller.abort();
      }
    });
    assert.equal(seen, 100);
  },

  "an aborted signal ends a read that finds nothing": async ({ store }) => {
    const events = someEvents(limits.eventsPerAppendMax);
    for (const _ of upTo(6)) await store.append({ stream: "s", events });
    const controller = new AbortController();
    const reading = store.read({ until: "1971-01-01", signal: controller.signal }).toArray();
    controller.abort();
    await refuses("ABORTED", () => reading);
  },

  "a reader never finds later what it has passed": async ({ store }) => {
    let [seen, isWriting] = [0, true];
    const writing = Promise.all(
      upTo(8).map(async (writer) => {
        for (const n of upTo(60)) {
          await store.append({ stream: `s-${writer}`, events: someEvents(1 + (n % 4)) });
        }
      }),
    ).finally(() => {
      isWriting = false;
    });
    let count = 0;
    for (let isLast = false; !isLast;) {
      isLast = !isWriting;
      for await (const event of store.read({ from: seen + 1 })) {
        assert.ok(event.position > seen);
        seen = event.position;
        count += 1;
      }
      await setImmediate();
    }
    await writing;
    const log = await logOf(store);
    assert.equal(log.length, 8 * 60 * 2.5);
    assert.equal(count, log.length);
  },
};
