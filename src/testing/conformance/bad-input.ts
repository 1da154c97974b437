import assert from "node:assert/strict";
import type { ErrorCode } from "../../core/errors.ts";
import type { NewEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import type { AppendOptions, EventStore, Snapshot, StreamAppend } from "../../store/event-store.ts";
import { anEvent, failureOf, refuses, someEvents, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** Passes as a value of any type what a caller without types might pass. */
const untyped = (value: unknown): never => value as never;

/** Expects that an append fails with a code and that nothing of it is stored. */
async function refusesAppend(
  store: EventStore,
  code: ErrorCode,
  batch: StreamAppend | readonly StreamAppend[],
  options?: AppendOptions,
): Promise<void> {
  const error = await refuses(code, () => store.append(batch, options));
  assert.equal(error.isRetryable, false);
  assert.ok(error.message.length < 1_000, "the message repeats a huge value");
  assert.equal(await store.head(), 0);
}

/** Expects that an append fails because of its second event, which the error names. */
async function refusesEvent(store: EventStore, code: ErrorCode, event: unknown): Promise<void> {
  const events = [anEvent(), untyped(event)];
  const error = await refuses(code, () => store.append({ stream: "s", events }));
  if ("index" in error.details) assert.equal(error.details.index, 1);
  assert.equal(await store.head(), 0);
}

function cyclic(): object {
  const object: Record<string, unknown> = {};
  object["self"] = { deeper: [object] };
  return object;
}

const notJson: readonly unknown[] = [
  undefined,
  Number.NaN,
  Infinity,
  -Infinity,
  10n,
  Symbol("s"),
  () => 1,
  new Date(),
  new Map(),
  new (class Account {
    owner = "ada";
  })(),
  /x/,
  new Float64Array(2),
  cyclic(),
  [undefined],
  // oxlint-disable-next-line no-sparse-arrays -- a hole is what is refused
  [1, , 3],
  { a: { b: [1, { c: 1n }] } },
];

const badNames: readonly unknown[] = [
  "",
  "a\nb",
  "a\u0000",
  "\u007f",
  "\ud800",
  7,
  null,
  {},
  [],
  Object.create(null),
];
const badNumbers: readonly unknown[] = [-1, 0.5, Number.NaN, Infinity, "1", 2 ** 53, null, {}, 1n];

/** Bad input gets a clear error, and nothing is half-applied. */
export const badInputTests: Topic = {
  // Trap 10: an empty append reported as a conflict.
  "an append without events is empty, whatever it expects": async ({ store }) => {
    for (const expect of ["any", "none", "exists", 3] as const) {
      await refusesAppend(store, "APPEND_EMPTY", { stream: "s", expect, events: [] });
    }
    await refusesAppend(store, "APPEND_EMPTY", []);
    await refusesAppend(store, "APPEND_EMPTY", [
      { stream: "a", events: someEvents(1) },
      { stream: "b", events: [] },
    ]);
  },

  "an append of the wrong shape is refused": async ({ store }) => {
    for (const batch of [
      undefined,
      null,
      7,
      "s",
      {},
      { stream: "s" },
      { stream: "s", events: "e" },
      [null],
      [[]],
    ]) {
      await refusesAppend(store, "ARGUMENT_INVALID", untyped(batch));
    }
  },

  "a stream named twice is refused": async ({ store }) => {
    const entry = { stream: "s", events: someEvents(1) };
    await refusesAppend(store, "STREAM_REPEATED", [entry, { stream: "t", events: someEvents(1) }, entry]);
    await refusesAppend(store, "STREAM_REPEATED", [{ events: someEvents(1) }, { events: someEvents(1) }]);
  },

  "more events or streams than allowed are refused": async ({ store }) => {
    const events = someEvents(limits.eventsPerAppendMax + 1);
    await refusesAppend(store, "APPEND_TOO_LARGE", { stream: "s", events });
    const split = [events.slice(0, 5_000), events.slice(5_000)];
    await refusesAppend(
      store,
      "APPEND_TOO_LARGE",
      split.map((part, n) => ({ stream: `s-${n}`, events: part })),
    );
    const batch = upTo(limits.streamsPerAppendMax + 1).map((n) => ({
      stream: `s-${n}`,
      events: someEvents(1),
    }));
    await refusesAppend(store, "APPEND_TOO_LARGE", batch);
  },

  "an append of too much text is refused": async ({ store }) => {
    const data = "d".repeat(limits.eventBytesMax - 1_000);
    const events = upTo(17).map(() => anEvent({ data }));
    await refusesAppend(store, "APPEND_TOO_LARGE", { stream: "s", events });
  },

  "names that are empty, too long, no text or hold control characters are refused": async ({ store }) => {
    for (const name of [...badNames, "s".repeat(limits.streamNameLengthMax + 1)]) {
      if (name !== null) {
        await refusesAppend(store, "NAME_INVALID", { stream: untyped(name), events: someEvents(1) });
      }
    }
    for (const name of [...badNames, "T".repeat(limits.typeLengthMax + 1), undefined]) {
      await refusesEvent(store, "NAME_INVALID", { type: name, data: 1 });
    }
    for (const name of [...badNames, "t".repeat(limits.tagLengthMax + 1), undefined]) {
      await refusesEvent(store, "NAME_INVALID", anEvent({ tags: ["fine", untyped(name)] }));
    }
    await refusesAppend(store, "NAME_INVALID", { stream: "$mine", events: someEvents(1) });
  },

  "bad names are refused where streams are read and managed": async ({ store }) => {
    for (const name of [...badNames, undefined, "s".repeat(limits.streamNameLengthMax + 1)].map(untyped)) {
      await refuses("NAME_INVALID", () => store.readStream(name).toArray());
      await refuses("NAME_INVALID", () => store.findStream(name));
      await refuses("NAME_INVALID", () => store.setStreamPolicy(name, {}));
      await refuses("NAME_INVALID", () => store.deleteStream(name));
      await refuses("NAME_INVALID", () => store.tombstoneStream(name));
      await refuses("NAME_INVALID", () => store.snapshots.list(name));
      if (name === undefined) continue;
      await refuses("NAME_INVALID", () => store.subscribe({ stream: name })[Symbol.asyncIterator]().next());
    }
  },

  "data that JSON cannot carry is refused, saying where it is": async ({ store }) => {
    for (const data of notJson) {
      await refusesEvent(store, "EVENT_NOT_JSON", anEvent({ data }));
      await refusesEvent(
        store,
        "EVENT_NOT_JSON",
        anEvent({ data: { deep: [{ er: data === undefined ? () => 1 : data }] } }),
      );
    }
    for (const value of notJson.slice(1)) {
      await refusesEvent(store, "EVENT_NOT_JSON", anEvent({ metadata: { value } }));
    }
    const events = [anEvent({ data: { items: [{ price: 1 }, { price: Number.NaN }] } })];
    const error = await refuses("EVENT_NOT_JSON", () => store.append({ stream: "s", events }));
    assert.deepEqual(error.details, { index: 0, path: "data.items[1].price", found: "NaN" });
  },

  "nesting beyond the limit is refused": async ({ store }) => {
    let data: unknown = [];
    for (const _ of upTo(limits.jsonDepthMax)) data = [data];
    await refusesEvent(store, "EVENT_NOT_JSON", anEvent({ data }));
    for (const _ of upTo(100_000)) data = [data];
    await refusesEvent(store, "EVENT_NOT_JSON", anEvent({ data }));
  },

  "fields of the wrong type or range are refused": async ({ store }) => {
    const wrong: readonly unknown[] = [
      null,
      7,
      "event",
      anEvent({ id: "not-a-uuid" }),
      anEvent({ id: untyped(7) }),
      anEvent({ id: "" }),
      ...[0, -1, 1.5, 65_536, "1", null].map((version) => anEvent({ schemaVersion: untyped(version) })),
      ...["text", 7, [], null].map((metadata) => anEvent({ metadata: untyped(metadata) })),
      ...[7, {}, null].map((correlationId) =>
        anEvent({ metadata: { correlationId: untyped(correlationId) } }),
      ),
      ...["text", 7, {}, null].map((tags) => anEvent({ tags: untyped(tags) })),
      anEvent({ tags: upTo(limits.tagsPerEventMax + 1).map(String) }),
      ...["yesterday", "2020-13-01", "2020-01-01T00:00:00", 7, new Date(), ""].map((recordedAt) =>
        anEvent({ recordedAt: untyped(recordedAt) }),
      ),
    ];
    for (const event of wrong) await refusesEvent(store, "EVENT_INVALID", event);
  },

  "an event that is too large is refused, counted in bytes": async ({ store }) => {
    const third = Math.ceil(limits.eventBytesMax / 3);
    for (const event of [
      anEvent({ data: "d".repeat(limits.eventBytesMax) }),
      anEvent({ data: "漢".repeat(third) }),
      anEvent({ data: new Uint8Array(limits.eventBytesMax) }),
      anEvent({ metadata: { note: "m".repeat(limits.eventBytesMax) } }),
    ] satisfies NewEvent[]) {
      await refusesEvent(store, "EVENT_TOO_LARGE", event);
    }
  },

  "what is no expectation is refused": async ({ store }) => {
    for (const expect of ["", "some", "no_stream", ...badNumbers.filter((one) => one !== null)]) {
      await refusesAppend(store, "ARGUMENT_INVALID", {
        stream: "s",
        expect: untyped(expect),
        events: someEvents(1),
      });
      await refuses("ARGUMENT_INVALID", () => store.deleteStream("s", { expect: untyped(expect) }));
      await refuses("ARGUMENT_INVALID", () => store.tombstoneStream("s", { expect: untyped(expect) }));
    }
  },

  "malformed conditions are refused": async ({ store }) => {
    const tooMany = upTo(limits.queryItemsMax + 1).map(() => ({ types: ["A"] }));
    const conditions = [
      null,
      7,
      {},
      ...[
        null,
        "all",
        {},
        [null],
        [7],
        [{ types: "A" }],
        [{ types: [7] }],
        [{ tags: "t" }],
        [{ tags: [null] }],
        // oxlint-disable-next-line no-sparse-arrays -- a hole is what is refused
        [{ tags: [, "t"] }],
        [{ tags: upTo(limits.queryItemsMax + 1).map(String) }],
        tooMany,
      ].map((failIfMatch) => ({ failIfMatch })),
      ...badNumbers.filter((one) => one !== 2 ** 53).map((after) => ({ failIfMatch: [], after })),
    ];
    for (const condition of conditions) {
      await refusesAppend(
        store,
        "ARGUMENT_INVALID",
        { stream: "s", events: someEvents(1) },
        { condition: untyped(condition) },
      );
    }
  },

  "what guards or places an append or a removal is refused when it is undefined": async ({ store }) => {
    const events = someEvents(1);
    for (const part of ["stream", "expect", "firstRevision"]) {
      const batch: StreamAppend = untyped({ stream: "s", events, [part]: undefined });
      await refusesAppend(store, "ARGUMENT_INVALID", batch);
      await refusesAppend(store, "ARGUMENT_INVALID", [{ stream: "t", events }, batch]);
    }
    const conditions = [
      undefined,
      { failIfMatch: undefined },
      { failIfMatch: [{ types: ["A"] }], after: undefined },
      ...[{ types: undefined }, { tags: undefined }, { types: [] }, { tags: [] }].map((item) => ({
        failIfMatch: [item],
      })),
    ];
    for (const condition of conditions.map(untyped)) {
      await refusesAppend(store, "ARGUMENT_INVALID", { stream: "s", events }, { condition });
    }
    await store.append({ stream: "s", events });
    const expect = untyped(undefined);
    await refuses("ARGUMENT_INVALID", () => store.deleteStream("s", { expect }));
    await refuses("ARGUMENT_INVALID", () => store.tombstoneStream("s", { expect }));
    for (const part of ["maxCount", "maxAgeMs", "truncateBefore"]) {
      await refuses("ARGUMENT_INVALID", () => store.setStreamPolicy("s", { [part]: undefined }));
    }
    const key = { name: "n", stateVersion: 1, atRevision: untyped(undefined) };
    await refuses("ARGUMENT_INVALID", () => store.snapshots.find("s", key));
    for (const stream of [undefined, ""].map(untyped)) {
      await refuses("NAME_INVALID", () => store.deleteStream(stream));
      await refuses("NAME_INVALID", () => store.tombstoneStream(stream));
      await refuses("NAME_INVALID", () => store.setStreamPolicy(stream, {}));
      await refuses("NAME_INVALID", () => store.readStream(stream).toArray());
      await refuses("NAME_INVALID", () => store.snapshots.clear(stream));
      await refuses("NAME_INVALID", () => store.snapshots.list(stream));
    }
    assert.equal((await store.readStream("s").toArray()).length, 1);
  },

  "malformed bounds of reads are refused": async ({ store }) => {
    const options = [
      ...["from", "to", "limit"].flatMap((bound) => badNumbers.map((value) => ({ [bound]: value }))),
      ...["since", "until"].flatMap((bound) =>
        [
          "",
          "soon",
          7,
          "2020-01-01T00:00:00",
          new Date(Number.NaN),
          new Date(-1),
          new Date(8.64e15),
          null,
          {},
        ].map((value) => ({
          [bound]: value,
        })),
      ),
      ...["yes", 1, null].map((backwards) => ({ backwards })),
      { signal: {} },
      null,
      7,
    ];
    for (const option of options.map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.read(option).toArray());
      await refuses("ARGUMENT_INVALID", () => store.readStream("s", option).toArray());
    }
  },

  "malformed filters are refused in reads and subscriptions": async ({ store }) => {
    const filters = [
      ...["types", "categories", "tags"].flatMap((part) =>
        ["text", 7, null, {}, [7], [null]].map((value) => ({ [part]: value })),
      ),
      ...["streamPrefix", "correlationId"].flatMap((part) =>
        [7, null, {}, []].map((value) => ({ [part]: value })),
      ),
      ...["text", 7, null, {}, [null], [{ types: "A" }], [{ tags: [1] }]].map((query) => ({ query })),
      { types: upTo(limits.queryItemsMax + 1).map(String) },
    ];
    for (const filter of filters.map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.read(filter).toArray());
      await refuses("ARGUMENT_INVALID", () => store.subscribe(filter)[Symbol.asyncIterator]().next());
    }
  },

  "malformed subscriptions are refused": async ({ store }) => {
    const options = [...badNumbers.map((after) => ({ after })), { after: "start" }, { signal: 7 }, null, 7];
    for (const option of options.map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.subscribe(option)[Symbol.asyncIterator]().next());
    }
  },

  "malformed policies, listings, ids and snapshots are refused": async ({ store }) => {
    const policies = ["maxCount", "maxAgeMs", "truncateBefore"].flatMap((part) =>
      badNumbers.map((value) => ({ [part]: value })),
    );
    for (const policy of [...policies, { maxCount: 0 }, { maxAgeMs: 0 }, null, 7].map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.setStreamPolicy("s", policy));
    }
    for (const options of [
      { prefix: 7 },
      { category: 7 },
      { after: 7 },
      { limit: -1 },
      { limit: "1" },
      null,
    ].map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.listStreams(options)[Symbol.asyncIterator]().next());
    }
    for (const id of [undefined, null, 7, {}].map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.findEvent(id));
    }
    const snapshot = {
      stream: "s",
      name: "n",
      stateVersion: 1,
      revision: 0,
      takenAt: "2026-01-01T00:00:00.000Z",
      state: new Uint8Array(),
    };
    for (const wrong of [
      { name: 7 },
      { stateVersion: "1" },
      { revision: -1 },
      { takenAt: 7 },
      { takenAt: "" },
      { takenAt: "yesterday" },
      { state: [1] },
    ]) {
      await refuses("ARGUMENT_INVALID", () => store.snapshots.save(untyped({ ...snapshot, ...wrong })));
    }
    for (const keep of [0, ...badNumbers].map(untyped)) {
      await refuses("ARGUMENT_INVALID", () => store.snapshots.save(snapshot, { keep }));
    }
  },

  "options that are no object are refused": async ({ store }) => {
    for (const options of [null, 7, "o"].map(untyped)) {
      await refusesAppend(store, "ARGUMENT_INVALID", { stream: "s", events: someEvents(1) }, options);
      await refuses("ARGUMENT_INVALID", () => store.deleteStream("s", options));
      await refuses("ARGUMENT_INVALID", () => store.tombstoneStream("s", options));
      await refuses("ARGUMENT_INVALID", () => store.reclaim(options));
      await refuses("ARGUMENT_INVALID", () => store.verify(options));
      await refuses("ARGUMENT_INVALID", () => store.snapshots.find("s", options));
    }
    await refuses("ARGUMENT_INVALID", () => store.deleteStream("s", { expect: untyped(null) }));
    await refuses("ARGUMENT_INVALID", () => store.verify({ onProgress: untyped(7) }));
    await refuses("ARGUMENT_INVALID", () => store.reclaim({ erase: untyped("yes") }));
    for (const key of [{}, { name: {}, stateVersion: 1 }, { name: "n", stateVersion: 1, atRevision: "1" }]) {
      await refuses("ARGUMENT_INVALID", () => store.snapshots.find("s", untyped(key)));
    }
  },

  "what the progress of a verification throws, it fails with": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(1) });
    const fault = new Error("the listener's own");
    const onProgress = (): never => {
      throw fault;
    };
    assert.equal(await failureOf(() => store.verify({ onProgress })), fault);
  },

  "what hangs on a snapshot besides its parts is left out": async ({ store }) => {
    const snapshot: Snapshot = {
      stream: "s",
      name: "n",
      stateVersion: 1,
      revision: 0,
      takenAt: "2026-01-01T00:00:00.000Z",
      state: Uint8Array.of(1),
    };
    await store.append({ stream: "s", events: [anEvent()] });
    await store.snapshots.save(untyped({ ...snapshot, note: 1n }));
    assert.deepEqual(await store.snapshots.list("s"), [snapshot]);
  },

  "a store goes on after bad input": async ({ store }) => {
    const good = store.append({ stream: "s", events: someEvents(1) });
    const bad = refuses("EVENT_NOT_JSON", () =>
      store.append({ stream: "s", events: [anEvent({ data: 1n })] }),
    );
    const alsoGood = store.append({ stream: "s", events: someEvents(1) });
    await bad;
    assert.deepEqual([(await good).revision, (await alsoGood).revision], [0, 1]);
  },
};
