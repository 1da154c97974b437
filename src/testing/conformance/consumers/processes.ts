import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { streamDataOf, upTo } from "../helpers.ts";
import { standStill } from "../work/stand-still.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkLab, WorkTopic } from "../work/work-kit.ts";
import type { Worker } from "../work/worker-process.ts";
import { effectsOf } from "../work/worker.ts";
import { Cases } from "./cases.ts";

/** What a run of kills came to. */
export interface KilledMembers {
  readonly kills: number;
  readonly events: number;
  /** Effects that took place again, of those that are not in a transaction with their checkpoint. */
  readonly repeated: number;
}

/** Which promise the effects of a run are held to. */
export type EffectPlace = "consume" | "consume-once";

/**
 * Kills processes that take part in a consumer, one after the other, at any moment of their lives, while events are
 * appended. In the end every event must have had its effect, in order within its key; in a transaction, exactly once.
 */
export async function killMembers(
  lab: WorkLab,
  work: EffectPlace,
  kills: number,
  onKill?: (killed: number) => void,
): Promise<KilledMembers> {
  const { random } = lab;
  const store = await lab.join();
  const cases = new Cases(store, 12);
  const workers: Worker[] = [lab.spawn({ work, leaseMs: 400 })];
  for (const killed of upTo(kills)) {
    const worker = lab.spawn({ work, leaseMs: 400 });
    workers.push(worker);
    const [waiting, writing] = [setTimeout(random.integer(150)), cases.addRandom(random, 60)];
    if (!random.once(5)) await worker.ready;
    await Promise.all([waiting, writing]);
    const [victim] = workers.splice(random.integer(2), 1);
    await victim!.kill();
    onKill?.(killed + 1);
  }
  await workedOff(store);
  await workers[0]!.kill();
  const repeated = await checkEffects(store, cases, work);
  return { kills, events: [...cases.counts.values()].reduce((sum, count) => sum + count, 0), repeated };
}

/** Processes that are killed, or stand still. */
export const processTests: WorkTopic = {
  "members killed at any moment deliver everything, in order within each key": async (lab) => {
    await killMembers(lab, "consume", 6);
  },

  "members killed at any moment have each effect in the store exactly once": async (lab) => {
    await killMembers(lab, "consume-once", 6);
  },

  "the partitions of a process that is killed are taken over at once": async (lab) => {
    const store = await lab.join();
    const cases = new Cases(store);
    // Far longer than any test: nothing is taken over because a lease has ended.
    const order = { work: "consume-once", leaseMs: 3_600_000 } as const;
    const [dies, stays] = [lab.spawn(order), lab.spawn(order)];
    await Promise.all([dies.ready, stays.ready]);
    await eventually(async () =>
      assert.deepEqual(new Set(await ownersOf(store)), new Set([dies.pid, stays.pid])),
    );
    await dies.kill();
    await cases.addRandom(lab.random, 40);
    await workedOff(store);
    await eventually(async () => assert.deepEqual(new Set(await ownersOf(store)), new Set([stays.pid])));
    await checkEffects(store, cases, "consume-once");
  },

  "a process that stands still is overtaken and, once it goes on, repeats no effect in the store": async (
    lab,
  ) => {
    const store = await lab.join();
    const cases = new Cases(store);
    const order = { work: "consume-once", leaseMs: 600 } as const;
    const [one, other] = [lab.spawn(order), lab.spawn(order)];
    await Promise.all([one.ready, other.ready]);
    for (const worker of [one, other]) {
      await eventually(async () =>
        assert.deepEqual(new Set(await ownersOf(store)), new Set([one.pid, other.pid])),
      );
      const adding = begun(cases.addRandom(lab.random, 60));
      await setTimeout(lab.random.integer(20));
      await adding;
      await standStill(worker, store);
      await cases.addRandom(lab.random, 60);
      await workedOff(store);
      worker.go();
      await cases.addRandom(lab.random, 60);
      await workedOff(store);
    }
    await checkEffects(store, cases, "consume-once");
  },
};

/** Waits until every partition has passed the present end of the log. */
async function workedOff(store: Hitherto): Promise<void> {
  const head = await store.head();
  await eventually(async () => {
    const { partitions } = await store.consumers.status("notes");
    const [lowest] = partitions.map((one) => one.position).sort((a, b) => a - b);
    assert.ok(lowest !== undefined && lowest >= head, `position ${lowest} of ${head}`);
  });
}

/** Process ids of the owners of the partitions. */
async function ownersOf(store: Hitherto): Promise<number[]> {
  const { partitions } = await store.consumers.status("notes");
  return partitions.map(({ owner }) => Number(owner?.split("/").at(-1)));
}

/** Expects all effects; returns how many took place again. */
async function checkEffects(store: EventStore, cases: Cases, work: EffectPlace): Promise<number> {
  let repeated = 0;
  for (const [key, count] of cases.counts) {
    const effects = (await streamDataOf(store, effectsOf(key))) as number[];
    const first = [...new Set(effects)];
    assert.deepEqual(work === "consume-once" ? effects : first, upTo(count), `effects of ${key}`);
    repeated += effects.length - first.length;
  }
  return repeated;
}
