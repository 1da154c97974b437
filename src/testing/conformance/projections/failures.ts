import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { StoredEvent } from "../../../core/event.ts";
import { projection } from "../../../core/projection.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { anEvent, listOf, refuses, upTo } from "../helpers.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, agreesWithAll, appendRandom, run, tallies } from "./tallies.ts";
import type { Added } from "./tallies.ts";

const owner = { kind: "projection", name: "tallies" } as const;

/** A handler that fails on the number 13 until it is mended. */
function superstitious() {
  const fault = { isMended: false, calls: 0 };
  const before = ({ data }: StoredEvent): void => {
    if ((data as { n: number }).n !== 13) return;
    fault.calls++;
    if (!fault.isMended) throw new Error("thirteen!");
  };
  return { fault, model: tallies({ before }) };
}

/** Collects what a runner tells. */
function listener() {
  const heard: WorkEvent[] = [];
  const failures = (): string[] => heard.flatMap((event) => (event.kind === "failure" ? [event.next] : []));
  return { onEvent: (event: WorkEvent): void => void heard.push(event), heard, failures };
}

/** Handlers that throw. Trap 5: none of it ends the runner in silence, drops events, or freezes what is sound. */
export const failureTests: WorkTopic = {
  "a handler that throws now and then is tried again, and every event is folded in once": async (lab) => {
    const { random } = lab;
    const store = await lab.join();
    const before = (): void => {
      if (random.once(40)) throw new Error("now and then");
    };
    const heard = listener();
    await appendRandom(store, random, 150);
    const options = { retry: { max: 1_000, delayMs: 1, delayMsMax: 1, jitter: 0 }, batchSizeMax: 30 };
    await using runner = await run(store, tallies({ before }), { ...options, onEvent: heard.onEvent });
    await agreesWithAll(store, tallies());
    assert.ok(heard.failures().length > 0);
    assert.ok(heard.failures().every((next) => next === "retry"));
    await runner.stop();
  },

  "what a handler did to its document before it threw is not kept, in retries, halted or parked": async (
    lab,
  ) => {
    const store = await lab.join();
    const rough = (onError: "halt" | "park") =>
      projection(`rough_${onError}`, {
        key: (event) => (event.data as Added).to,
        initial: () => ({ sum: 0 }),
        evolve: {
          Added: (document, { n }: Added) => {
            document.sum += n;
            if (n === 13) throw new Error("thirteen!");
            return document;
          },
        },
      });
    const retry = { max: 2, delayMs: 1, delayMsMax: 1, jitter: 0 };
    const halting = rough("halt");
    await using runner = await store.runProjections([halting], { onError: "halt", retry });
    await runner.caughtUp();
    const numbers = [added(1, "a"), added(2, "a"), added(13, "a"), added(4, "a"), added(5, "b")];
    const { position } = await store.append({ stream: "s", events: numbers });
    await eventually(async () =>
      assert.equal((await store.projections.status(halting.name)).state, "halted"),
    );
    assert.deepEqual((await store.readModel(halting).get("a")).document, { sum: 3 });

    const parking = rough("park");
    await using _runner = await store.runProjections([parking], { onError: "park", retry });
    const read = store.readModel(parking);
    assert.deepEqual((await read.get("b", { waitFor: position })).document, { sum: 5 });
    assert.deepEqual((await read.get("a")).document, { sum: 3 });
  },

  "after the last retry it halts at the event, and says so": async ({ join }) => {
    const [store, heard] = [await join(), listener()];
    const { model, fault } = superstitious();
    const { position } = await store.append({
      stream: "s",
      events: [added(1, "a"), added(13, "a"), added(2, "b")],
    });
    await using runner = await run(store, model, { onEvent: heard.onEvent });
    const status = await eventually(async () => {
      const found = await store.projections.status("tallies");
      assert.equal(found.state, "halted");
      return found;
    });
    assert.match(status.error?.message ?? "", /thirteen/u);
    assert.equal(status.error?.position, position - 1);
    assert.equal(status.position, position - 2);
    assert.equal(fault.calls, 4, "one attempt and three retries");
    assert.deepEqual(heard.failures(), ["retry", "retry", "retry", "halt"]);
    await store.append({ stream: "s", events: [added(3, "b")] });
    await setTimeout(50);
    assert.equal(fault.calls, 4, "it stays halted");
    await runner.stop();
  },

  "what halted goes on after a resume, from any handle": async ({ join, random }) => {
    const [store, other] = [await join(), await join()];
    const { model, fault } = superstitious();
    await appendRandom(store, random, 20);
    await store.append({ stream: "s", events: [added(13, "a"), added(2, "a")] });
    await using runner = await run(store, model);
    await eventually(async () => assert.equal((await other.projections.status("tallies")).state, "halted"));
    fault.isMended = true;
    await other.projections.resume("tallies");
    await runner.caughtUp();
    await agreesWithAll(other, tallies());
    assert.equal((await other.projections.status("tallies")).error, undefined);
  },

  "what halted goes on with a new version": async ({ join, random }) => {
    const store = await join();
    await appendRandom(store, random, 20);
    await store.append({ stream: "s", events: [added(13, "a")] });
    const runner = await run(store, superstitious().model);
    await eventually(async () => assert.equal((await store.projections.status("tallies")).state, "halted"));
    await runner.stop();
    const next = tallies({ version: 2 });
    await using _runner = await run(store, next);
    assert.equal((await agreesWithAll(store, next)).version, 2);
  },

  "one that halts stops no other of its runner": async ({ join, random }) => {
    const store = await join();
    const other = tallies({ name: "other" });
    await store.append({ stream: "s", events: [added(13, "a")] });
    await using _runner = await store.runProjections([superstitious().model, other], { retry: { max: 0 } });
    await appendRandom(store, random, 60);
    await agreesWithAll(store, other);
    assert.equal((await store.projections.status("tallies")).state, "halted");
  },

  "a type that it neither handles nor ignores halts it, where it names its streams": async ({ join }) => {
    const store = await join();
    const model = { ...tallies(), categories: ["tally"] };
    await store.append({ stream: "other-1", events: [anEvent()] });
    await store.append({ stream: "tally-1", events: [added(1, "a"), anEvent()] });
    await using _runner = await store.runProjections([model], { retry: { max: 0 } });
    const status = await eventually(async () => {
      const found = await store.projections.status("tallies");
      assert.equal(found.state, "halted");
      return found;
    });
    assert.equal(status.error?.code, "EVENT_TYPE_UNKNOWN");
  },

  "with `park`, the event and the later ones of its document are parked, and all else goes on": async ({
    join,
  }) => {
    const [store, heard] = [await join(), listener()];
    const { model } = superstitious();
    const events = [
      added(1, "a"),
      added(13, "a"),
      added(2, "b"),
      added(3, "a"),
      added(4, "a", "b"),
      added(5, "c"),
    ];
    await store.append({ stream: "s", events });
    await using runner = await run(store, model, { onError: "park", onEvent: heard.onEvent });
    await runner.caughtUp();
    const parked = await listOf(store.parked.list(owner));
    assert.deepEqual(
      parked.map(({ key, state, attempts, type }) => [key, state, attempts, type]),
      [
        ["a", "failed", 4, "Added"],
        ["a", "held", 0, "Added"],
        ["a", "held", 0, "Added"],
      ],
    );
    const [failed] = parked;
    assert.match(failed?.error?.message ?? "", /thirteen/u);
    assert.ok(failed!.firstFailedAt! <= failed!.lastFailedAt!);
    assert.ok(heard.failures().includes("park"));
    const { documents } = await store.readModel(model).getMany(["a", "b", "c"]);
    assert.deepEqual(
      documents.map((document) => document?.sum),
      [1, 6, 5],
    );
    assert.equal((await store.projections.status("tallies")).parked, 3);
  },

  "a replay folds parked events in, in their order, and lets their document go on": async ({ join }) => {
    const store = await join();
    const { model, fault } = superstitious();
    await using runner = await run(store, model, { onError: "park" });
    for (const n of [1, 13, 2, 3]) await store.append({ stream: "s", events: [added(n, "a")] });
    await runner.caughtUp();
    fault.isMended = true;
    assert.deepEqual(await store.parked.replay(owner), { events: 3 });
    await eventually(async () => assert.equal(await store.parked.count(owner), 0));
    await store.append({ stream: "s", events: [added(4, "a")] });
    await agreesWithAll(store, tallies());
    assert.equal(await store.parked.count(owner), 0);
  },

  // Trap 13.
  "a replay that fails again leaves the event parked, once": async ({ join }) => {
    const store = await join();
    const { model, fault } = superstitious();
    await using runner = await run(store, model, { onError: "park" });
    for (const n of [13, 1, 2]) await store.append({ stream: "s", events: [added(n, "a")] });
    await runner.caughtUp();
    const before = fault.calls;
    await store.parked.replay(owner);
    await eventually(async () => {
      assert.ok(fault.calls > before);
      assert.deepEqual(
        (await listOf(store.parked.list(owner))).map((one) => one.state),
        ["failed", "held", "held"],
      );
    });
    const [first] = await listOf(store.parked.list(owner));
    assert.ok(first!.attempts > 4, `${first!.attempts} attempts`);
  },

  "a discarded event is left out, and what it held back goes on": async ({ join }) => {
    const store = await join();
    const { model } = superstitious();
    await using runner = await run(store, model, { onError: "park" });
    for (const n of [1, 13, 2, 3]) await store.append({ stream: "s", events: [added(n, "a")] });
    await runner.caughtUp();
    const [failed] = await listOf(store.parked.list(owner));
    assert.deepEqual(await store.parked.discard({ ...owner, key: "a", position: failed!.position }), {
      events: 1,
    });
    await eventually(async () => {
      assert.equal(await store.parked.count(owner), 0);
      assert.equal((await store.readModel(model).get("a")).document?.sum, 6);
    });
  },

  "nothing to replay or to discard is an error": async ({ join }) => {
    const store = await join();
    await using _runner = await run(store, tallies());
    for (const selection of [owner, { ...owner, key: "a" }, { ...owner, key: "a", position: 1 }]) {
      await refuses("PARKED_UNKNOWN", () => store.parked.replay(selection));
      await refuses("PARKED_UNKNOWN", () => store.parked.discard(selection));
    }
  },

  "a rebuild takes parked events in again": async ({ join }) => {
    const store = await join();
    const { model, fault } = superstitious();
    const runner = await run(store, model, { onError: "park" });
    for (const n of upTo(3)) await store.append({ stream: "s", events: [added(13, "a"), added(n, "a")] });
    await runner.caughtUp();
    await runner.stop();
    fault.isMended = true;
    const next = tallies({ version: 2 });
    await using _runner = await run(store, next, { onError: "park" });
    await eventually(async () => assert.equal((await agreesWithAll(store, next)).version, 2));
    assert.equal(await store.parked.count(owner), 0);
  },
};
