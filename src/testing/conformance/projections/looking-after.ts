import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { refuses, upTo } from "../helpers.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, agreesWithAll, appendRandom, documentsOf, run, tallies } from "./tallies.ts";

/** Pausing, resuming, removing and telling how things stand, from any handle. */
export const lookingAfterTests: WorkTopic = {
  "a pause from one handle stops the work of another, until it is resumed": async ({ join, random }) => {
    const [store, admin, model] = [await join(), await join(), tallies()];
    await using runner = await run(store, model);
    await appendRandom(store, random, 20);
    await runner.caughtUp();
    await admin.projections.pause("tallies");
    await eventually(async () => assert.equal((await admin.projections.status("tallies")).state, "paused"));
    const { position } = await documentsOf(store, model);
    await appendRandom(store, random, 20);
    await setTimeout(100);
    assert.equal((await documentsOf(store, model)).position, position);
    await admin.projections.resume("tallies");
    await agreesWithAll(admin, model);
    assert.notEqual((await admin.projections.status("tallies")).state, "paused");
  },

  "a pause outlasts its runner": async ({ join, random }) => {
    const [store, model] = [await join(), tallies()];
    const first = await run(store, model);
    await appendRandom(store, random, 20);
    await first.caughtUp();
    await store.projections.pause("tallies");
    await first.stop();
    const head = await store.head();
    await appendRandom(store, random, 20);
    await using _second = await run(store, model);
    await setTimeout(100);
    assert.ok((await documentsOf(store, model)).position <= head);
    await store.projections.resume("tallies");
    await agreesWithAll(store, model);
  },

  "a status says what there is to say": async ({ join, random }) => {
    const [store, model] = [await join(), tallies({ version: 4 })];
    await using runner = await run(store, model);
    const head = await appendRandom(store, random, 50);
    await runner.caughtUp();
    const { documents } = await documentsOf(store, model);
    await eventually(async () => {
      const status = await store.projections.status("tallies");
      const { name, version, state, parked, rebuild, error, lag } = status;
      assert.deepEqual(
        { name, version, state, parked, rebuild, error, lag },
        {
          name: "tallies",
          version: 4,
          state: "live",
          parked: 0,
          rebuild: undefined,
          error: undefined,
          lag: { events: 0, ms: 0, isTooMuch: false },
        },
      );
      assert.equal(status.documents, documents.size);
      assert.ok(status.position >= head);
      assert.equal(typeof status.owner, "string");
    });
  },

  "one that nobody runs is idle, and its lag grows": async ({ join, random }) => {
    const store = await join();
    const runner = await run(store, tallies());
    await appendRandom(store, random, 10);
    await runner.caughtUp();
    await runner.stop();
    await store.append({ stream: "s", events: upTo(7).map((n) => added(n, "a")) });
    await setTimeout(30);
    const { state, owner, lag } = await store.projections.status("tallies");
    assert.deepEqual([state, owner, lag.isTooMuch], ["idle", undefined, false]);
    assert.ok(lag.events >= 7, `${lag.events} events behind`);
    assert.ok(lag.ms >= 20, `${lag.ms} ms behind`);
  },

  "too much lag is told when it begins and when it ceases": async ({ join }) => {
    const store = await join();
    const heard: boolean[] = [];
    const fault = { isMended: false };
    const before = (): void => {
      if (!fault.isMended) throw new Error("not now");
    };
    const onEvent = (event: WorkEvent): void => {
      if (event.kind === "lag") heard.push(event.lag.isTooMuch);
    };
    const retry = { max: 1_000, delayMs: 10, delayMsMax: 10, jitter: 0 };
    await using runner = await run(store, tallies({ before }), { lagAlertMs: 50, onEvent, retry });
    await runner.caughtUp();
    await store.append({ stream: "s", events: [added(1, "a")] });
    await eventually(() => assert.deepEqual(heard, [true]));
    fault.isMended = true;
    await eventually(() => assert.deepEqual(heard, [true, false]));
  },

  "a wait that is asked for wrongly is refused": async ({ join }) => {
    await using runner = await run(await join(), tallies());
    for (const options of [null, 5, { signal: "now" }]) {
      await refuses("ARGUMENT_INVALID", () => runner.caughtUp(options as never));
    }
  },

  "runners that call different lags too much do not quarrel over it": async ({ join, store }) => {
    const [first, second] = [await join(), await join()];
    await using _one = await run(first, tallies(), { lagAlertMs: 1_000 });
    await using other = await run(second, tallies(), { lagAlertMs: 2_000 });
    await other.caughtUp();
    const versionNow = async (): Promise<number | undefined> =>
      (await store.readSide.findRecord({ space: "projections", key: "tallies" }))?.version;
    await setTimeout(250);
    const version = await versionNow();
    await setTimeout(500);
    assert.equal(await versionNow(), version);
  },

  "the list has them all, by name": async ({ join }) => {
    const store = await join();
    assert.deepEqual(await store.projections.list(), []);
    await using _runner = await store.runProjections(["b", "a", "c"].map((name) => tallies({ name })));
    await eventually(async () =>
      assert.deepEqual(
        (await store.projections.list()).map((one) => [one.name, one.state]),
        [
          ["a", "live"],
          ["b", "live"],
          ["c", "live"],
        ],
      ),
    );
  },

  "what is removed is gone, and can be built again": async ({ join, random }) => {
    const [store, model] = [await join(), tallies()];
    await appendRandom(store, random, 30);
    const runner = await run(store, model);
    await runner.caughtUp();
    await runner.stop();
    await store.projections.remove("tallies");
    assert.deepEqual(await store.projections.list(), []);
    assert.deepEqual(await store.readSide.listModels("tallies"), []);
    await refuses("READ_MODEL_NOT_READY", () => store.readModel(model).get("a"));
    await refuses("PROJECTION_UNKNOWN", () => store.projections.status("tallies"));
    await using again = await run(store, model);
    await again.caughtUp();
    await agreesWithAll(store, model);
  },

  "a name that the store does not know is an error, and says what it knows": async ({ join }) => {
    const store = await join();
    await using _runner = await run(store, tallies());
    const { projections } = store;
    for (const name of ["status", "pause", "resume", "rebuild", "reset", "remove"] as const) {
      const error = await refuses("PROJECTION_UNKNOWN", () => projections[name]("talies"));
      assert.deepEqual(error.details, { projection: "talies", known: ["tallies"] });
    }
  },

  "a runner that is stopped while it catches up stops soon": async ({ join }) => {
    const store = await join();
    const before = (): void =>
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1) as unknown as void;
    const events = upTo(100).map((n) => added(n, "a"));
    for (const _ of upTo(20)) await store.append({ stream: "s", events });
    const runner = await run(store, tallies({ before }), { batchSizeMax: 50 });
    const waiting = refusesOrResolves(runner.caughtUp());
    await setTimeout(20);
    const start = performance.now();
    await runner.stop();
    assert.ok(performance.now() - start < 1_500);
    await waiting;
  },

  "what runs is stopped when its handle is closed": async ({ join, random }) => {
    const [store, other, model] = [await join(), await join(), tallies()];
    const steps = { count: 0 };
    await run(store, tallies({ before: () => void steps.count++ }));
    await store.close();
    await appendRandom(other, random, 20);
    await setTimeout(50);
    assert.equal(steps.count, 0);
    await refuses("STORE_CLOSED", () => run(store, model));
  },
};

/** Whether it resolves or rejects is left open; that it ends is not. */
async function refusesOrResolves(task: Promise<unknown>): Promise<void> {
  await Promise.allSettled([task]);
}
