import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { anEvent, refuses, upTo } from "../helpers.ts";
import { deaf } from "../work/odd-stores.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, agrees, agreesWithAll, appendRandom, cleared, documentsOf, run, tallies } from "./tallies.ts";

/** Run beside the log: the read model becomes what the log says. */
export const asyncTests: WorkTopic = {
  "a read model is the fold of the log, and stays so": async ({ join, random }) => {
    const store = await join();
    await appendRandom(store, random, 400);
    const model = tallies();
    await using runner = await run(store, model);
    await runner.caughtUp();
    await agreesWithAll(store, model);
    for (const _ of upTo(5)) {
      await appendRandom(store, random, 40);
      await agreesWithAll(store, model);
    }
  },

  "every answer is the fold at the position that it states, while events come in": async (lab) => {
    const [store, writer, model] = [await lab.join(), await lab.join(), tallies()];
    await using runner = await run(store, model, { batchSizeMax: 20 });
    await runner.caughtUp();
    for (const _ of upTo(30)) {
      const appending = begun(appendRandom(writer, lab.random, 25));
      await agrees(store, model);
      await appending;
    }
    await agreesWithAll(store, model);
  },

  "the size of the batches changes nothing": async ({ join, random }) => {
    const store = await join();
    await appendRandom(store, random, 120);
    for (const [index, batchSizeMax] of [1, 2, 7, 119, 10_000].entries()) {
      const model = tallies({ name: `tallies_${index}` });
      await using runner = await run(store, model, { batchSizeMax });
      await runner.caughtUp();
      await agreesWithAll(store, model);
    }
  },

  "a read model of an empty log is ready, and empty": async ({ join }) => {
    const [store, model] = [await join(), tallies()];
    await using runner = await run(store, model);
    await runner.caughtUp();
    const { documents, version } = await documentsOf(store, model);
    assert.deepEqual([documents.size, version], [0, 1]);
    assert.equal((await store.readModel(model).get("k")).document, undefined);
  },

  "until the first build has caught up, reads say that the read model is not ready": async ({ join }) => {
    const [store, model] = [await join(), tallies()];
    await store.append({ stream: "s", events: [added(1, "a")] });
    const error = await refuses("READ_MODEL_NOT_READY", () => store.readModel(model).get("a"));
    assert.equal(error.details.readModel, "tallies");
    await refuses("READ_MODEL_NOT_READY", () => store.readModel(model).find());
    await refuses("READ_MODEL_NOT_READY", () => store.readModel(model).count());
    const [answer, runner] = await Promise.all([
      store.readModel(model).get("a", { waitFor: 1, timeoutMs: 15_000 }),
      run(store, model),
    ]);
    assert.equal(answer.document?.count, 1);
    await runner.stop();
  },

  "events that it has no function for move its position on": async ({ join }) => {
    const [store, model] = [await join(), tallies()];
    await using runner = await run(store, model);
    await store.append({ stream: "s", events: [added(1, "a")] });
    const { position } = await store.append({ stream: "s", events: upTo(10).map(() => anEvent()) });
    await runner.caughtUp();
    assert.ok((await store.readModel(model).get("a", { waitFor: position })).position >= position);
  },

  "a document that was removed begins anew": async ({ join }) => {
    const [store, model] = [await join(), tallies()];
    await using runner = await run(store, model);
    await store.append({ stream: "s", events: [added(5, "a"), cleared("a"), cleared("b")] });
    await agreesWithAll(store, model);
    assert.equal((await store.readModel(model).get("a")).document, undefined);
    await store.append({ stream: "s", events: [added(3, "a", "b")] });
    await agreesWithAll(store, model);
    assert.equal((await store.readModel(model).get("a")).document?.sum, 3);
    await runner.stop();
  },

  "what is stopped goes on where it stopped": async ({ join, random }) => {
    const store = await join();
    const steps = { taken: 0, needed: 0 };
    const model = tallies({ before: () => void steps.taken++ });
    const plain = tallies({ before: () => void steps.needed++ });
    for (const _ of upTo(4)) {
      await appendRandom(store, random, 50);
      const runner = await run(store, model);
      await runner.caughtUp();
      await runner.stop();
      await appendRandom(store, random, 5);
      assert.ok((await agrees(store, tallies())).position < (await store.head()));
    }
    await using runner = await run(store, model);
    await runner.caughtUp();
    await agreesWithAll(store, plain);
    assert.equal(steps.taken, steps.needed, "each event is folded in once");
  },

  // Trap 14.
  "a wake-up that is lost is made up for by polling": async ({ join }) => {
    const [store, writer, model] = [await join({ around: deaf }), await join(), tallies()];
    await using runner = await run(store, model);
    await runner.caughtUp();
    for (const n of upTo(3)) {
      await setTimeout(20);
      await writer.append({ stream: "s", events: [added(n, "a")] });
      await eventually(async () =>
        assert.equal((await store.readModel(model).get("a")).document?.count, n + 1),
      );
    }
  },

  "two projections of one runner do not mind each other": async ({ join, random }) => {
    const store = await join();
    const [one, other] = [tallies({ name: "one" }), tallies({ name: "other", weight: 3 })];
    await appendRandom(store, random, 100);
    await using runner = await store.runProjections([one, other]);
    await appendRandom(store, random, 100);
    await runner.caughtUp();
    await agreesWithAll(store, one);
    await agreesWithAll(store, other);
  },
};
