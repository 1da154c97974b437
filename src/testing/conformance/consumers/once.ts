import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { DeliveryContext } from "../../../runtime/consumers/consumer.ts";
import { consumer } from "../../../runtime/consumers/define-consumer.ts";
import { streamDataOf, upTo } from "../helpers.ts";
import { eventually } from "../work/work-kit.ts";
import type { Handle, WorkLab, WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, parkedEvents } from "./cases.ts";
import type { Note } from "./cases.ts";

/** Has the effect of a note in the same store: an event on the stream of effects. */
async function effect({ n }: Note, { key, once }: DeliveryContext): Promise<boolean> {
  return once(async (transaction) => {
    await transaction.append({ stream: "effects", events: [{ type: "Effect", data: `${key}/${n}` }] });
  });
}

function effectsOf(counts: ReadonlyMap<string, number>): string[] {
  return [...counts].flatMap(([key, count]) => upTo(count).map((n) => `${key}/${n}`)).sort();
}

async function hasEachEffectOnce(lab: WorkLab, cases: Cases): Promise<void> {
  const effects = (await streamDataOf(lab.store, "effects")) as string[];
  assert.deepEqual(effects.toSorted(), effectsOf(cases.counts));
}

/** Effects in the same store: exactly once, however often an event is delivered. */
export const onceTests: WorkTopic = {
  "an effect takes place once, however often its event is delivered": async (lab) => {
    const store = await lab.join();
    const cases = new Cases(store);
    await cases.add("case-1", 3);
    const ran: boolean[] = [];
    const work = async (note: Note, context: DeliveryContext): Promise<void> => {
      ran.push(await effect(note, context));
      if (context.attempt < 3) throw new Error("after the effect");
    };
    await using member = await store.consume(notes({ work }), brisk);
    await member.caughtUp();
    assert.deepEqual(ran, [true, false, false, true, false, false, true, false, false]);
    await hasEachEffectOnce(lab, cases);
  },

  "an effect that fails leaves nothing behind, and is had with the next attempt": async (lab) => {
    const store = await lab.join();
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const work = async ({ n }: Note, { once, attempt, key }: DeliveryContext): Promise<void> => {
      await once(async (transaction) => {
        await transaction.append({ stream: "effects", events: [{ type: "Effect", data: `${key}/${n}` }] });
        if (attempt < 3) throw new Error("within");
      });
    };
    await using member = await store.consume(notes({ work }), brisk);
    await member.caughtUp();
    await hasEachEffectOnce(lab, cases);
  },

  "whoever dies, whenever it does, each effect takes place exactly once": async (lab) => {
    const writer = await lab.join();
    const cases = new Cases(writer);
    const join = async (): Promise<Handle> => {
      const handle = await lab.handle();
      const work = async (note: Note, context: DeliveryContext): Promise<void> =>
        void (await effect(note, context));
      await handle.store.consume(notes({ handle, work }), { ...brisk, leaseMs: 150 });
      return handle;
    };
    await join();
    for (const _ of upTo(6)) {
      const victim = await join();
      await Promise.all([cases.addRandom(lab.random, 40), setTimeout(lab.random.integer(250))]);
      victim.stall();
    }
    const survivor = await lab.handle();
    const work = async (note: Note, context: DeliveryContext): Promise<void> =>
      void (await effect(note, context));
    await using member = await survivor.store.consume(notes({ work }), { ...brisk, leaseMs: 150 });
    await member.caughtUp();
    await hasEachEffectOnce(lab, cases);
  },

  "a replay does not have an effect again": async (lab) => {
    const store = await lab.join();
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const fault = { isMended: false };
    const work = async (note: Note, context: DeliveryContext): Promise<void> => {
      await effect(note, context);
      if (!fault.isMended) throw new Error("after the effect");
    };
    await using member = await store.consume(notes({ work, retry: { max: 0 } }), brisk);
    await member.caughtUp();
    fault.isMended = true;
    await store.parked.replay({ kind: "consumer", name: "notes" });
    await eventually(async () => assert.equal(await store.parked.count(), 0));
    await hasEachEffectOnce(lab, cases);
  },

  "a replay that fails again does not have an effect again either": async (lab) => {
    const store = await lab.join();
    const cases = new Cases(store);
    await cases.add("case-1");
    const fault = { isMended: false };
    const work = async (note: Note, context: DeliveryContext): Promise<void> => {
      await effect(note, context);
      if (!fault.isMended && context.key === "case-1") throw new Error("after the effect");
    };
    const owner = { kind: "consumer", name: "notes" } as const;
    await using member = await store.consume(notes({ work, partitions: 1, retry: { max: 0 } }), brisk);
    await member.caughtUp();
    await store.parked.replay(owner);
    await eventually(async () => assert.equal((await parkedEvents(store))[0]?.attempts, 2));
    // A checkpoint in between forgets nothing of what is parked.
    await cases.add("case-2");
    await member.caughtUp();
    fault.isMended = true;
    await store.parked.replay(owner);
    await eventually(async () => assert.equal(await store.parked.count(), 0));
    await hasEachEffectOnce(lab, cases);
  },

  "another consumer has effects of its own": async (lab) => {
    const [store, other] = [await lab.join(), await lab.join()];
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const work = async (note: Note, context: DeliveryContext): Promise<void> =>
      void (await effect(note, context));
    const members = [
      await store.consume(notes({ work }), brisk),
      await other.consume(notes({ name: "other", work }), brisk),
    ];
    for (const member of members) {
      await member.caughtUp();
      await member.stop();
    }
    const effects = (await streamDataOf(store, "effects")) as string[];
    assert.deepEqual(effects.toSorted(), ["case-1/0", "case-1/0", "case-1/1", "case-1/1"]);
  },

  "private events become public ones, each once, in order": async (lab) => {
    const { random } = lab;
    const store = await lab.join();
    const [cases, journal] = [new Cases(store, 4), new Journal()];
    const published = consumer("published", {
      map: {
        Noted: ({ n }: Note, { stream }) =>
          n % 3 === 2 ? undefined : { type: "public.Noted", data: { of: stream, number: n } },
      },
      handle: async (event, context) => {
        await context.once(async (transaction) => {
          const { id, type, data } = event;
          await transaction.append({ stream: `public-${event.data.of}`, events: [{ id, type, data }] });
        });
        if (random.once(5)) throw new Error("after it was published");
      },
      retry: { max: 100, delayMs: 1, jitter: 0 },
    });
    await cases.addRandom(random, 60);
    await using member = await store.consume(published, brisk);
    await member.caughtUp();
    assert.equal(journal.entries.length, 0);
    for (const [of, count] of cases.counts) {
      const numbers = upTo(count).filter((n) => n % 3 !== 2);
      assert.deepEqual(
        await streamDataOf(store, `public-${of}`),
        numbers.map((number) => ({ of, number })),
      );
    }
  },
};
