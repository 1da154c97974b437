import assert from "node:assert/strict";
import { refuses, someEvents, upTo, uuidOf } from "../helpers.ts";
import { randomFrom } from "../random.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, agrees, agreesWithAll, appendRandom, cleared, documentsOf, run, tallies } from "./tallies.ts";

/** Refuses the numbers from 900 on. */
const picky = tallies({
  before: ({ data }) => {
    if ((data as { n: number }).n >= 900) throw new Error("too large");
  },
});

/** Run with the append, in its transaction: the read model is never behind what was appended. */
export const inlineTests: WorkTopic = {
  "an append is in the read model when it is acknowledged": async ({ join, random }) => {
    const model = tallies();
    const store = await join({ inline: [model] });
    for (const _ of upTo(20)) {
      const head = await appendRandom(store, random, 5);
      const stamp = await agrees(store, model);
      assert.ok(stamp.position >= head, `position ${stamp.position} of ${head}`);
    }
  },

  "appends of one turn are each in the read model when they are acknowledged": async ({ join }) => {
    const model = tallies();
    const store = await join({ inline: [model] });
    const appends = upTo(60).map(async (n) => {
      const { position } = await store.append({
        stream: `s-${n % 7}`,
        events: [added(n, "all", `k${n % 5}`)],
      });
      const read = await store.readModel(model).get("all");
      assert.ok(read.position >= position);
    });
    await Promise.all(appends);
    await agreesWithAll(store, model);
    assert.equal((await store.readModel(model).get("all")).document?.count, 60);
  },

  // Trap 7.
  "several handles feed one document from several streams, and no change is lost": async ({
    join,
    random,
  }) => {
    const model = tallies();
    const handles = await Promise.all(upTo(3).map(() => join({ inline: [model] })));
    const seeds = handles.map(() => random.integer(1_000_000));
    const writing = handles.map(async (store, index) => {
      for (const n of upTo(20)) {
        const event = added(randomFrom(seeds[index]! + n).integer(100), "all", `own-${index}`);
        const { position } = await store.append({ stream: `s-${index}`, events: [event] });
        const read = await store.readModel(model).get(`own-${index}`);
        assert.ok(read.position >= position);
        assert.equal(read.document?.count, n + 1);
      }
    });
    await Promise.all(writing);
    for (const store of handles) await agreesWithAll(store, model);
    assert.equal((await handles[0]!.readModel(model).get("all")).document?.count, 60);
  },

  "an event that it can not take refuses its own append and no other": async ({ join }) => {
    const store = await join({ inline: [picky] });
    await store.append({ stream: "s", events: [added(1, "a")] });
    const settled = await Promise.allSettled(
      upTo(9).map((n) => store.append({ stream: `t-${n}`, events: [added(n === 4 ? 900 : n, "a")] })),
    );
    assert.deepEqual(
      settled.map((one) => one.status),
      upTo(9).map((n) => (n === 4 ? "rejected" : "fulfilled")),
    );
    const error = await refuses("PROJECTION_FAILED", () =>
      Promise.reject((settled[4] as PromiseRejectedResult).reason as Error),
    );
    assert.equal(error.details.projection, "tallies");
    assert.equal((await store.findStream("t-4"))?.revision, undefined);
    await agreesWithAll(store, tallies());
    assert.equal((await store.readModel(picky).get("a")).document?.count, 9);
    assert.equal(await store.head(), (await store.readModel(picky).get("a")).position);
  },

  "an append over several streams is refused as a whole": async ({ join }) => {
    const store = await join({ inline: [picky] });
    const batch = [
      { stream: "s", events: [added(1, "a"), cleared("a"), added(2, "a")] },
      { stream: "t", events: [added(950, "b")] },
    ];
    await refuses("PROJECTION_FAILED", () => store.append(batch));
    assert.deepEqual(await store.read().toArray(), []);
    assert.equal((await documentsOf(store, picky)).documents.size, 0);
    await store.append(batch[0]!);
    await agreesWithAll(store, tallies());
  },

  "an append that the store refuses changes nothing": async ({ join }) => {
    const model = tallies();
    const store = await join({ inline: [model] });
    await store.append({ stream: "s", events: [added(1, "a")] });
    const events = [added(5, "a")];
    const settled = await Promise.allSettled([
      store.append({ stream: "s", expect: 7, events }),
      store.append({ stream: "s", expect: 0, events }),
      store.append({ stream: "s", expect: "none", events }),
      store.append({ stream: "s", events: [{ type: "Added", data: 1n }] }),
    ]);
    assert.deepEqual(
      settled.map((one) => one.status),
      ["rejected", "fulfilled", "rejected", "rejected"],
    );
    await refuses("REVISION_CONFLICT", () =>
      Promise.reject((settled[0] as PromiseRejectedResult).reason as Error),
    );
    await refuses("EVENT_NOT_JSON", () =>
      Promise.reject((settled[3] as PromiseRejectedResult).reason as Error),
    );
    await agreesWithAll(store, model);
    assert.equal((await store.readModel(model).get("a")).document?.count, 2);
  },

  "a repeated append is folded in once": async ({ join }) => {
    const model = tallies();
    const store = await join({ inline: [model] });
    const append = { stream: "s", events: [{ ...added(4, "a"), id: uuidOf(1) }] };
    const first = await store.append(append);
    const repeated = await Promise.all([store.append(append), store.append(append)]);
    for (const result of repeated) assert.deepEqual(result, { ...first, isDuplicate: true });
    assert.equal((await store.readModel(model).get("a")).document?.count, 1);
  },

  "what a handle without it appends is taken in, with the next append at the latest": async ({
    join,
    random,
  }) => {
    const model = tallies();
    const [store, plain] = [await join({ inline: [model] }), await join()];
    for (const _ of upTo(8)) {
      await appendRandom(plain, random, 30);
      const head = await appendRandom(store, random, 3);
      assert.ok((await agrees(store, model, { waitFor: head })).position >= head);
    }
    await appendRandom(plain, random, 30);
    await agreesWithAll(store, model);
  },

  "a log that was there before is caught up with, and then each append is in at once": async ({
    join,
    random,
  }) => {
    const [before, model] = [await join(), tallies()];
    await appendRandom(before, random, 300);
    const store = await join({ inline: [model] });
    const head = await appendRandom(store, random, 5);
    await store.readModel(model).waitFor(head, { timeoutMs: 15_000 });
    const next = await appendRandom(store, random, 5);
    assert.ok((await agrees(store, model)).position >= next);
  },

  "the same projection run inline here and beside there is one read model": async ({ join, random }) => {
    const model = tallies();
    const [inline, beside] = [await join({ inline: [model] }), await join()];
    await using runner = await run(beside, model);
    await runner.caughtUp();
    for (const _ of upTo(10)) {
      const [head] = await Promise.all([appendRandom(inline, random, 6), appendRandom(beside, random, 6)]);
      assert.ok((await agrees(inline, model)).position >= head);
    }
    await agreesWithAll(beside, model);
  },

  "the effect of a large append is there at once": async ({ join }) => {
    const model = tallies();
    const store = await join({ inline: [model] });
    const events = someEvents(3_000, { type: "Added", data: { to: ["a", "b"], n: 1 } });
    await store.append({ stream: "s", events });
    assert.equal((await store.readModel(model).get("b")).document?.count, 3_000);
  },
};
