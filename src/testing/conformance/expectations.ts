import assert from "node:assert/strict";
import type { Expectation } from "../../store/event-store.ts";
import {
  anEvent,
  appendOneByOne,
  dataOf,
  logOf,
  refuses,
  someEvents,
  streamDataOf,
  upTo,
  winnersOf,
} from "./helpers.ts";
import type { Topic } from "./kit.ts";

const events = [anEvent()];

/** What an append may expect of its streams. */
export const expectationTests: Topic = {
  "`none` holds for a stream that never was": async ({ store }) => {
    const result = await store.append({ stream: "account-1", expect: "none", events });
    assert.equal(result.revision, 0);
  },

  "`none` is refused once the stream has events": async ({ store }) => {
    await store.append({ stream: "account-1", events: someEvents(2) });
    const error = await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "account-1", expect: "none", events }),
    );
    assert.equal(error.isRetryable, true);
    const { stream, expected, actual, event } = error.details;
    assert.deepEqual({ stream, expected, actual }, { stream: "account-1", expected: "none", actual: 1 });
    assert.equal(event?.stream, "account-1");
    assert.equal(event.type, "ThingHappened");
  },

  "`exists` holds only for a stream with events": async ({ store }) => {
    const append = { stream: "account-1", expect: "exists", events } as const;
    const { details } = await refuses("REVISION_CONFLICT", () => store.append(append));
    assert.deepEqual(
      { expected: details.expected, actual: details.actual },
      { expected: "exists", actual: "none" },
    );
    assert.equal(details.event, undefined);
    await store.append({ stream: "account-1", events });
    assert.equal((await store.append(append)).revision, 1);
  },

  "a revision holds only when it is the last one": async ({ store }) => {
    await store.append({ stream: "account-1", events: someEvents(3) });
    assert.equal((await store.append({ stream: "account-1", expect: 2, events })).revision, 3);
  },

  "a conflict names the first event in the way that can be seen": async ({ store }) => {
    await store.append({ stream: "account-1", events: someEvents(4) });
    const inTheWay = async (expect: Expectation): Promise<number | undefined> => {
      const error = await refuses("REVISION_CONFLICT", () =>
        store.append({ stream: "account-1", expect, events }),
      );
      return error.details.event?.revision;
    };
    assert.deepEqual([await inTheWay("none"), await inTheWay(0), await inTheWay(2)], [0, 1, 3]);
    await store.setStreamPolicy("account-1", { truncateBefore: 2 });
    assert.deepEqual([await inTheWay("none"), await inTheWay(0), await inTheWay(2)], [2, 2, 3]);
    await store.deleteStream("account-1");
    assert.deepEqual([await inTheWay("exists"), await inTheWay(3)], [undefined, undefined]);
    assert.equal(await inTheWay(9), undefined);
  },

  "a revision that is behind is refused, naming an event after it": async ({ store }) => {
    await store.append({ stream: "account-1", events: someEvents(3) });
    const { details } = await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "account-1", expect: 0, events }),
    );
    assert.deepEqual({ expected: details.expected, actual: details.actual }, { expected: 0, actual: 2 });
    assert.ok(details.event !== undefined && details.event.revision > 0 && details.event.revision <= 2);
    const [found] = await store.readStream("account-1", { from: details.event.revision, limit: 1 }).toArray();
    assert.equal(found?.id, details.event.id);
    assert.equal(found.position, details.event.position);
  },

  "a revision that is ahead is refused": async ({ store }) => {
    await store.append({ stream: "account-1", events });
    const { details } = await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "account-1", expect: 1, events }),
    );
    assert.deepEqual({ expected: details.expected, actual: details.actual }, { expected: 1, actual: 0 });
    assert.equal(details.event, undefined);
  },

  "a revision of a stream that never was is refused": async ({ store }) => {
    const { details } = await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "account-1", expect: 0, events }),
    );
    assert.deepEqual({ expected: details.expected, actual: details.actual }, { expected: 0, actual: "none" });
  },

  "a refused append leaves nothing behind": async ({ store }) => {
    await store.append({ stream: "account-1", events });
    await refuses("REVISION_CONFLICT", () => store.append({ stream: "account-1", expect: "none", events }));
    assert.equal((await logOf(store)).length, 1);
    assert.equal(await store.head(), 1);
    assert.equal((await store.append({ stream: "account-1", events })).revision, 1);
  },

  "a conflict on one stream keeps the events of all streams out": async ({ store }) => {
    await store.append({ stream: "b", events });
    const { details } = await refuses("REVISION_CONFLICT", () =>
      store.append([
        { stream: "a", expect: "none", events },
        { stream: "b", expect: "none", events },
        { stream: "c", events },
      ]),
    );
    assert.equal(details.stream, "b");
    assert.equal(await store.findStream("a"), undefined);
    assert.equal(await store.findStream("c"), undefined);
    assert.equal((await logOf(store)).length, 1);
  },

  // Trap 1: both creators succeed.
  "of two concurrent creations exactly one wins": async ({ store }) => {
    for (const round of upTo(20)) {
      const create = { stream: `account-${round}`, expect: "none", events } as const;
      const winners = await winnersOf("REVISION_CONFLICT", [store.append(create), store.append(create)]);
      assert.equal(winners.length, 1);
    }
  },

  "of eight appends that expect the same revision exactly one wins": async ({ store }) => {
    await store.append({ stream: "account-1", events });
    for (const revision of upTo(10)) {
      const appends = upTo(8).map(() => store.append({ stream: "account-1", expect: revision, events }));
      assert.equal((await winnersOf("REVISION_CONFLICT", appends)).length, 1);
    }
    assert.equal((await store.findStream("account-1"))?.revision, 10);
  },

  // Trap 4: all but one fail because the database is busy.
  "32 parallel creations of 32 streams all succeed": async ({ store }) => {
    const appends = upTo(32).map((n) => store.append({ stream: `account-${n}`, expect: "none", events }));
    assert.equal((await Promise.all(appends)).length, 32);
    assert.equal((await logOf(store)).length, 32);
  },

  // Trap 10: `any` reported as a conflict.
  "`any` never conflicts, however many append at once": async ({ store }) => {
    await appendOneByOne(store, "account-1", 200);
    assert.deepEqual(await streamDataOf(store, "account-1"), upTo(200));
    assert.deepEqual(
      (await store.readStream("account-1").toArray()).map((event) => event.revision),
      upTo(200),
    );
  },

  "appends made in one turn take place in the order of the calls": async ({ store }) => {
    await Promise.all(
      upTo(50).map((n) => store.append({ stream: `s-${n % 7}`, events: [anEvent({ data: n })] })),
    );
    assert.deepEqual(await dataOf(store), upTo(50));
  },

  "an append sees those before it in the same turn": async ({ store }) => {
    const appends = upTo(20).map((n) =>
      store.append({ stream: "account-1", expect: n === 0 ? "none" : n - 1, events }),
    );
    assert.deepEqual(
      (await Promise.all(appends)).map((result) => result.revision),
      upTo(20),
    );
  },
};
