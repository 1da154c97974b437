import assert from "node:assert/strict";
import type { ReadModelRef } from "../../../store/read-side.ts";
import { refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import {
  advancing,
  anActiveModel,
  aModel,
  documentOf,
  everything,
  hostileKeys,
  hostileTexts,
  keysOf,
  removal,
  write,
} from "./helpers.ts";

const name = "orders";

const documents: readonly unknown[] = [
  null,
  0,
  "",
  [],
  {},
  { text: "\u0000\u001f\u2028 \ud83d\ude00 \\ \"' {table} ?" },
  { half: "\ud800" },
  { z: 1, a: { "2": 1, "1": 2 }, "": null },
  JSON.parse('{"__proto__": {"polluted": true}, "toString": 1}'),
  { n: [1e21, 5e-324, -1.5, Number.MAX_SAFE_INTEGER] },
  { text: "漢".repeat(700_000) },
];

/** Documents by key. */
export const documentTests: Topic = {
  "a document is put, replaced and removed": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("k", { total: 1 })]);
    const { document, stamp } = await readSide.getDocument({ name }, "k");
    assert.deepEqual(document, { key: "k", json: '{"total":1}', position: 1, indexed: [null, 1, null] });
    assert.deepEqual(stamp, { generation, version: 1, position: 1 });
    await readSide.commit(advancing(generation, [1, 7], write("k", { status: "paid", total: 2 }, 6)));
    const replaced = await readSide.getDocument({ name }, "k");
    assert.equal(replaced.document?.json, '{"status":"paid","total":2}');
    assert.equal(replaced.document.position, 6);
    assert.equal(replaced.stamp?.position, 7);
    await readSide.commit(advancing(generation, [7, 8], removal("k", 8), removal("never was", 8)));
    assert.equal((await readSide.getDocument({ name }, "k")).document, undefined);
    assert.equal((await readSide.getDocument({ name }, "k")).stamp?.position, 8);
  },

  "what is written last in one step counts": async ({ store: { readSide } }) => {
    const both = [write("k", { total: 1 }), removal("k"), write("k", { total: 2 }), removal("other")];
    const generation = await anActiveModel(readSide, [...both, write("gone", {}), removal("gone")]);
    assert.deepEqual(await keysOf(readSide), ["k"]);
    assert.deepEqual(await documentOf(readSide, "k"), { total: 2 });
    await readSide.commit(advancing(generation, [1, 2], write("k", { total: 3 }), removal("k")));
    assert.deepEqual(await keysOf(readSide), []);
  },

  "the text of every document comes back as it was": async ({ store: { readSide } }) => {
    await anActiveModel(
      readSide,
      documents.map((document, n) => write(`k${n}`, document)),
    );
    for (const [n, document] of documents.entries()) {
      const found = await readSide.getDocument({ name }, `k${n}`);
      assert.equal(found.document?.json, JSON.stringify(document));
    }
    assert.equal(Object.hasOwn({}, "polluted"), false);
  },

  "keys of any characters are told apart": async ({ store: { readSide } }) => {
    const keys = [...new Set(hostileKeys())];
    await anActiveModel(
      readSide,
      keys.map((key) => write(key, { key })),
    );
    const { documents: found } = await readSide.getDocuments({ name }, keys);
    assert.deepEqual(
      found.map((document) => document?.key),
      keys,
    );
    for (const key of hostileTexts) assert.deepEqual(await documentOf(readSide, key), { key });
    for (const key of ["", "nobody", "%%%", "a%b", "Ã"]) {
      assert.equal(await documentOf(readSide, key), undefined);
    }
  },

  "what names no read model, or no document, is refused": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("\ufffd", {})]);
    for (const model of [undefined, null, name, {}, { name: 7 }, { generation: 0 }, { generation: "1" }]) {
      const ref = model as ReadModelRef;
      await refuses("ARGUMENT_INVALID", () => readSide.getDocument(ref, "k"));
      await refuses("ARGUMENT_INVALID", () => readSide.getDocuments(ref, ["k"]));
      await refuses("ARGUMENT_INVALID", () => readSide.findDocuments(ref, everything()));
      await refuses("ARGUMENT_INVALID", () => readSide.countDocuments(ref, everything()));
    }
    for (const bad of [undefined, null, 7, {}, "\ud800", "x".repeat(100_000)]) {
      const key = bad as string;
      await refuses("ARGUMENT_INVALID", () => readSide.getDocument({ name }, key));
      await refuses("ARGUMENT_INVALID", () => readSide.getDocuments({ name }, ["k", key]));
      await readSide.transaction(async (transaction) => {
        await refuses("ARGUMENT_INVALID", () => transaction.findDocuments(generation, [key]));
      });
    }
    await refuses("ARGUMENT_INVALID", () => readSide.getDocuments({ name }, "k" as never));
  },

  "several are got in the order of the keys, with gaps where there is none": async ({
    store: { readSide },
  }) => {
    const generation = await anActiveModel(
      readSide,
      upTo(3_000).map((n) => write(`k${n}`, { total: n })),
    );
    const keys = upTo(3_500).map((n) => `k${(n * 7919) % 3_500}`);
    const { documents: found, stamp } = await readSide.getDocuments({ name }, [...keys, "k1", "k1"]);
    assert.deepEqual(stamp, { generation, version: 1, position: 1 });
    assert.deepEqual(
      found.map((document) => document?.key),
      [...keys, "k1", "k1"].map((key) => (Number(key.slice(1)) < 3_000 ? key : undefined)),
    );
    assert.deepEqual((await readSide.getDocuments({ name }, [])).documents, []);
    assert.deepEqual((await readSide.getDocuments({ name: "nobody" }, ["a", "b"])).documents, [
      undefined,
      undefined,
    ]);
  },

  "generations and names share no documents": async ({ store: { readSide } }) => {
    const active = await anActiveModel(readSide, [write("k", { total: 1 })]);
    const other = await aModel(readSide, { name: "others" });
    const building = await aModel(readSide);
    await readSide.commit(advancing(building, [0, 1], write("k", { total: 2 }), write("new", {})));
    assert.deepEqual(await keysOf(readSide), ["k"]);
    assert.deepEqual(await documentOf(readSide, "k"), { total: 1 });
    assert.equal((await readSide.getDocument({ generation: other }, "k")).document, undefined);
    await readSide.commit({ models: [{ step: "clear", generation: building }] });
    assert.equal((await readSide.getDocument({ generation: active }, "k")).stamp?.position, 1);
    assert.deepEqual(await keysOf(readSide), ["k"]);
  },

  "what a document was indexed by is forgotten with it": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide, [write("k", { status: "new" })]);
    await readSide.commit(advancing(generation, [1, 2], write("k", { status: "paid" })));
    assert.deepEqual(await keysOf(readSide, { where: { status: { eq: "new" } } }), []);
    await readSide.commit(advancing(generation, [2, 3], removal("k"), write("l", { status: "paid" })));
    assert.deepEqual(await keysOf(readSide, { where: { status: { eq: "paid" } } }), ["l"]);
  },
};
