import assert from "node:assert/strict";
import { refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import { byCodePoint, hostileKeys, hostileTexts, put, valueOf } from "./helpers.ts";

const ref = { space: "s", key: "k" };

const values: readonly unknown[] = [
  null,
  true,
  0,
  -0.5,
  1e21,
  Number.MAX_SAFE_INTEGER,
  "",
  "\u0000 \u2028 \ud83d\ude00 \\ \"'",
  [],
  {},
  [[1, null], { a: [] }],
  { "": 1, "a.b": { c: null } },
  JSON.parse('{"__proto__": {"polluted": true}}'),
  "x".repeat(200_000),
];

/** Small values, changed by compare-and-set. */
export const recordTests: Topic = {
  "a record is found as it was put, and not before": async ({ store: { readSide } }) => {
    assert.equal(await readSide.findRecord(ref), undefined);
    const { version } = await readSide.commit({ put: [{ ...ref, value: { n: 1 } }] });
    assert.deepEqual(await readSide.findRecord(ref), { ...ref, version, value: { n: 1 } });
  },

  "every JSON value is returned as it was given": async ({ store: { readSide } }) => {
    for (const value of values) {
      assert.deepEqual((await put(readSide, "k", value)).value, value);
    }
    assert.equal(Object.hasOwn({}, "polluted"), false);
  },

  "a value belongs to the store from the moment of the call": async ({ store: { readSide } }) => {
    const value = { list: [1] };
    const committing = readSide.commit({ put: [{ ...ref, value }] });
    value.list.push(2);
    await committing;
    assert.deepEqual(await valueOf(readSide, "k"), { list: [1] });
  },

  "a record is changed by whoever knows its version": async ({ store: { readSide } }) => {
    const { version } = await put(readSide, "k", 1);
    const changed = await readSide.commit({
      expect: [{ ...ref, version }],
      put: [{ ...ref, value: 2 }],
    });
    assert.ok(changed.version > version);
    const error = await refuses("RECORD_CONFLICT", () =>
      readSide.commit({ expect: [{ ...ref, version }], put: [{ ...ref, value: 3 }] }),
    );
    assert.deepEqual(error.details, { ...ref, expected: version, actual: changed.version });
    assert.equal(await valueOf(readSide, "k"), 2);
  },

  "version 0 is that of a record that is not there": async ({ store: { readSide } }) => {
    const create = { expect: [{ ...ref, version: 0 }], put: [{ ...ref, value: 1 }] };
    const { version } = await readSide.commit(create);
    const error = await refuses("RECORD_CONFLICT", () => readSide.commit(create));
    assert.deepEqual(error.details, { ...ref, expected: 0, actual: version });
    await readSide.commit({ remove: [ref] });
    const gone = await refuses("RECORD_CONFLICT", () => readSide.commit({ expect: [{ ...ref, version }] }));
    assert.deepEqual(gone.details, { ...ref, expected: version, actual: 0 });
    await readSide.commit(create);
  },

  "the records of one commit have one version, above all before": async ({ store: { readSide } }) => {
    let last = 0;
    for (const _ of upTo(5)) {
      const { version } = await readSide.commit({
        put: ["a", "b"].map((key) => ({ space: "s", key, value: 1 })),
      });
      const records = await readSide.listRecords("s");
      assert.deepEqual(
        records.map((record) => record.version),
        [version, version],
      );
      assert.ok(version > last);
      last = version;
    }
  },

  "a version is never used again, even if the record is removed and made anew": async ({
    store: { readSide },
  }) => {
    const versions = new Set<number>();
    for (const _ of upTo(5)) {
      versions.add((await put(readSide, "k", "the same")).version);
      await readSide.commit({ remove: [ref] });
    }
    assert.equal(versions.size, 5);
  },

  "removing what is not there does nothing": async ({ store: { readSide } }) => {
    await readSide.commit({ remove: [ref], removeAll: [{ space: "t", prefix: "" }] });
    assert.deepEqual(await readSide.listRecords("s"), []);
  },

  "a record that is put and removed in one commit is not there": async ({ store: { readSide } }) => {
    await readSide.commit({ put: [{ ...ref, value: 1 }], remove: [ref] });
    assert.equal(await readSide.findRecord(ref), undefined);
  },

  "spaces are apart": async ({ store: { readSide } }) => {
    await readSide.commit({
      put: [
        { space: "s", key: "k", value: 1 },
        { space: "t", key: "k", value: 2 },
      ],
    });
    await readSide.commit({ removeAll: [{ space: "t", prefix: "" }] });
    assert.equal(await valueOf(readSide, "k", "s"), 1);
    assert.equal(await readSide.countRecords("t"), 0);
    assert.equal(await readSide.countRecords("S"), 0);
  },

  "keys of any characters are told apart and listed by code point": async ({ store: { readSide } }) => {
    const keys = hostileKeys();
    await readSide.commit({ put: keys.map((key) => ({ space: "s", key, value: key })) });
    const listed = await readSide.listRecords("s");
    assert.deepEqual(
      listed.map((record) => record.key),
      [...new Set(keys)].toSorted(byCodePoint),
    );
    for (const { key, value } of listed) assert.equal(value, key);
    for (const key of hostileTexts) assert.equal(await valueOf(readSide, key), key);
  },

  "a prefix is taken literally": async ({ store: { readSide } }) => {
    const keys = [...new Set(hostileKeys())];
    await readSide.commit({ put: keys.map((key) => ({ space: "s", key, value: 1 })) });
    for (const prefix of ["", ...hostileTexts, "nothing"]) {
      const expected = keys.filter((key) => key.startsWith(prefix)).toSorted(byCodePoint);
      const listed = await readSide.listRecords("s", { prefix });
      assert.deepEqual(
        listed.map((record) => record.key),
        expected,
        JSON.stringify(prefix),
      );
      assert.equal(await readSide.countRecords("s", prefix), expected.length);
    }
  },

  "pages of a listing hold every record once": async ({ store: { readSide } }) => {
    const keys = [...new Set(hostileKeys())].toSorted(byCodePoint);
    await readSide.commit({ put: keys.map((key) => ({ space: "s", key, value: 1 })) });
    for (const prefix of ["", "a"]) {
      const walked: string[] = [];
      let page = await readSide.listRecords("s", { prefix, limit: 7 });
      while (page.length > 0) {
        assert.ok(page.length <= 7);
        walked.push(...page.map((record) => record.key));
        page = await readSide.listRecords("s", { prefix, limit: 7, after: walked.at(-1) });
      }
      assert.deepEqual(
        walked,
        keys.filter((key) => key.startsWith(prefix)),
      );
    }
    assert.deepEqual(await readSide.listRecords("s", { limit: 0 }), []);
  },

  "all of a prefix is removed, and with `to` only up to it": async ({ store: { readSide } }) => {
    const keys = ["a", "a/1", "a/2", "a/3", "a0", "b/1", "a%/1", "a\uffff", "a\u{10000}"];
    await readSide.commit({ put: keys.map((key) => ({ space: "s", key, value: 1 })) });
    await readSide.commit({ removeAll: [{ space: "s", prefix: "a/", to: "a/2" }] });
    assert.equal(await readSide.countRecords("s"), keys.length - 2);
    await readSide.commit({ removeAll: [{ space: "s", prefix: "a%" }] });
    assert.equal(await readSide.findRecord({ space: "s", key: "a%/1" }), undefined);
    await readSide.commit({ removeAll: [{ space: "s", prefix: "a", to: "a\uffff" }] });
    const left = await readSide.listRecords("s");
    assert.deepEqual(
      left.map((record) => record.key),
      ["a\u{10000}", "b/1"],
    );
  },

  "bad input is refused with nothing done": async ({ store: { readSide } }) => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const good = { space: "s", key: "good", value: 1 };
    const bad: readonly unknown[] = [
      ...[undefined, Number.NaN, 1n, () => 1, new Date(0), cycle].map((value) => ({ ...ref, value })),
      { space: 1, key: "k", value: 1 },
      { space: "s", key: undefined, value: 1 },
      { space: "s", key: "half \ud800", value: 1 },
      { space: "s", key: "x".repeat(100_000), value: 1 },
      null,
    ];
    for (const one of bad) {
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ put: [good, one as typeof good] }));
    }
    for (const version of [-1, 0.5, "1", undefined]) {
      const expect = [{ ...ref, version: version as number }];
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ expect, put: [good] }));
    }
    await refuses("ARGUMENT_INVALID", () => readSide.commit(null as never));
    for (const range of [{ to: undefined }, { prefix: undefined }, { space: undefined }]) {
      const removeAll = [{ space: "s", prefix: "k", ...range } as never];
      await refuses("ARGUMENT_INVALID", () => readSide.commit({ removeAll, put: [good] }));
    }
    await refuses("ARGUMENT_INVALID", () => readSide.listRecords("s", { prefix: undefined as never }));
    await refuses("ARGUMENT_INVALID", () => readSide.findRecord({ space: "s", key: 7 as never }));
    await refuses("ARGUMENT_INVALID", () => readSide.listRecords("s", { limit: -1 }));
    await refuses("ARGUMENT_INVALID", () => readSide.countRecords("s", 1 as never));
    assert.equal(await readSide.countRecords("s"), 0);
  },
};
