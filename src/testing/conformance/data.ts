import assert from "node:assert/strict";
import { limits } from "../../core/limits.ts";
import { anEvent, dataOf, logOf, someEvents, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

function nested(depth: number): unknown {
  let value: unknown = [];
  for (const n of upTo(depth - 1)) value = n % 2 === 0 ? [value] : { in: value };
  return value;
}

const values: readonly unknown[] = [
  null,
  true,
  false,
  "",
  0,
  -1,
  0.1 + 0.2,
  1e21,
  5e-324,
  Number.MAX_VALUE,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
  'it\'s "quoted" \\ / \b\f\n\r\t',
  "\u0000 \u001f \u007f \u2028 \u2029 \ufeff",
  "ÄÖÜ ß ∑ 漢字 👩‍👩‍👧‍👦 𝔘",
  "lone \ud800 surrogates \udfff",
  "'; DROP TABLE events; --",
  [],
  {},
  [[], [[]], {}],
  { "": { "": "" }, " ": 1, "a.b": 2, "0": 3 },
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": null}'),
  { a: null, b: [null, { c: null }] },
  nested(limits.jsonDepthMax),
];

/** What goes in comes out. */
export const dataTests: Topic = {
  "every JSON value is returned as it was given": async ({ store }) => {
    await store.append({ stream: "s", events: values.map((data) => anEvent({ data })) });
    const stored = await dataOf(store);
    for (const [index, value] of values.entries()) assert.deepEqual(stored[index], value);
    assert.equal(Object.hasOwn({}, "polluted"), false);
  },

  "every JSON value is returned from metadata, and each alone": async ({ store }) => {
    for (const [index, value] of values.slice(0, -1).entries()) {
      await store.append({ stream: `s-${index}`, events: [anEvent({ metadata: { value } })] });
      const [event] = await store.readStream(`s-${index}`).toArray();
      assert.deepEqual(event?.metadata, { value });
    }
  },

  "keys keep their order": async ({ store }) => {
    const data = { zebra: 1, apple: 2, Ähre: 3, mango: { z: 1, a: 2 } };
    await store.append({ stream: "s", events: [anEvent({ data })] });
    assert.equal(JSON.stringify((await dataOf(store))[0]), JSON.stringify(data));
  },

  "what is undefined in an object is left out": async ({ store }) => {
    const event = anEvent({ data: { a: 1, b: undefined }, metadata: { userId: undefined, x: 1 } });
    await store.append({ stream: "s", events: [event] });
    const [stored] = await logOf(store);
    assert.deepEqual(stored?.data, { a: 1 });
    assert.deepEqual(stored.metadata, { x: 1 });
  },

  "negative zero becomes zero": async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent({ data: -0 })] });
    assert.ok(Object.is((await dataOf(store))[0], 0));
  },

  "objects without a prototype are plain objects": async ({ store }) => {
    const data: unknown = Object.assign(Object.create(null), { a: 1 });
    await store.append({ stream: "s", events: [anEvent({ data })] });
    assert.deepEqual(await dataOf(store), [{ a: 1 }]);
  },

  "bytes are returned as bytes, the empty ones too": async ({ store }) => {
    const all = Uint8Array.from(upTo(256));
    const large = Uint8Array.from(upTo(100_000), (n) => n % 251);
    const given = [all, new Uint8Array(), all.subarray(7, 77), Buffer.from("ä"), large];
    await store.append({ stream: "s", events: given.map((data) => anEvent({ data })) });
    const stored = await dataOf(store);
    for (const [index, bytes] of given.entries()) {
      const found = stored[index];
      assert.ok(found instanceof Uint8Array);
      assert.deepEqual([...found], [...bytes]);
    }
  },

  "names of all scripts are kept, quotes and wildcards too": async ({ store }) => {
    const names = [
      "bestellung-ä",
      "订单-1",
      "👩‍🚀-1",
      "it's",
      'a"b',
      "%",
      "_",
      "a b",
      "--",
      "__proto__",
      "a/b?c#d",
    ];
    for (const name of names) {
      await store.append({
        stream: name,
        expect: "none",
        events: [{ type: name, data: name, tags: [name] }],
      });
    }
    for (const name of names) {
      const [event, ...others] = await store.readStream(name).toArray();
      assert.deepEqual([event?.stream, event?.type, event?.tags, others.length], [name, name, [name], 0]);
      assert.deepEqual(await dataOf(store, { types: [name] }), [name]);
      assert.deepEqual(await dataOf(store, { tags: [name] }), [name]);
      assert.deepEqual(await dataOf(store, { streamPrefix: name, limit: 1 }), [name]);
      assert.equal((await store.findStream(name))?.stream, name);
    }
  },

  "everything at its limit is taken": async ({ store }) => {
    const tag = (n: number): string => String(n).padStart(limits.tagLengthMax, "t");
    const event = {
      type: "T".repeat(limits.typeLengthMax),
      data: "d".repeat(
        limits.eventBytesMax -
          limits.typeLengthMax -
          (limits.tagLengthMax + 3) * limits.tagsPerEventMax -
          100,
      ),
      tags: upTo(limits.tagsPerEventMax).map(tag),
    };
    const stream = "s".repeat(limits.streamNameLengthMax);
    await store.append({ stream, events: [event] });
    const [stored] = await store.readStream(stream).toArray();
    assert.deepEqual(stored?.tags, event.tags);
    assert.equal(stored.type, event.type);
    assert.ok(stored.data === event.data);
    assert.equal((await logOf(store, { tags: [tag(63)] })).length, 1);
  },

  "an append of as many events, to as many streams, as allowed is taken": async ({ store }) => {
    await store.append({ stream: "s", events: someEvents(limits.eventsPerAppendMax) });
    assert.equal((await store.findStream("s"))?.revision, limits.eventsPerAppendMax - 1);
    const batch = upTo(limits.streamsPerAppendMax).map((n) => ({ stream: `t-${n}`, events: someEvents(1) }));
    const result = await store.append(batch);
    assert.equal(result.streams.length, limits.streamsPerAppendMax);
    assert.equal((await logOf(store, { categories: ["t"] })).length, limits.streamsPerAppendMax);
  },
};
