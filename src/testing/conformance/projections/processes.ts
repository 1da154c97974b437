import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import { upTo } from "../helpers.ts";
import { standStill } from "../work/stand-still.ts";
import { during, eventually } from "../work/work-kit.ts";
import type { WorkLab, WorkTopic } from "../work/work-kit.ts";
import { agrees, agreesWithAll, appendRandom, run, tallies } from "./tallies.ts";
import { rowsAgree, totals } from "./totals.ts";

/** What a run of kills came to. */
export interface KilledRunners {
  readonly kills: number;
  readonly events: number;
}

/**
 * Kills processes that run projections, one after the other, at any moment of their lives, while events are appended
 * and read models read. Each answer must be the fold of the log at its position, and all of the log in the end.
 */
export async function killRunners(
  lab: WorkLab,
  kills: number,
  onKill?: (killed: number) => void,
): Promise<KilledRunners> {
  const { random } = lab;
  const store = await lab.join();
  const model = tallies();
  await appendRandom(store, random, 50);
  const first = await run(store, model);
  await first.caughtUp();
  await first.stop();
  for (const killed of upTo(kills)) {
    const worker = lab.spawn({ work: "run", leaseMs: 400, batchSizeMax: 1 + random.integer(30) });
    if (!random.once(5)) await worker.ready;
    const [waiting, writing] = [setTimeout(random.integer(150)), appendRandom(store, random, 60)];
    await during(Promise.all([waiting, writing]), () => agrees(store, model));
    await worker.kill();
    onKill?.(killed + 1);
  }
  const projections = [model, ...(store.readSide.supportsSql ? [totals()] : [])];
  await using runner = await store.runProjections(projections, { leaseMs: 400 });
  await runner.caughtUp();
  await agreesWithAll(store, model);
  const events = await store.head();
  if (store.readSide.supportsSql) await rowsAgree(store, events);
  return { kills, events };
}

/** Processes that are killed, or stand still. */
export const processTests: WorkTopic = {
  "processes killed at any moment fold every event in exactly once": async (lab) => {
    await killRunners(lab, 6);
  },

  "when the process of the owner is killed, another takes over at once": async (lab) => {
    const store = await lab.join();
    await appendRandom(store, lab.random, 20);
    const worker = lab.spawn({ work: "run", leaseMs: 60_000 });
    await worker.ready;
    await agreesWithAll(store, tallies());
    await using _standby = await run(store, tallies(), { leaseMs: 60_000 });
    await worker.kill();
    await appendRandom(store, lab.random, 20);
    await store.readModel(tallies()).waitFor(await store.head(), { timeoutMs: 10_000 });
    await agreesWithAll(store, tallies());
  },

  "a process that stands still is overtaken and, once it goes on, changes nothing": async (lab) => {
    const store = await lab.join();
    const model = tallies();
    const [one, other] = [lab.spawn({ work: "run", leaseMs: 600 }), lab.spawn({ work: "run", leaseMs: 600 })];
    await Promise.all([one.ready, other.ready]);
    let last = 0;
    const look = async (): Promise<void> => {
      const { position } = await agrees(store, model);
      assert.ok(position >= last, `position went back from ${last} to ${position}`);
      last = position;
    };
    for (const _ of upTo(3)) {
      await appendRandom(store, lab.random, 30);
      await patient(store);
      const owner = (await ownerOf(store)) === one.pid ? one : other;
      await standStill(owner, store);
      await appendRandom(store, lab.random, 60);
      await patient(store);
      owner.go();
      await during(appendRandom(store, lab.random, 100), look);
      await eventually(async () => assert.notEqual(await ownerOf(store), owner.pid));
    }
    await patient(store);
    await agreesWithAll(store, model);
  },

  "a rebuild whose processes are killed is finished by the next, and readers see no wrong answer": async (
    lab,
  ) => {
    const store = await lab.join();
    await appendRandom(store, lab.random, 600);
    const old = tallies({ weight: 2 });
    const first = await run(store, old);
    await first.caughtUp();
    await first.stop();
    const next = tallies({ version: 2 });
    const check = async (): Promise<unknown> => {
      const { version } = await store.readModel(old).get("k0");
      return agrees(store, version === 2 ? next : old).catch(async (error: unknown) => {
        // The switch may fall between the two reads.
        if ((await store.readModel(old).get("k0")).version === version) throw error;
        return agrees(store, next);
      });
    };
    for (const _ of upTo(4)) {
      const worker = lab.spawn({ work: "run", version: 2, leaseMs: 400, batchSizeMax: 3 });
      await worker.ready;
      await during(setTimeout(lab.random.integer(60)), check);
      await worker.kill();
    }
    await using runner = await run(store, next);
    await runner.caughtUp();
    assert.equal((await agreesWithAll(store, next)).version, 2);
  },

  "writers with an inline projection that are killed leave it one with the log": async (lab) => {
    const { random } = lab;
    const model = tallies();
    const store = await lab.join({ inline: [model] });
    const stays = lab.spawn({ work: "inline", seed: random.integer(1_000_000) });
    await stays.ready;
    for (const _ of upTo(4)) {
      const dies = lab.spawn({ work: "inline", seed: random.integer(1_000_000) });
      await dies.ready;
      await during(setTimeout(50 + random.integer(150)), () => agrees(store, model, { waitFor: 1 }));
      await dies.kill();
    }
    await stays.kill();
    const head = await appendRandom(store, random, 5);
    assert.ok((await agreesWithAll(store, model)).position >= head);
  },
};

async function ownerOf(store: Hitherto): Promise<number> {
  const { owner } = await store.projections.status("tallies");
  return Number(owner?.split("/").at(-1));
}

/** A takeover takes a lease time and more. */
async function patient(store: Hitherto): Promise<void> {
  await store.readModel(tallies()).waitFor(await store.head(), { timeoutMs: 15_000 });
}
