import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Filter, FindOptions, LiveChange } from "../../../runtime/projections/read-model.ts";
import { listOf, refuses, upTo } from "../helpers.ts";
import type { Random } from "../random.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkLab, WorkTopic } from "../work/work-kit.ts";
import { added, agreesWithAll, appendRandom, cleared, documentsOf, keys, run, tallies } from "./tallies.ts";
import type { Tally } from "./tallies.ts";

const model = tallies();
type Fields = "sum" | "parity";

/** A handle with some documents and a runner. */
async function filled({ join, random }: WorkLab, count = 150) {
  const store = await join();
  await appendRandom(store, random, count);
  const runner = await run(store, model);
  await runner.caughtUp();
  return { store, runner, readModel: store.readModel(model) };
}

type Entry = readonly [key: string, document: Tally];

/** A random filter, and the same as a plain function. */
function randomFilter(random: Random): {
  where: NonNullable<Filter<Fields>["where"]>;
  holds: (entry: Entry) => boolean;
} {
  const [low, width, parity] = [
    random.integer(2_000),
    random.integer(2_000),
    random.pick(["even", "odd"] as const),
  ];
  return random.pick([
    { where: {}, holds: () => true },
    { where: { parity }, holds: ([, one]: Entry) => one.parity === parity },
    { where: { sum: { gte: low } }, holds: ([, one]: Entry) => one.sum >= low },
    {
      where: { sum: { gt: low, lte: low + width } },
      holds: ([, one]: Entry) => one.sum > low && one.sum <= low + width,
    },
    {
      where: { parity, sum: { lt: low } },
      holds: ([, one]: Entry) => one.parity === parity && one.sum < low,
    },
    { where: { parity: { in: [parity, "neither"] } }, holds: ([, one]: Entry) => one.parity === parity },
    { where: { parity: { prefix: parity.slice(0, 2) } }, holds: ([, one]: Entry) => one.parity === parity },
    { where: { parity: { gte: "f" } }, holds: ([, one]: Entry) => one.parity === "odd" },
    { where: { sum: { gte: "0" } }, holds: () => false },
  ]);
}

const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Orders as the contract says: by field, ties by key, in the direction of the last field. */
const orders: ReadonlyArray<
  readonly [NonNullable<FindOptions<Fields>["sort"]>, (a: Entry, b: Entry) => number]
> = [
  [[], ([a], [b]) => byText(a, b)],
  ["sum", (a, b) => a[1].sum - b[1].sum || byText(a[0], b[0])],
  ["-sum", (a, b) => b[1].sum - a[1].sum || byText(b[0], a[0])],
  [
    ["parity", "-sum"],
    (a, b) => byText(a[1].parity, b[1].parity) || b[1].sum - a[1].sum || byText(b[0], a[0]),
  ],
];

/** Read models as their readers see them. */
export const readingTests: WorkTopic = {
  "finds, counts and pages agree with plain filters and orders": async (lab) => {
    const { store, readModel, runner } = await filled(lab);
    const { documents } = await documentsOf(store, model);
    for (const _ of upTo(40)) {
      const { where, holds } = randomFilter(lab.random);
      const [sort, compare] = lab.random.pick(orders);
      const expected = [...documents].filter(holds).sort(compare);
      const limit = 1 + lab.random.integer(5);
      const found = await listOf(readModel.findAll({ where, sort, limit }));
      const shown = JSON.stringify({ where, sort, limit });
      assert.deepEqual(
        found.map((one) => [one.key, one.document]),
        expected,
        shown,
      );
      assert.equal((await readModel.count({ where })).count, expected.length, shown);
      const page = await readModel.find({ where, sort, limit });
      assert.equal(page.next === undefined, expected.length <= limit, shown);
    }
    await runner.stop();
  },

  "several by key come from one state, in the order asked for": async (lab) => {
    const { store, readModel, runner } = await filled(lab, 20);
    for (const n of upTo(15)) {
      const appending = begun(store.append({ stream: "s", events: [added(n, "twin-1", "twin-2")] }));
      const { documents } = await readModel.getMany(["twin-2", "none", "twin-1"]);
      assert.deepEqual([documents[0], documents[1]], [documents[2], undefined]);
      await appending;
    }
    assert.deepEqual((await readModel.getMany([])).documents, []);
    await runner.stop();
  },

  "documents are found by the beginning of their key": async ({ join }) => {
    const store = await join();
    const events = ["acme/1", "acme/2", "acmeX/1", "b/1"].map((key) => added(1, key));
    await store.append({ stream: "s", events });
    await using runner = await run(store, model);
    await runner.caughtUp();
    const { entries } = await store.readModel(model).find({ keyPrefix: "acme/" });
    assert.deepEqual(
      entries.map((entry) => entry.key),
      ["acme/1", "acme/2"],
    );
    assert.equal((await store.readModel(model).count({ keyPrefix: "acme" })).count, 3);
  },

  "an entry says which event changed it last": async ({ join }) => {
    const store = await join();
    const { position } = await store.append({
      stream: "s",
      events: [added(1, "a"), added(1, "b"), added(1, "a")],
    });
    await using runner = await run(store, model);
    await runner.caughtUp();
    const { entries } = await store.readModel(model).find();
    assert.deepEqual(
      entries.map(({ key, changedAt }) => [key, changedAt]),
      [
        ["a", position],
        ["b", position - 1],
      ],
    );
  },

  "a filter or an order on what is not indexed is refused": async (lab) => {
    const { readModel, runner } = await filled(lab, 5);
    // A caller from JavaScript is not kept from it by types.
    const loose = readModel as unknown as LooseReader;
    const error = await refuses("INDEX_MISSING", () => loose.find({ where: { chain: 7 } }));
    assert.equal(error.details.field, "chain");
    assert.deepEqual([...error.details.known].sort(), ["parity", "sum"]);
    await refuses("INDEX_MISSING", () => loose.find({ sort: "-count" }));
    await refuses("INDEX_MISSING", () => loose.count({ where: { count: { gt: 1 } } }));
    await runner.stop();
  },

  "a cursor of another query, of another version, or of nobody is refused": async (lab) => {
    const { store, readModel, runner } = await filled(lab, 150);
    const { next } = await readModel.find({ sort: "sum", limit: 2 });
    assert.ok(next !== undefined);
    for (const options of [{ sort: "-sum" }, { sort: "sum", where: { parity: "odd" } }, {}] as const) {
      await refuses("CURSOR_INVALID", () => readModel.find({ ...options, limit: 2, after: next }));
    }
    for (const after of ["", "x", next.slice(1), `${next}A`]) {
      await refuses("CURSOR_INVALID", () => readModel.find({ sort: "sum", limit: 2, after }));
    }
    await runner.stop();
    const changed = tallies({ version: 2 });
    await using rebuilding = await run(store, changed);
    await rebuilding.caughtUp();
    await refuses("CURSOR_INVALID", () => readModel.find({ sort: "sum", limit: 2, after: next }));
  },

  "options of the wrong type are refused": async (lab) => {
    const { readModel, runner } = await filled(lab, 5);
    const loose = readModel as unknown as LooseReader;
    for (const options of [
      { limit: 0 },
      { limit: 1.5 },
      { limit: 10_001 },
      { limit: "5" },
      { waitFor: -1 },
      { waitFor: "1" },
    ]) {
      await refuses("ARGUMENT_INVALID", () => loose.find(options));
    }
    await refuses("ARGUMENT_INVALID", () => loose.find({ where: { sum: Number.NaN } }));
    await refuses("ARGUMENT_INVALID", () => loose.find({ where: { sum: { near: 3 } } }));
    await refuses("ARGUMENT_INVALID", () => loose.get(7));
    await runner.stop();
  },

  "a wait for what another handle appended ends when it is there": async (lab) => {
    const [writer, reader] = [await lab.join(), await lab.join()];
    await using runner = await run(writer, model);
    await runner.caughtUp();
    for (const n of upTo(10)) {
      const { position } = await writer.append({ stream: "s", events: [added(n, "a")] });
      const answer = await reader.readModel(model).get("a", { waitFor: position });
      assert.ok(answer.position >= position);
      assert.equal(answer.document?.count, n + 1);
    }
  },

  "a wait that takes too long fails, and says how far it came": async (lab) => {
    const { store, readModel, runner } = await filled(lab, 10);
    await runner.stop();
    const reached = await store.head();
    const { position } = await store.append({ stream: "s", events: [added(1, "a")] });
    const start = performance.now();
    const error = await refuses("WAIT_TIMEOUT", () =>
      readModel.get("a", { waitFor: position, timeoutMs: 60 }),
    );
    assert.ok(performance.now() - start >= 50);
    assert.deepEqual([error.details.position, error.details.reached], [position, reached]);
    await refuses("WAIT_TIMEOUT", () => readModel.find({ waitFor: position, timeoutMs: 1 }));
    await refuses("WAIT_TIMEOUT", () => readModel.waitFor(position, { timeoutMs: 1 }));
    await refuses("WAIT_TIMEOUT", () =>
      store.readModel(tallies({ name: "never" })).get("a", { waitFor: 1, timeoutMs: 30 }),
    );
  },

  "a wait ends with its signal": async (lab) => {
    const { store, readModel, runner } = await filled(lab, 10);
    await runner.stop();
    const waitFor = (await store.head()) + 1;
    const signal = AbortSignal.timeout(30);
    await refuses("ABORTED", () => readModel.get("a", { waitFor, signal }));
    await refuses("ABORTED", () => readModel.get("a", { waitFor, signal: AbortSignal.abort() }));
  },

  "folded on demand, a read model is the same, and never behind": async (lab) => {
    const { store, readModel, runner } = await filled(lab);
    const live = store.readModel(model, { mode: "live" });
    for (const key of keys) {
      assert.deepEqual((await live.get(key)).document, (await readModel.get(key)).document);
    }
    const found = async (one: typeof live) =>
      (await one.find({ where: { parity: "odd" }, sort: "-sum" })).entries.map(({ key, document }) => [
        key,
        document,
      ]);
    assert.deepEqual(await found(live), await found(readModel));
    await runner.stop();
    const { position } = await store.append({ stream: "s", events: [added(1, "fresh")] });
    const answer = await live.get("fresh");
    assert.deepEqual([answer.document?.count, answer.position >= position], [1, true]);
  },

  "a live query begins with what is there and goes on with what changes, wherever it was changed": async (
    lab,
  ) => {
    const [store, writer] = [await lab.join(), await lab.join()];
    await writer.append({ stream: "s", events: [added(1, "a"), added(2, "b")] });
    await using runner = await run(writer, model);
    await runner.caughtUp();
    const stop = new AbortController();
    const mirror = mirrorOf(store.readModel(model).live({ where: { parity: "odd" }, signal: stop.signal }));
    await eventually(() => assert.deepEqual([...mirror.documents.keys()], ["a"]));
    await writer.append({ stream: "s", events: [added(1, "b")] });
    await eventually(() => assert.equal(mirror.documents.get("b")?.sum, 3));
    await writer.append({ stream: "s", events: [added(1, "a"), added(2, "b")] });
    await eventually(() =>
      assert.deepEqual(
        [...mirror.documents].map(([key, one]) => [key, one.sum]),
        [["b", 5]],
      ),
    );
    await writer.append({ stream: "s", events: [cleared("b")] });
    await eventually(() => assert.equal(mirror.documents.size, 0));
    stop.abort();
    await mirror.ended;
    assert.deepEqual(new Set(mirror.kinds), new Set(["added", "changed", "removed"]));
  },

  "a live query ends up at what a read says, however fast changes come": async (lab) => {
    const { store, runner } = await filled(lab, 30);
    const stop = new AbortController();
    const mirror = mirrorOf(store.readModel(model).live({ signal: stop.signal }));
    for (const _ of upTo(10)) await appendRandom(store, lab.random, 20);
    await agreesWithAll(store, model);
    const { documents } = await documentsOf(store, model);
    await eventually(() => assert.deepEqual(mirror.documents, documents));
    stop.abort();
    await mirror.ended;
    await runner.stop();
  },

  "a live query lives through a rebuild": async (lab) => {
    const { store, runner } = await filled(lab, 30);
    const stop = new AbortController();
    const mirror = mirrorOf(store.readModel(model).live({ signal: stop.signal }));
    await runner.stop();
    const mended = tallies({ version: 2, weight: 3 });
    await using rebuilding = await run(store, mended);
    await rebuilding.caughtUp();
    await appendRandom(store, lab.random, 10);
    await agreesWithAll(store, mended);
    const { documents } = await documentsOf(store, mended);
    await eventually(() => assert.deepEqual(mirror.documents, documents));
    stop.abort();
    await mirror.ended;
  },

  "leaving a live query ends it": async (lab) => {
    const { readModel, runner } = await filled(lab, 30);
    const changes = readModel.live()[Symbol.asyncIterator]();
    const first = await changes.next();
    assert.equal(first.done === true ? undefined : first.value.kind, "added");
    await changes.return?.();
    assert.ok((await changes.next()).done);
    await setTimeout(5);
    await runner.stop();
  },
};

/** A read model as callers without types see it. */
interface LooseReader {
  get(key: unknown): Promise<unknown>;
  find(options: unknown): Promise<unknown>;
  count(options: unknown): Promise<unknown>;
}

/** What a follower of a live query believes. */
function mirrorOf(changes: AsyncIterable<LiveChange<Tally>>) {
  const documents = new Map<string, Tally>();
  const kinds: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const { kind, key, document } of changes) {
      kinds.push(kind);
      if (document === undefined) documents.delete(key);
      else documents.set(key, document);
      assert.equal(kind === "removed", document === undefined);
    }
  };
  return { documents, kinds, ended: follow() };
}
