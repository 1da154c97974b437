import assert from "node:assert/strict";
import { limits } from "../../core/limits.ts";
import type { EventStore, StreamInfo } from "../../store/event-store.ts";
import {
  anEvent,
  appendOneByOne,
  dataOf,
  listOf,
  logOf,
  refuses,
  someEvents,
  streamDataOf,
  upTo,
  uuidOf,
} from "./helpers.ts";
import type { Topic } from "./kit.ts";

const events = [anEvent({ data: "new" })];
const hourMs = 3_600_000;
const longAgo = "2001-01-01T00:00:00.000Z";

async function listed(store: EventStore, options?: object): Promise<string[]> {
  return (await listOf(store.listStreams(options))).map((info) => info.stream);
}

async function infoOf(store: EventStore, stream: string): Promise<StreamInfo> {
  const info = await store.findStream(stream);
  assert.ok(info !== undefined, `${stream} is not known`);
  return info;
}

/** Policies, deletion, tombstones and reclaiming. */
export const lifecycleTests: Topic = {
  "a stream that never was is not known": async ({ store }) => {
    await appendOneByOne(store, "a", 1);
    assert.equal(await store.findStream("b"), undefined);
  },

  "a stream tells its state, revisions and policy": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    assert.deepEqual(await store.findStream("a"), {
      stream: "a",
      state: "open",
      revision: 2,
      firstRevision: 0,
      policy: {},
    });
  },

  "streams are listed by name, by prefix, by category and in pages": async ({ store }) => {
    const names = ["b-2", "a-1", "b-1", "bc-1", "b"];
    await store.append(names.map((stream) => ({ stream, events })));
    await store.deleteStream("a-1");
    await store.tombstoneStream("b-2");
    assert.deepEqual(await listed(store), ["a-1", "b", "b-1", "b-2", "bc-1"]);
    assert.deepEqual(await listed(store, { prefix: "b-" }), ["b-1", "b-2"]);
    assert.deepEqual(await listed(store, { category: "b" }), ["b", "b-1", "b-2"]);
    assert.deepEqual(await listed(store, { after: "b-1" }), ["b-2", "bc-1"]);
    assert.deepEqual(await listed(store, { after: "a", limit: 2 }), ["a-1", "b"]);
    assert.deepEqual(await listed(store, { limit: 0 }), []);
    assert.deepEqual(await listed(store, { prefix: "x" }), []);
  },

  "`maxCount` hides all but the last events, at once and in every read": async ({ store }) => {
    const named = upTo(5).map((n) => anEvent({ data: n, id: uuidOf(n) }));
    await store.append({ stream: "a", events: named });
    await appendOneByOne(store, "b", 1);
    await store.setStreamPolicy("a", { maxCount: 2 });
    assert.deepEqual(await streamDataOf(store, "a"), [3, 4]);
    assert.deepEqual(await streamDataOf(store, "a", { from: 1, limit: 1 }), [3]);
    assert.deepEqual(await streamDataOf(store, "a", { backwards: true }), [4, 3]);
    assert.deepEqual(await dataOf(store), [3, 4, 0]);
    assert.deepEqual(await dataOf(store, { query: [{ types: ["ThingHappened"] }], limit: 1 }), [3]);
    assert.equal(await store.findEvent(uuidOf(2)), undefined);
    assert.equal((await store.findEvent(uuidOf(3)))?.data, 3);
    assert.equal((await infoOf(store, "a")).firstRevision, 3);
    await store.append({ stream: "a", events });
    assert.deepEqual(await streamDataOf(store, "a"), [4, "new"]);
  },

  "what is hidden while a read is under way, it does not return any more": async ({ store }) => {
    for (const _ of upTo(3)) await store.append({ stream: "s", events: someEvents(9_000) });
    for (const reading of [store.read(), store.readStream("s")]) {
      const later: unknown[] = [];
      let isFirst = true;
      for await (const page of reading.pages()) {
        if (isFirst) await store.setStreamPolicy("s", { maxCount: 1 });
        else later.push(...page.map((event) => event.revision));
        isFirst = false;
      }
      assert.deepEqual(later, [26_999]);
      await store.setStreamPolicy("s", {});
    }
  },

  "`truncateBefore` hides what is below and never goes down": async ({ store }) => {
    await appendOneByOne(store, "a", 5);
    await store.setStreamPolicy("a", { truncateBefore: 3 });
    assert.deepEqual(await streamDataOf(store, "a"), [3, 4]);
    await store.setStreamPolicy("a", { truncateBefore: 1 });
    assert.deepEqual(await streamDataOf(store, "a"), [3, 4]);
    await store.setStreamPolicy("a", {});
    assert.deepEqual(await streamDataOf(store, "a"), [3, 4]);
    assert.deepEqual((await infoOf(store, "a")).policy, { truncateBefore: 3 });
  },

  "`maxAgeMs` hides what was recorded before it": async ({ store }) => {
    await store.append({ stream: "a", events: [anEvent({ data: "old", recordedAt: longAgo }), ...events] });
    await store.setStreamPolicy("a", { maxAgeMs: hourMs });
    assert.deepEqual(await streamDataOf(store, "a"), ["new"]);
    assert.deepEqual(await dataOf(store), ["new"]);
    await store.append({ stream: "a", events: [anEvent({ recordedAt: longAgo })] });
    assert.deepEqual(await streamDataOf(store, "a"), ["new"]);
    assert.equal((await infoOf(store, "a")).revision, 2);
  },

  "a policy replaces the one before it": async ({ store }) => {
    await appendOneByOne(store, "a", 5);
    await store.setStreamPolicy("a", { maxCount: 1 });
    assert.deepEqual((await infoOf(store, "a")).policy, { maxCount: 1 });
    await store.setStreamPolicy("a", { maxAgeMs: hourMs });
    assert.deepEqual((await infoOf(store, "a")).policy, { maxAgeMs: hourMs });
    assert.deepEqual(await streamDataOf(store, "a"), upTo(5));
  },

  "a policy may be set before the stream has events": async ({ store }) => {
    await store.setStreamPolicy("a", { maxCount: 1 });
    assert.equal(await store.findStream("a"), undefined);
    assert.deepEqual(await listed(store), []);
    await appendOneByOne(store, "a", 3);
    assert.deepEqual(await streamDataOf(store, "a"), [2]);
  },

  "a stream whose events are all hidden holds `none`, and its revision": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    await store.setStreamPolicy("a", { truncateBefore: 3 });
    assert.equal((await infoOf(store, "a")).firstRevision, undefined);
    const error = await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "a", expect: "exists", events }),
    );
    assert.equal(error.details.actual, "none");
    assert.equal((await store.append({ stream: "a", expect: "none", events })).revision, 3);
    assert.equal((await store.append({ stream: "a", expect: 3, events })).revision, 4);
  },

  "a deleted stream reads as empty everywhere": async ({ store }) => {
    await store.append({ stream: "a", events: [anEvent({ id: uuidOf(1) }), anEvent()] });
    await appendOneByOne(store, "b", 1);
    await store.deleteStream("a");
    assert.deepEqual(await streamDataOf(store, "a"), []);
    assert.deepEqual(
      (await logOf(store)).map((event) => event.stream),
      ["b"],
    );
    assert.equal(await store.findEvent(uuidOf(1)), undefined);
    const info = await infoOf(store, "a");
    assert.deepEqual([info.state, info.revision, info.firstRevision], ["deleted", 1, undefined]);
  },

  "a deleted stream can be begun again and goes on counting": async ({ store }) => {
    await appendOneByOne(store, "a", 2);
    await store.deleteStream("a");
    await refuses("REVISION_CONFLICT", () => store.append({ stream: "a", expect: "exists", events }));
    const result = await store.append({ stream: "a", expect: "none", events });
    assert.equal(result.streams[0]?.firstRevision, 2);
    assert.deepEqual(await streamDataOf(store, "a"), ["new"]);
    const info = await infoOf(store, "a");
    assert.deepEqual([info.state, info.revision, info.firstRevision], ["open", 2, 2]);
  },

  "who expects a revision of a deleted stream is refused": async ({ store }) => {
    await appendOneByOne(store, "a", 2);
    await store.deleteStream("a");
    const append = { stream: "a", expect: 1, events };
    const { details } = await refuses("REVISION_CONFLICT", () => store.append(append));
    assert.deepEqual([details.expected, details.actual], [1, "none"]);
    assert.equal((await store.append({ ...append, expect: "none" })).revision, 2);
  },

  "an import lets a stream begin at a later revision": async ({ store }) => {
    const append = { stream: "a", firstRevision: 7, events: someEvents(2) };
    const { revision, streams } = await store.append(append);
    assert.deepEqual([revision, streams[0]?.firstRevision], [8, 7]);
    assert.deepEqual(
      (await store.readStream("a").toArray()).map((event) => event.revision),
      [7, 8],
    );
    const info = await store.findStream("a");
    assert.deepEqual([info?.state, info?.revision, info?.firstRevision], ["open", 8, 7]);
    assert.equal((await store.append({ stream: "a", expect: 8, firstRevision: 9, events })).revision, 9);
    assert.equal((await store.verify()).isSound, true);
  },

  "a first revision that is not the next one is refused": async ({ store }) => {
    await appendOneByOne(store, "a", 2);
    for (const firstRevision of [0, 1, 3]) {
      await refuses("REVISION_CONFLICT", () => store.append({ stream: "a", firstRevision, events }));
    }
    for (const firstRevision of [-1, 1.5, "2" as never, limits.firstRevisionMax + 1]) {
      await refuses("ARGUMENT_INVALID", () => store.append({ stream: "a", firstRevision, events }));
    }
    assert.equal((await store.append({ stream: "a", firstRevision: 2, events })).revision, 2);
  },

  "deleting with an expectation is refused when it does not hold": async ({ store }) => {
    await appendOneByOne(store, "a", 2);
    for (const expect of ["none", 0, 2] as const) {
      await refuses("REVISION_CONFLICT", () => store.deleteStream("a", { expect }));
      await refuses("REVISION_CONFLICT", () => store.tombstoneStream("a", { expect }));
    }
    assert.equal((await streamDataOf(store, "a")).length, 2);
    await store.deleteStream("a", { expect: 1 });
    assert.deepEqual(await streamDataOf(store, "a"), []);
    await refuses("REVISION_CONFLICT", () => store.deleteStream("b", { expect: "exists" }));
  },

  "deleting what is not there does nothing": async ({ store }) => {
    await store.deleteStream("a");
    assert.equal(await store.findStream("a"), undefined);
    await appendOneByOne(store, "a", 1);
    await store.deleteStream("a");
    await store.deleteStream("a");
    assert.equal((await infoOf(store, "a")).state, "deleted");
    assert.equal((await store.append({ stream: "a", events })).revision, 1);
  },

  "what was deleted stays away when a policy is lifted": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    await store.setStreamPolicy("a", { maxCount: 1 });
    await store.deleteStream("a");
    await store.setStreamPolicy("a", {});
    assert.deepEqual(await streamDataOf(store, "a"), []);
  },

  "a tombstone hides the stream and refuses every append to it": async ({ store }) => {
    await appendOneByOne(store, "a", 2);
    await store.tombstoneStream("a");
    assert.deepEqual(await streamDataOf(store, "a"), []);
    for (const expect of ["any", "none", "exists", 1] as const) {
      const error = await refuses("STREAM_TOMBSTONED", () => store.append({ stream: "a", expect, events }));
      assert.equal(error.details.stream, "a");
    }
    const batch = [
      { stream: "b", events },
      { stream: "a", events },
    ];
    await refuses("STREAM_TOMBSTONED", () => store.append(batch));
    assert.equal(await store.findStream("b"), undefined);
    await store.tombstoneStream("a");
    await store.deleteStream("a");
    assert.equal((await infoOf(store, "a")).state, "tombstoned");
  },

  "a stream that never was can have a tombstone": async ({ store }) => {
    await store.tombstoneStream("a");
    await refuses("STREAM_TOMBSTONED", () => store.append({ stream: "a", expect: "none", events }));
  },

  "the head stays where it was when events are hidden": async ({ store }) => {
    await appendOneByOne(store, "a", 3);
    const head = await store.head();
    await store.deleteStream("a");
    assert.equal(await store.head(), head);
    await store.reclaim();
    assert.equal(await store.head(), head);
  },

  // Trap 12: positions used again after the tail was deleted.
  "reclaiming frees hidden events and no number is used again": async ({ store }) => {
    await appendOneByOne(store, "a", 5);
    await store.append({ stream: "b", events: someEvents(10) });
    const head = await store.head();
    await store.deleteStream("b");
    await store.setStreamPolicy("a", { maxCount: 2 });
    assert.equal((await store.stats()).events, 15);
    assert.deepEqual(await store.reclaim(), { events: 13 });
    assert.equal((await store.stats()).events, 2);
    assert.deepEqual(await dataOf(store), [3, 4]);
    assert.deepEqual(await store.reclaim(), { events: 0 });
    const result = await store.append({ stream: "b", expect: "none", events });
    assert.ok(result.firstPosition > head);
    assert.equal(result.revision, 10);
    assert.deepEqual(await streamDataOf(store, "b"), ["new"]);
    assert.equal((await store.append({ stream: "a", expect: 4, events })).revision, 5);
    assert.equal((await store.verify()).isSound, true);
  },

  "reclaiming keeps what hidden and visible events share an append with": async ({ store }) => {
    await store.append([
      { stream: "a", events: someEvents(4) },
      { stream: "b", events: someEvents(2) },
    ]);
    await store.setStreamPolicy("a", { truncateBefore: 2 });
    await store.reclaim();
    assert.deepEqual(await dataOf(store), [2, 3, 0, 1]);
    assert.deepEqual(await streamDataOf(store, "a"), [2, 3]);
    assert.equal((await store.verify()).isSound, true);
  },

  "erasing takes every hidden event, and what shares an append with it stays": async ({ store }) => {
    const named = upTo(6).map((n) => anEvent({ data: n, id: uuidOf(n), tags: [`n:${n % 2}`] }));
    await store.append({ stream: "a", events: named });
    await appendOneByOne(store, "b", 2);
    await store.setStreamPolicy("a", { truncateBefore: 4 });
    assert.deepEqual(await store.reclaim({ erase: true }), { events: 4, isErased: true });
    assert.deepEqual(await dataOf(store), [4, 5, 0, 1]);
    assert.deepEqual(await streamDataOf(store, "a"), [4, 5]);
    assert.deepEqual(await streamDataOf(store, "a", { backwards: true, limit: 1 }), [5]);
    assert.deepEqual(await dataOf(store, { tags: ["n:0"] }), [4]);
    assert.equal((await store.findEvent(uuidOf(5)))?.revision, 5);
    assert.equal(await store.findEvent(uuidOf(1)), undefined);
    // The id is forgotten, so the event is a new one.
    const again = await store.append({ stream: "c", events: [anEvent({ id: uuidOf(1) })] });
    assert.deepEqual([again.isDuplicate, again.position], [false, 9]);
    assert.equal((await store.append({ stream: "a", expect: 5, events })).revision, 6);
    assert.deepEqual(await store.reclaim({ erase: true }), { events: 0, isErased: true });
    const { isSound, problems } = await store.verify();
    assert.deepEqual([isSound, problems], [true, []]);
  },

  "erasing finds hidden events between visible ones": async ({ store }) => {
    const moments = [undefined, longAgo, undefined, longAgo, longAgo, undefined];
    await store.append({
      stream: "a",
      events: moments.map((recordedAt, n) => anEvent({ data: n, recordedAt })),
    });
    for (const [n, recordedAt] of moments.entries()) {
      await store.append({ stream: "a", events: [anEvent({ data: n, recordedAt })] });
    }
    await store.setStreamPolicy("a", { maxAgeMs: hourMs });
    assert.deepEqual(await store.reclaim({ erase: true }), { events: 6, isErased: true });
    await store.setStreamPolicy("a", {});
    const kept = await store.readStream("a").toArray();
    assert.deepEqual(
      kept.map(({ revision, data }) => [revision, data]),
      [0, 2, 5, 6, 8, 11].map((revision) => [revision, revision % 6]),
    );
    assert.deepEqual(
      (await store.readStream("a", { backwards: true, from: 1, to: 8 }).toArray()).map((one) => one.revision),
      [8, 6, 5, 2],
    );
    await store.deleteStream("a");
    await store.reclaim({ erase: true });
    assert.deepEqual(await dataOf(store), []);
    assert.equal((await store.verify()).isSound, true);
  },

  "erasing forgets the snapshots of streams that hide events, and of no others": async ({ store }) => {
    const state = new TextEncoder().encode("what the hidden events said");
    const snapshot = {
      name: "thing",
      stateVersion: 1,
      revision: 2,
      takenAt: new Date().toISOString(),
      state,
    };
    for (const stream of ["a", "b", "c"]) {
      await appendOneByOne(store, stream, 3);
      await store.snapshots.save({ ...snapshot, stream });
    }
    await store.setStreamPolicy("a", { truncateBefore: 2 });
    await store.setStreamPolicy("b", { maxCount: 1 });
    await store.reclaim({ erase: true });
    assert.deepEqual(await store.snapshots.list("a"), []);
    assert.deepEqual(await store.snapshots.list("b"), []);
    assert.equal((await store.snapshots.list("c")).length, 1);
  },

  "reading goes on over a reclaiming": async ({ store }) => {
    for (const n of upTo(30)) {
      await store.append({ stream: n % 2 === 0 ? "a" : "b", events: someEvents(200) });
    }
    let seen = 0;
    for await (const event of store.read()) {
      if (seen === 0) {
        await store.deleteStream("b");
        await store.reclaim();
      }
      if (event.stream === "a") seen += 1;
    }
    assert.equal(seen, 3_000);
  },

  "figures count what is stored": async ({ store }) => {
    await store.append([
      { stream: "a", events: someEvents(3) },
      { stream: "b", events },
    ]);
    await store.deleteStream("b");
    const { head, events: stored, streams, snapshots, url, format } = await store.stats();
    assert.deepEqual({ head, stored, streams, snapshots }, { head: 4, stored: 4, streams: 2, snapshots: 0 });
    assert.equal(url, store.url);
    assert.ok(format >= 1);
  },

  "verifying looks at every event and finds a healthy store sound": async ({ store }) => {
    for (const n of upTo(20)) await store.append({ stream: `s-${n % 3}`, events: someEvents(50) });
    const progress: number[] = [];
    const report = await store.verify({ onProgress: (done) => progress.push(done) });
    assert.deepEqual(report, { isSound: true, events: 1_000, streams: 3, problems: [], problemCount: 0 });
    assert.equal(progress.at(-1), 1_000);
    await refuses("ABORTED", () => store.verify({ signal: AbortSignal.abort() }));
  },

  "a closed store fails every method and closes again without harm": async ({ store }) => {
    await appendOneByOne(store, "a", 1);
    const [sequence, iterator] = [store.read(), store.read()[Symbol.asyncIterator]()];
    await store.close();
    await store.close();
    const snapshot = {
      stream: "a",
      name: "n",
      stateVersion: 1,
      revision: 0,
      takenAt: longAgo,
      state: new Uint8Array(),
    };
    const calls: ReadonlyArray<() => unknown> = [
      () => store.append({ stream: "a", events }),
      () => store.read().toArray(),
      () => sequence.toArray(),
      () => iterator.next(),
      () => store.readStream("a").toArray(),
      () => store.subscribe()[Symbol.asyncIterator]().next(),
      () => store.findEvent(uuidOf(1)),
      () => store.head(),
      () => store.findStream("a"),
      () => listOf(store.listStreams()),
      () => store.setStreamPolicy("a", {}),
      () => store.deleteStream("a"),
      () => store.tombstoneStream("a"),
      () => store.reclaim(),
      () => store.stats(),
      () => store.verify(),
      () => store.snapshots.save(snapshot),
      () => store.snapshots.find("a", { name: "n", stateVersion: 1 }),
      () => store.snapshots.list("a"),
      () => store.snapshots.clear("a"),
    ];
    for (const call of calls) await refuses("STORE_CLOSED", call);
  },

  "closing waits for the appends under way": async ({ store }) => {
    const appends = upTo(20).map((n) => store.append({ stream: `s-${n}`, events }));
    await store.close();
    assert.equal((await Promise.all(appends)).at(-1)?.position, 20);
  },
};
