import assert from "node:assert/strict";
import { defaultStream } from "../../core/limits.ts";
import { anEvent, logOf, refuses, someEvents, streamDataOf, upTo, uuidOf } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** Where events go and how they are numbered. */
export const appendTests: Topic = {
  "appends that do not wait for each other take place in their order": async ({ store }) => {
    const appends = upTo(50).map((n) =>
      store.append({ stream: `s-${n % 7}`, events: [anEvent({ data: { n } })] }),
    );
    const positions = (await Promise.all(appends)).map((result) => result.position);
    assert.deepEqual(
      positions,
      upTo(50).map((n) => (positions[0] ?? 0) + n),
    );
  },

  "an empty store has nothing to read and its head at 0": async ({ store }) => {
    assert.equal(await store.head(), 0);
    assert.deepEqual(await logOf(store), []);
    assert.equal((await store.stats()).events, 0);
  },

  "the result says where the events are": async ({ store }) => {
    const first = await store.append({ stream: "order-1", events: someEvents(2) });
    assert.deepEqual(first, {
      position: 2,
      firstPosition: 1,
      revision: 1,
      streams: [{ stream: "order-1", firstRevision: 0, revision: 1 }],
      isDuplicate: false,
    });
    const second = await store.append({ stream: "order-1", events: someEvents(3) });
    const [stream] = second.streams;
    assert.deepEqual(stream, { stream: "order-1", firstRevision: 2, revision: 4 });
    assert.ok(second.firstPosition > first.position);
    assert.equal(second.position, second.firstPosition + 2);
    assert.equal(await store.head(), second.position);
  },

  "an append to several streams keeps the order given": async ({ store }) => {
    await store.append({ stream: "b", events: someEvents(1) });
    const result = await store.append([
      { stream: "c", events: someEvents(2) },
      { stream: "a", events: someEvents(1) },
      { stream: "b", events: someEvents(2) },
    ]);
    assert.deepEqual(result.streams, [
      { stream: "c", firstRevision: 0, revision: 1 },
      { stream: "a", firstRevision: 0, revision: 0 },
      { stream: "b", firstRevision: 1, revision: 2 },
    ]);
    assert.equal(result.revision, 1);
    const log = await logOf(store, { from: result.firstPosition });
    assert.deepEqual(
      log.map(({ stream, revision, position }) => [stream, revision, position - result.firstPosition]),
      [
        ["c", 0, 0],
        ["c", 1, 1],
        ["a", 0, 2],
        ["b", 1, 3],
        ["b", 2, 4],
      ],
    );
    assert.equal(result.position, log.at(-1)?.position);
  },

  "an event without a stream goes to the log's default stream": async ({ store }) => {
    const result = await store.append({ events: [anEvent({ tags: ["course:1"] })] });
    assert.equal(result.streams[0]?.stream, defaultStream);
    await store.append({ stream: defaultStream, events: [anEvent()] });
    const events = await store.readStream(defaultStream).toArray();
    assert.deepEqual(
      events.map(({ stream, revision }) => [stream, revision]),
      [
        [defaultStream, 0],
        [defaultStream, 1],
      ],
    );
  },

  "many append to the default stream at once without contention": async ({ store }) => {
    await Promise.all(upTo(64).map((n) => store.append({ events: [anEvent({ data: n })] })));
    assert.deepEqual(await streamDataOf(store, defaultStream), upTo(64));
  },

  "what the writer leaves out is filled in": async ({ store }) => {
    const before = Date.now();
    await store.append({ stream: "order-1", events: [{ type: "OrderPlaced", data: null }] });
    const [event] = await logOf(store);
    assert.ok(event !== undefined);
    const { id, recordedAt, ...rest } = event;
    assert.deepEqual(rest, {
      stream: "order-1",
      revision: 0,
      position: 1,
      type: "OrderPlaced",
      schemaVersion: 1,
      data: null,
      metadata: {},
      tags: [],
    });
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(recordedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Date.parse(recordedAt) >= before - 1 && Date.parse(recordedAt) <= Date.now() + 1);
  },

  "ids that the store makes are unique and find their events": async ({ store }) => {
    await Promise.all(upTo(50).map((n) => store.append({ stream: `s-${n}`, events: someEvents(20) })));
    const log = await logOf(store);
    assert.equal(new Set(log.map((event) => event.id)).size, 1_000);
    for (const event of log.slice(300, 330)) assert.deepEqual(await store.findEvent(event.id), event);
  },

  "what the writer gives is kept": async ({ store }) => {
    const given = {
      id: uuidOf(7),
      type: "OrderPlaced",
      schemaVersion: 65_535,
      data: { total: 12.5 },
      metadata: {
        correlationId: "c-1",
        causationId: "k-1",
        userId: "ada",
        traceparent: "00-…",
        own: [1, { x: null }],
      },
      tags: ["order:1", "customer:ada"],
      recordedAt: "1999-12-31T23:59:59.999Z",
    };
    await store.append({ stream: "order-1", events: [given] });
    assert.deepEqual(await logOf(store), [{ ...given, stream: "order-1", revision: 0, position: 1 }]);
  },

  "a repeated tag counts once and the order of tags is kept": async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent({ tags: ["b", "a", "b", "c", "a"] })] });
    assert.deepEqual((await logOf(store))[0]?.tags, ["b", "a", "c"]);
  },

  "an id is kept and found in lower case": async ({ store }) => {
    const id = "ABCDEF01-2345-4789-8ABC-DEF012345678";
    await store.append({ stream: "s", events: [anEvent({ id })] });
    const event = await store.findEvent(id);
    assert.equal(event?.id, id.toLowerCase());
    assert.deepEqual(await store.findEvent(id.toLowerCase()), event);
  },

  "an id that is not stored finds nothing": async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent()] });
    assert.equal(await store.findEvent(uuidOf(1)), undefined);
    assert.equal(await store.findEvent("no uuid at all"), undefined);
  },

  "imported events keep their moments, though they lie before others": async ({ store }) => {
    const moments = ["2011-03-01T10:00:00.000Z", "2010-12-01T08:26:00.001Z", "2011-12-09T12:50:00.000Z"];
    await store.append({ stream: "a", events: moments.map((recordedAt) => anEvent({ recordedAt })) });
    await store.append({
      stream: "b",
      events: [anEvent(), anEvent({ recordedAt: "2010-12-01T09:00:00+01:00" })],
    });
    const times = (await logOf(store)).map((event) => event.recordedAt);
    assert.deepEqual(times.slice(0, 3), moments);
    assert.ok(Math.abs(Date.parse(times[3] ?? "") - Date.now()) < 60_000);
    assert.equal(times[4], "2010-12-01T08:00:00.000Z");
  },

  "the caller's objects stay the caller's": async ({ store }) => {
    const data = { items: [{ sku: "a" }] };
    const tags = ["t"];
    const metadata = { userId: "ada" };
    const appending = store.append({ stream: "s", events: [anEvent({ data, tags, metadata })] });
    data.items.push({ sku: "changed" });
    tags.push("changed");
    metadata.userId = "changed";
    await appending;
    const [event] = await logOf(store);
    assert.deepEqual(event?.data, { items: [{ sku: "a" }] });
    assert.deepEqual(event.tags, ["t"]);
    assert.deepEqual(event.metadata, { userId: "ada" });
  },

  "who changes what he has read changes nothing in the store": async ({ store }) => {
    const events = [anEvent({ data: { list: [1] } }), anEvent({ data: Uint8Array.of(1, 2) })];
    await store.append({ stream: "s", events });
    const [first, second] = (await streamDataOf(store, "s")) as [{ list: number[] }, Uint8Array];
    try {
      first.list.push(2);
    } catch {
      // A store may also freeze what it returns.
    }
    second[0] = 9;
    assert.deepEqual(await streamDataOf(store, "s"), [{ list: [1] }, Uint8Array.of(1, 2)]);
  },

  "an append whose signal was aborted beforehand stores nothing": async ({ store }) => {
    const signal = AbortSignal.abort(new Error("enough"));
    const error = await refuses("ABORTED", () =>
      store.append({ stream: "s", events: [anEvent()] }, { signal }),
    );
    assert.equal((error.cause as Error).message, "enough");
    assert.equal(await store.head(), 0);
  },
};
