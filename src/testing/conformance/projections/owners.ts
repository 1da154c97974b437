import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { upTo } from "../helpers.ts";
import { releasingLate } from "../work/odd-stores.ts";
import { begun, during, eventually } from "../work/work-kit.ts";
import type { WorkLab, WorkTopic } from "../work/work-kit.ts";
import { added, agrees, agreesWithAll, appendRandom, brisk, run, tallies } from "./tallies.ts";

/** Whether a runner owns its projection, as it was told. */
class Ownership {
  isOwner = false;
  readonly hear = (event: WorkEvent): void => {
    if (event.kind === "owner") this.isOwner = event.isOwner;
  };
}

/** So many handles that all run the projection; the first of them owns it. */
async function crew({ handle }: WorkLab, count: number) {
  const model = tallies();
  const members = [];
  for (const _ of upTo(count)) {
    const ownership = new Ownership();
    const made = await handle();
    const runner = await run(made.store, model, { batchSizeMax: 50, onEvent: ownership.hear });
    await runner.caughtUp();
    members.push({ ...made, runner, ownership });
  }
  const [first] = members;
  await eventually(() => assert.ok(first!.ownership.isOwner, "the first owns it"));
  return { model, members };
}

/** Expects exactly one of them to be the owner, and returns it. */
function onlyOwner<Member extends { readonly ownership: Ownership }>(members: readonly Member[]): Member {
  const owners = members.filter((member) => member.ownership.isOwner);
  assert.equal(owners.length, 1, `${owners.length} owners`);
  return owners[0]!;
}

/** Reads over and over: each answer must be right, and none may be of an earlier state than the one before. */
async function watchOnce(
  store: Hitherto,
  model: ReturnType<typeof tallies>,
  seen: { position: number },
): Promise<void> {
  const { position } = await agrees(store, model);
  assert.ok(position >= seen.position, `position went back from ${seen.position} to ${position}`);
  seen.position = position;
}

/** Several processes run the same projections: one of them works. */
export const ownerTests: WorkTopic = {
  "one that stops gives its projection away, though the store is in trouble": async ({ join }) => {
    const trouble = { left: 2 };
    const around = (store: EventStore): EventStore => releasingLate(store, "runs", trouble);
    const [stopping, other] = [await join({ around }), await join()];
    const runner = await run(stopping, tallies());
    await runner.caughtUp();
    await runner.stop();
    assert.equal(trouble.left, 0);
    assert.equal((await other.projections.status("tallies")).owner, undefined);
  },

  "of several handles one works, and the others stand by": async (lab) => {
    const { model, members } = await crew(lab, 3);
    await appendRandom(members[2]!.store, lab.random, 100);
    await Promise.all(members.map((member) => member.runner.caughtUp()));
    assert.equal(onlyOwner(members), members[0]);
    for (const { store } of members) await agreesWithAll(store, model);
    const { owner, state } = await members[1]!.store.projections.status("tallies");
    assert.deepEqual([typeof owner, state], ["string", "live"]);
  },

  "when the owner stops, another takes over without waiting for the lease": async (lab) => {
    const { model, members } = await crew(lab, 2);
    const [first, second] = members;
    await first!.runner.stop();
    assert.equal(first!.ownership.isOwner, false);
    await appendRandom(first!.store, lab.random, 50);
    await agreesWithAll(second!.store, model);
    assert.ok(second!.ownership.isOwner);
  },

  "when the owner's handle is closed, another takes over": async (lab) => {
    const { model, members } = await crew(lab, 2);
    const [first, second] = members;
    await first!.store.close();
    await appendRandom(second!.store, lab.random, 50);
    await agreesWithAll(second!.store, model);
  },

  "when the owner dies, another takes over": async (lab) => {
    const { model, members } = await crew(lab, 3);
    const [dead, ...others] = members;
    dead!.stall();
    await appendRandom(others[0]!.store, lab.random, 100);
    await agreesWithAll(others[0]!.store, model);
    await eventually(() => onlyOwner(others));
  },

  // Traps 6 and 8.
  "an owner that stood still is overtaken and, once it wakes up, changes nothing": async (lab) => {
    const { model, members } = await crew(lab, 2);
    const seen = { position: 0 };
    for (const _ of upTo(3)) {
      const frozen = onlyOwner(members);
      const other = members.find((member) => member !== frozen)!;
      const appending = begun(appendRandom(other.store, lab.random, 60));
      frozen.stall();
      await appending;
      await agreesWithAll(other.store, model);
      frozen.wake();
      await during(appendRandom(other.store, lab.random, 60), () => watchOnce(other.store, model, seen));
      await eventually(() => assert.equal(onlyOwner(members), other));
      await agreesWithAll(frozen.store, model);
    }
  },

  "whoever dies, whenever it does, every event is folded in exactly once": async (lab) => {
    const { handle, random } = lab;
    const [model, writer, seen] = [tallies(), await lab.join(), { position: 0 }];
    await appendRandom(writer, random, 20);
    const first = await run((await handle()).store, model);
    await first.caughtUp();
    await first.stop();
    for (const _ of upTo(6)) {
      const victim = await handle();
      await run(victim.store, model, { leaseMs: 150, batchSizeMax: 1 + random.integer(20) });
      const writing = Promise.all([setTimeout(random.integer(60)), appendRandom(writer, random, 80)]);
      await during(writing, () => watchOnce(writer, model, seen));
      victim.stall();
    }
    await using runner = await run(writer, model, { leaseMs: 150 });
    await runner.caughtUp();
    await agreesWithAll(writer, model);
  },

  "two handles that begin at once build one read model": async ({ join, random }) => {
    const [one, other, model] = [await join(), await join(), tallies()];
    await appendRandom(one, random, 200);
    const runners = await Promise.all([run(one, model), run(other, model)]);
    await Promise.all(runners.map((runner) => runner.caughtUp()));
    await agreesWithAll(one, model);
    assert.equal((await one.readSide.listModels("tallies")).length, 1);
  },

  "two runners with different projections share out nothing": async ({ join }) => {
    const [one, other] = [await join(), await join()];
    const [left, right] = [tallies({ name: "left" }), tallies({ name: "right" })];
    await using _left = await one.runProjections([left], brisk);
    await using _right = await other.runProjections([right], brisk);
    await one.append({ stream: "s", events: [added(1, "a")] });
    await agreesWithAll(one, left);
    await agreesWithAll(one, right);
  },
};
