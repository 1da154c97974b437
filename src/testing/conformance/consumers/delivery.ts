import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { DeliveryContext } from "../../../runtime/consumers/consumer.ts";
import { refuses, upTo } from "../helpers.ts";
import { deaf } from "../work/odd-stores.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, parkedOf, unhurried } from "./cases.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u;

/** One member: what is delivered, when, and how. */
export const deliveryTests: WorkTopic = {
  "every event is delivered once, in order within its key, history and what comes": async ({
    join,
    random,
  }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    await cases.addRandom(random, 300);
    await using member = await store.consume(notes({ journal, work: unhurried(random) }), brisk);
    for (const _ of upTo(5)) {
      await cases.addRandom(random, 60);
      await member.caughtUp();
      journal.hasEachOnce(cases.counts);
    }
  },

  "events of one key go one after the other, those of others beside them": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store, 6);
    for (const name of cases.names) await cases.add(name, 5);
    const work = () => setTimeout(5);
    await using member = await store.consume(notes({ journal, work }), brisk);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.equal(journal.atOnceOfOneKeyMax, 1);
    assert.ok(journal.atOnceMax > 1, `${journal.atOnceMax} at once`);
  },

  "no more deliveries are under way than allowed": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store, 12);
    for (const name of cases.names) await cases.add(name, 3);
    const work = () => setTimeout(3);
    await using member = await store.consume(notes({ journal, work }), { ...brisk, inFlightMax: 3 });
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.equal(journal.atOnceMax, 3);
  },

  "a key of the consumer's own orders its deliveries": async ({ join, random }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    await cases.addRandom(random, 60);
    const options = { journal, partitionBy: () => "one", work: unhurried(random) };
    await using member = await store.consume(notes(options), brisk);
    await member.caughtUp();
    const positions = journal.entries.map((entry) => entry.position);
    assert.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
    );
    assert.deepEqual(new Set(journal.entries.map((entry) => entry.key)), new Set(["one"]));
    assert.equal(positions.length, 60);
  },

  "a new consumer begins where it says: at the start, the end, a position or a moment": async ({ join }) => {
    const store = await join();
    const cases = new Cases(store);
    const second = await cases.add("case-1", 2);
    await setTimeout(5);
    const moment = new Date();
    await cases.add("case-1", 1);
    const begins = [
      ["start", [0, 1, 2, 3]],
      ["end", [3]],
      [second, [2, 3]],
      [second - 1, [1, 2, 3]],
      [moment, [2, 3]],
    ] as const;
    const started = await Promise.all(
      begins.map(async ([from, expected], index) => {
        const journal = new Journal();
        const member = await store.consume(notes({ name: `from-${index}`, from, journal }), brisk);
        await member.caughtUp();
        return { from, expected, journal, member };
      }),
    );
    await cases.add("case-1", 1);
    for (const { from, expected, journal, member } of started) {
      await member.caughtUp();
      assert.deepEqual(journal.byKey().get("case-1"), expected, `from ${String(from)}`);
      await member.stop();
    }
  },

  "where a consumer has once begun, `from` does not move it": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    for (const from of ["start", "end", "start", "end"] as const) {
      await cases.add("case-1", 2);
      const member = await store.consume(notes({ journal, from }), brisk);
      await member.caughtUp();
      await member.stop();
    }
    journal.hasEachOnce(cases.counts);
  },

  "only events that its filter lets through are delivered": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    await store.append([
      { stream: "case-1", events: [{ type: "Noted", data: { n: 0 } }] },
      {
        stream: "file-1",
        events: [
          { type: "Noted", data: { n: 1 } },
          { type: "Burnt", data: null },
        ],
      },
    ]);
    const options = { journal, categories: ["file"] };
    await using member = await store.consume(notes(options), brisk);
    await member.caughtUp();
    assert.deepEqual(
      journal.entries.map((entry) => entry.n),
      [1],
    );
  },

  "a delivery has a key of its own, the same each time": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const seen: DeliveryContext[] = [];
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const work = (_note: unknown, context: DeliveryContext): void => {
      seen.push(context);
      if (context.attempt < 3) throw new Error("again");
    };
    await using one = await store.consume(notes({ journal, work }), brisk);
    await using other = await store.consume(notes({ name: "other", journal }), brisk);
    await Promise.all([one.caughtUp(), other.caughtUp()]);
    assert.deepEqual(
      seen.map((context) => context.attempt),
      [1, 2, 3, 1, 2, 3],
    );
    assert.ok(
      seen.every(({ consumer, key, isReplay }) => consumer === "notes" && key === "case-1" && !isReplay),
    );
    for (const { idempotencyKey } of seen) assert.match(idempotencyKey, uuid);
    assert.equal(new Set(seen.map((context) => context.idempotencyKey)).size, 2);
    assert.equal(
      new Set(journal.entries.map((entry) => entry.idempotencyKey)).size,
      4,
      "others for each consumer",
    );
  },

  "what is stopped under load loses nothing and repeats nothing": async ({ join, random }) => {
    const [store, writer, journal] = [await join(), await join(), new Journal()];
    const cases = new Cases(writer);
    const consumer = notes({ journal, work: unhurried(random) });
    for (const _ of upTo(5)) {
      const adding = begun(cases.addRandom(random, 80));
      const member = await store.consume(consumer, brisk);
      await setTimeout(random.integer(40));
      await member.stop();
      const entered = journal.entries.length;
      await adding;
      assert.equal(journal.entries.length, entered, "nothing is delivered once it has stopped");
    }
    await using member = await store.consume(consumer, brisk);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "stopping waits for what is under way, and no longer than allowed": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const waits = [60, 60_000];
    const started: DeliveryContext[] = [];
    const work = async (_note: unknown, context: DeliveryContext): Promise<void> => {
      started.push(context);
      await setTimeout(waits.shift() ?? 0, undefined, { signal: context.signal });
    };
    const consumer = notes({ journal, work });
    const first = await store.consume(consumer, { ...brisk, inFlightMax: 1 });
    await eventually(() => assert.equal(started.length, 1));
    await first.stop();
    assert.deepEqual(
      journal.entries.map((entry) => entry.n),
      [0],
    );
    await first.ended;
    const second = await store.consume(consumer, { ...brisk, stopTimeoutMs: 50 });
    await eventually(() => assert.equal(started.length, 2));
    await second.stop();
    assert.ok(started[1]!.signal.aborted);
    assert.deepEqual(await parkedOf(store), []);
    await using third = await store.consume(consumer, brisk);
    await third.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "a handler that takes too long has failed, and its signal ends": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const late: DeliveryContext[] = [];
    const work = async (_note: unknown, context: DeliveryContext): Promise<void> => {
      if (context.attempt > 1 || late.length > 0) return;
      late.push(context);
      await setTimeout(5_000, undefined, { signal: context.signal });
    };
    const failures: unknown[] = [];
    const onEvent = (event: { kind: string; error?: unknown }): void => {
      if (event.kind === "failure") failures.push(event.error);
    };
    await using member = await store.consume(notes({ journal, work }), {
      ...brisk,
      handlerTimeoutMs: 50,
      onEvent,
    });
    await member.caughtUp();
    assert.ok(late[0]!.signal.aborted);
    journal.hasEachOnce(cases.counts);
    assert.equal(journal.entries[0]?.attempt, 2);
    await refuses("DELIVERY_TIMEOUT", () => Promise.reject(failures[0] as Error));
  },

  "a handler that asks for more time gets it": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    await cases.add("case-1", 2);
    const work = async ({ n }: { n: number }, { extend }: DeliveryContext): Promise<void> => {
      if (n > 0) return;
      for (const _ of upTo(6)) {
        extend(1_000);
        await setTimeout(30);
      }
    };
    const options = { ...brisk, handlerTimeoutMs: 60, leaseMs: 200 };
    await using member = await store.consume(notes({ journal, work }), options);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.deepEqual(
      journal.entries.map((entry) => entry.attempt),
      [1, 1],
    );
  },

  // Trap 14.
  "a wake-up that is lost is made up for by polling": async ({ join }) => {
    const [store, writer, journal] = [await join({ around: deaf }), await join(), new Journal()];
    const cases = new Cases(writer);
    await using member = await store.consume(notes({ journal }), brisk);
    await member.caughtUp();
    for (const n of upTo(3)) {
      await setTimeout(20);
      await cases.add("case-1");
      await eventually(() => assert.equal(journal.entries.length, n + 1));
    }
  },

  "two consumers do not mind each other": async ({ join, random }) => {
    const [store, journals] = [await join(), [new Journal(), new Journal()]] as const;
    const cases = new Cases(store);
    await cases.addRandom(random, 100);
    const members = await Promise.all(
      journals.map((journal, index) => store.consume(notes({ name: `notes-${index}`, journal }), brisk)),
    );
    for (const [index, member] of members.entries()) {
      await member.caughtUp();
      journals[index]!.hasEachOnce(cases.counts);
    }
  },
};
