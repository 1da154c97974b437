import assert from "node:assert/strict";
import { limits } from "../../../core/limits.ts";
import { indexedFields } from "../../../store/document-query.ts";
import type {
  DocumentQuery,
  FieldCondition,
  IndexValue,
  ReadModelShape,
  ReadSide,
  StoredDocument,
} from "../../../store/read-side.ts";
import { refuses, upTo } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import type { Random } from "../random.ts";
import {
  advancing,
  aModel,
  anActiveModel,
  everything,
  hostileTexts,
  keysOf,
  positionOf,
  removal,
  write,
} from "./helpers.ts";
import { found } from "./query-rule.ts";
import type { PlainDocument } from "./query-rule.ts";

const name = "orders";
const randomShape: ReadModelShape = { kind: "documents", indexes: [["a"], ["b", "a"], ["c.d", "b"]] };
const fields = indexedFields(randomShape);

const long = "x".repeat(limits.indexedLengthMax);
const numbers = [-1e21, -2, -0.5, 0, 5e-324, 0.5, 1, 2, 10, 2 ** 53 - 1, 1e21];
const strings = ["", "1", "10", "a", "ab", "A", long.slice(1), ...hostileTexts];
const comparable: readonly IndexValue[] = [...numbers, ...strings];

/** Finds the documents that hold a value in the field `status`, by key. */
async function keysWhere(readSide: ReadSide, condition: FieldCondition): Promise<string[]> {
  return (await keysOf(readSide, { where: { status: condition } })).toSorted();
}

/** Documents of which each holds one of the values in the field `status`; keys are `0`, `1`, … */
async function documentsWith(readSide: ReadSide, values: readonly unknown[]): Promise<void> {
  await anActiveModel(
    readSide,
    values.map((status, n) => write(`${n}`, { status })),
  );
}

/** Conditions on indexed fields, in an order, page by page. */
export const queryTests: Topic = {
  "equality tells types apart": async ({ store: { readSide } }) => {
    await documentsWith(readSide, [1, "1", true, 0, false, "", null, undefined, [1], { a: 1 }, "true"]);
    assert.deepEqual(await keysWhere(readSide, { eq: 1 }), ["0", "2"]);
    assert.deepEqual(await keysWhere(readSide, { eq: "1" }), ["1"]);
    assert.deepEqual(await keysWhere(readSide, { eq: 0 }), ["3", "4"]);
    assert.deepEqual(await keysWhere(readSide, { eq: "" }), ["5"]);
    assert.deepEqual(await keysWhere(readSide, { eq: null }), ["6", "7", "8", "9"]);
  },

  "a list finds any of its values, null too, and an empty one finds nothing": async ({
    store: { readSide },
  }) => {
    await documentsWith(readSide, [1, "1", "a", null, 2, undefined]);
    assert.deepEqual(await keysWhere(readSide, { in: [1, "a", "b", 1] }), ["0", "2"]);
    assert.deepEqual(await keysWhere(readSide, { in: [null, 2] }), ["3", "4", "5"]);
    assert.deepEqual(await keysWhere(readSide, { in: [] }), []);
    const many = upTo(limits.queryItemsMax).map((n) => n + 2);
    assert.deepEqual(await keysWhere(readSide, { in: many }), ["4"]);
  },

  "ranges hold values of the type of their bound only": async ({ store: { readSide } }) => {
    await documentsWith(readSide, [1, 2, 3, "1", "2", "3", null, true]);
    assert.deepEqual(await keysWhere(readSide, { gt: 1 }), ["1", "2"]);
    assert.deepEqual(await keysWhere(readSide, { gte: 1, lt: 3 }), ["0", "1", "7"]);
    assert.deepEqual(await keysWhere(readSide, { gte: "2" }), ["4", "5"]);
    assert.deepEqual(await keysWhere(readSide, { lte: "2" }), ["3", "4"]);
    assert.deepEqual(await keysWhere(readSide, { gt: 1, lt: "3" }), []);
    assert.deepEqual(await keysWhere(readSide, { gte: null }), []);
    assert.deepEqual(await keysWhere(readSide, { gt: 1, in: [2, 9] }), ["1"]);
    assert.deepEqual(await keysWhere(readSide, { gt: 5, lt: 1 }), []);
  },

  "a prefix is taken literally, and finds strings only": async ({ store: { readSide } }) => {
    const values = [...hostileTexts.flatMap((text) => [text, `${text}x`, `x${text}`]), 1, null];
    await documentsWith(readSide, values);
    for (const prefix of ["", "x", ...hostileTexts]) {
      const expected = values.flatMap((value, n) =>
        typeof value === "string" && value.startsWith(prefix) ? [`${n}`] : [],
      );
      assert.deepEqual(await keysWhere(readSide, { prefix }), expected.toSorted(), JSON.stringify(prefix));
    }
  },

  "a prefix of a key is taken literally": async ({ store: { readSide } }) => {
    const keys = [...new Set(hostileTexts.flatMap((text) => [text, `${text}x`, `x${text}`]))];
    await anActiveModel(
      readSide,
      keys.map((key) => write(key, {})),
    );
    for (const keyPrefix of ["", "x", ...hostileTexts]) {
      const expected = keys.filter((key) => key.startsWith(keyPrefix));
      assert.deepEqual((await keysOf(readSide, { keyPrefix })).toSorted(), expected.toSorted());
    }
  },

  "filters are exact on strings that an index does not hold whole": async ({ store: { readSide } }) => {
    const face = "\u{1f600}";
    const cutInFace = `${long.slice(1)}${face}`;
    await documentsWith(readSide, [long, `${long}a`, `${long}b`, cutInFace, long.slice(1), `${long}${face}`]);
    assert.deepEqual(await keysWhere(readSide, { eq: long }), ["0"]);
    assert.deepEqual(await keysWhere(readSide, { in: [long, long.slice(1)] }), ["0", "4"]);
    assert.deepEqual(await keysWhere(readSide, { eq: long.slice(1) }), ["4"]);
    assert.deepEqual(await keysWhere(readSide, { gt: long }), ["1", "2", "3", "5"]);
    assert.deepEqual(await keysWhere(readSide, { lte: long }), ["0", "4"]);
    assert.deepEqual(await keysWhere(readSide, { prefix: long }), ["0", "1", "2", "5"]);
    assert.deepEqual(await keysWhere(readSide, { gt: `${long.slice(1)}\uffff` }), ["3"]);
  },

  "the order is by the fields, then by key in the direction of the last": async ({ store: { readSide } }) => {
    const documents = [
      ["a", "new", 1],
      ["b", "new", 2],
      ["c", "paid", 1],
      ["d", "new", 1],
      ["e", null, 1],
      ["f", 7, 1],
    ] as const;
    await anActiveModel(
      readSide,
      documents.map(([key, status, total]) => write(key, { status, total })),
    );
    const sorted = (...sort: DocumentQuery["sort"]): Promise<string[]> => keysOf(readSide, { sort });
    const [status, total] = ["status", "total"];
    assert.deepEqual(await sorted(), ["a", "b", "c", "d", "e", "f"]);
    assert.deepEqual(await sorted({ field: status, isDescending: false }), Array.from("efabdc"));
    assert.deepEqual(await sorted({ field: status, isDescending: true }), Array.from("cdbafe"));
    assert.deepEqual(
      await sorted({ field: total, isDescending: true }, { field: status, isDescending: false }),
      Array.from("befadc"),
    );
    assert.deepEqual(
      await sorted({ field: status, isDescending: false }, { field: total, isDescending: true }),
      Array.from("efbdac"),
    );
  },

  "a limit limits, and a count does not care": async ({ store: { readSide } }) => {
    await documentsWith(readSide, upTo(20));
    assert.equal((await keysOf(readSide, { limit: 7 })).length, 7);
    const query = everything({ where: { status: { lt: 15 } }, limit: 1, after: { values: [], key: "9" } });
    const { count, stamp } = await readSide.countDocuments({ name }, query);
    assert.equal(count, 15);
    assert.equal(stamp?.position, 1);
  },

  "a field without an index is refused by its name": async ({ store: { readSide } }) => {
    const generation = await anActiveModel(readSide);
    const where = { nope: { eq: 1 } };
    const sort = [{ field: "customer", isDescending: false }];
    for (const [field, parts] of [
      ["nope", { where }],
      ["customer", { sort }],
    ] as const) {
      for (const ref of [{ name }, { generation }]) {
        const error = await refuses("INDEX_MISSING", () => readSide.findDocuments(ref, everything(parts)));
        assert.deepEqual(error.details, {
          readModel: name,
          field,
          known: ["status", "total", "customer.id"],
        });
      }
    }
    await refuses("INDEX_MISSING", () => readSide.countDocuments({ name }, everything({ where })));
  },

  "a condition that is undefined is refused": async ({ store: { readSide } }) => {
    await documentsWith(readSide, ["a"]);
    for (const part of ["eq", "in", "gt", "gte", "lt", "lte", "prefix"]) {
      const query = { where: { status: { [part]: undefined } }, sort: [], limit: 1 };
      await refuses("ARGUMENT_INVALID", () => readSide.findDocuments({ name }, query));
      await refuses("ARGUMENT_INVALID", () => readSide.countDocuments({ name }, query));
    }
    const query = { where: { status: undefined as never }, sort: [], limit: 1 };
    await refuses("ARGUMENT_INVALID", () => readSide.findDocuments({ name }, query));
  },

  "without a read model nothing is found": async ({ store: { readSide } }) => {
    assert.deepEqual(await readSide.findDocuments({ name }, everything()), {
      documents: [],
      stamp: undefined,
    });
  },

  "random queries over random documents find what a plain filter and sort find": async ({
    store: { readSide },
    random,
  }) => {
    const generation = await aModel(readSide, { shape: randomShape });
    await readSide.commit({ models: [{ step: "activate", generation }] });
    const documents = new Map<string, PlainDocument>();
    for (const _ of upTo(6)) {
      await change({ readSide, generation, documents, random });
      for (const _query of upTo(25)) await compare(readSide, [...documents.values()], someQuery(random));
    }
  },
};

interface Changing {
  readonly readSide: ReadSide;
  readonly generation: number;
  readonly documents: Map<string, PlainDocument>;
  readonly random: Random;
}

/** Writes and removes some documents. */
async function change({ readSide, generation, documents, random }: Changing): Promise<void> {
  const writes = upTo(40).map(() => {
    const key = `${random.pick(hostileTexts)}${random.integer(4)}`;
    if (random.once(6)) {
      documents.delete(key);
      return removal(key);
    }
    const document = someDocument(random);
    documents.set(key, { key, document });
    return write(key, document, 1, randomShape);
  });
  const position = (await positionOf(readSide, generation)) ?? 0;
  await readSide.commit(advancing(generation, [position, position + 1], ...writes));
}

function someDocument(random: Random): unknown {
  if (random.once(20)) return random.pick([null, 7, "text", [{ a: 1 }]]);
  const d = someValue(random);
  return { a: someValue(random), b: someValue(random), c: random.once(8) ? d : { d } };
}

function someValue(random: Random): unknown {
  if (random.once(5)) return random.pick([null, undefined, true, false, [1], { d: 1 }]);
  return random.pick(comparable);
}

function someQuery(random: Random): DocumentQuery {
  const where = Object.fromEntries(
    fields.filter(() => random.once(3)).map((field) => [field, someCondition(random)]),
  );
  const sort = fields
    .filter(() => random.once(2))
    .map((field) => ({ field, isDescending: random.once(2) }))
    .toSorted(() => random.integer(3) - 1);
  return { where, sort, limit: 1 + random.integer(12), ...(random.once(5) && { keyPrefix: "a" }) };
}

function someCondition(random: Random): FieldCondition {
  const value = random.pick(comparable);
  const other = random.pick(comparable);
  return random.pick<FieldCondition>([
    { eq: random.pick([value, null, 0, 1]) },
    { in: upTo(random.integer(8)).map(() => random.pick([...comparable, null])) },
    { gt: value },
    { gte: value },
    { lt: value },
    { lte: value },
    { gt: value, lte: other },
    { gte: other, prefix: random.pick(strings) },
    { prefix: random.pick(strings).slice(0, 1).toWellFormed() },
    { prefix: random.pick(strings) },
  ]);
}

/** Walks all pages of a query: nothing is lost, nothing comes twice. */
async function compare(
  readSide: ReadSide,
  documents: readonly PlainDocument[],
  query: DocumentQuery,
): Promise<void> {
  const expected = found(documents, query);
  const walked: StoredDocument[] = [];
  for (;;) {
    const last = walked.at(-1);
    const after = last && { key: last.key, values: query.sort.map(({ field }) => valueOf(last, field)) };
    const { documents: page } = await readSide.findDocuments({ name }, { ...query, after });
    walked.push(...page);
    if (page.length < query.limit || walked.length > expected.length) break;
  }
  const shown = JSON.stringify(query);
  assert.deepEqual(
    walked.map(({ key, json }) => [key, json]),
    expected.map(({ key, document }) => [key, JSON.stringify(document)]),
    shown,
  );
  assert.equal((await readSide.countDocuments({ name }, query)).count, expected.length, shown);
}

function valueOf({ indexed }: StoredDocument, field: string): IndexValue {
  return indexed[fields.indexOf(field)] ?? null;
}
