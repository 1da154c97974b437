import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { ConsumerMember } from "../../../runtime/consumers/consumer.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { refuses, upTo } from "../helpers.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, parkedOf, unhurried } from "./cases.ts";

/** Pausing, resetting, dealing out anew and telling how things stand, from any handle. */
export const lookingAfterTests: WorkTopic = {
  "a pause from one handle stops the deliveries of another, until it is resumed": async ({ join }) => {
    const [store, admin, journal] = [await join(), await join(), new Journal()];
    const cases = new Cases(admin);
    await using member = await store.consume(notes({ journal }), brisk);
    await cases.add("case-1", 2);
    await member.caughtUp();
    await admin.consumers.pause("notes");
    await eventually(async () => assert.equal((await admin.consumers.status("notes")).state, "paused"));
    await setTimeout(20);
    await cases.add("case-1", 2);
    await setTimeout(100);
    assert.deepEqual(journal.byKey().get("case-1"), [0, 1]);
    await admin.consumers.resume("notes");
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "a reset delivers again from the start, a position or a moment, or skips to the end": async ({ join }) => {
    const [store, admin, journal] = [await join(), await join(), new Journal()];
    const cases = new Cases(admin);
    const second = await cases.add("case-1", 2);
    await setTimeout(5);
    const moment = new Date();
    await cases.add("case-1", 2);
    const consumer = notes({ journal });
    const first = await store.consume(consumer, brisk);
    await first.caughtUp();
    await first.stop();
    const resets = [
      ["start", [0, 1, 2, 3]],
      [second - 1, [1, 2, 3]],
      [moment, [2, 3]],
      ["end", []],
    ] as const;
    for (const [to, expected] of resets) {
      journal.entries.length = 0;
      await admin.consumers.reset("notes", to);
      const member = await store.consume(consumer, brisk);
      await member.caughtUp();
      await member.stop();
      assert.deepEqual(
        journal.entries.map((entry) => entry.n),
        expected,
        `to ${String(to)}`,
      );
    }
  },

  "a place beyond the end of the log is refused, to begin at and to be reset to": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    const head = await cases.add("case-1", 2);
    await refuses("ARGUMENT_INVALID", () => store.consume(notes({ journal, from: head + 1 }), brisk));
    assert.deepEqual(await store.consumers.list(), []);
    await using member = await store.consume(notes({ journal, from: head }), brisk);
    await refuses("ARGUMENT_INVALID", () => store.consumers.reset("notes", head + 1));
    await cases.add("case-1", 1);
    await member.caughtUp();
    assert.deepEqual(journal.byKey().get("case-1"), [2]);
  },

  "a reset while members are at work is carried out as well": async ({ join, random }) => {
    const [store, admin, journal] = [await join(), await join(), new Journal()];
    const cases = new Cases(admin);
    await cases.addRandom(random, 60);
    await using member = await store.consume(notes({ journal, work: unhurried(random) }), brisk);
    await member.caughtUp();
    await admin.consumers.reset("notes", "start");
    await eventually(() => assert.equal(journal.entries.length, 120));
    await member.caughtUp();
    for (const [key, numbers] of journal.byKey()) {
      const count = cases.counts.get(key)!;
      assert.deepEqual(numbers, [...upTo(count), ...upTo(count)]);
    }
  },

  "a reset forgets what is parked after its place": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    const fault = { isMended: false };
    const work = (): void => {
      if (!fault.isMended) throw new Error("not now");
    };
    const cases = new Cases(store);
    await cases.add("case-1", 3);
    const consumer = notes({ journal, work, retry: { max: 0 } });
    const member = await store.consume(consumer, brisk);
    await member.caughtUp();
    await member.stop();
    assert.equal((await parkedOf(store)).length, 3);
    fault.isMended = true;
    await store.consumers.reset("notes", "start");
    assert.deepEqual(await parkedOf(store), []);
    await using again = await store.consume(consumer, brisk);
    await again.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "the number of partitions changes under load, and nothing is lost, repeated or reordered": async (lab) => {
    const { random } = lab;
    const [admin, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(admin);
    const members: ConsumerMember[] = [];
    for (const _ of upTo(2)) {
      const handle = await lab.handle();
      const consumer = notes({ journal, handle, partitions: 4, work: unhurried(random) });
      members.push(await handle.store.consume(consumer, brisk));
    }
    for (const partitions of [7, 1, 3, 16, 2]) {
      const adding = begun(cases.addRandom(random, 80));
      await setTimeout(random.integer(20));
      await admin.consumers.setPartitions("notes", partitions);
      await adding;
      await eventually(async () => {
        assert.equal((await admin.consumers.status("notes")).partitions.length, partitions);
      });
    }
    await members[0]!.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.equal(journal.atOnceOfOneKeyMax, 1);
    await eventually(() => assert.equal(members.flatMap((member) => member.partitions).length, 2));
  },

  "the number of partitions changes while nobody is at work": async ({ join, random }) => {
    const [store, journal] = [await join(), new Journal()];
    const cases = new Cases(store);
    for (const partitions of [3, 5, 8, 2]) {
      await cases.addRandom(random, 50);
      const member = await store.consume(notes({ journal, work: unhurried(random) }), {
        ...brisk,
        inFlightMax: 5,
      });
      await setTimeout(random.integer(30));
      await member.stop();
      await store.consumers.setPartitions("notes", partitions);
    }
    await using member = await store.consume(notes({ journal }), brisk);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.equal(member.partitions.length, 2);
  },

  "changes that are asked for at once all take place": async ({ join, random }) => {
    const [store, admin, other, journal] = [await join(), await join(), await join(), new Journal()];
    const cases = new Cases(admin);
    await cases.addRandom(random, 40);
    await using member = await store.consume(notes({ journal }), brisk);
    await member.caughtUp();
    await Promise.all([
      admin.consumers.setPartitions("notes", 3),
      other.consumers.reset("notes", "start"),
      store.consumers.setPartitions("notes", 3),
    ]);
    assert.equal((await admin.consumers.status("notes")).partitions.length, 3);
    await member.caughtUp();
    await eventually(() => assert.equal(journal.entries.length, 80));
  },

  "a number of partitions, or a place, that can not be is refused": async ({ join }) => {
    const store = await join();
    await using _member = await store.consume(notes(), brisk);
    for (const partitions of [0, -1, 1.5, 1_025, "3", undefined]) {
      await refuses("ARGUMENT_INVALID", () => store.consumers.setPartitions("notes", partitions as number));
    }
    for (const to of ["begin", -1, 1.5, 1, new Date(Number.NaN), undefined]) {
      await refuses("ARGUMENT_INVALID", () => store.consumers.reset("notes", to as number));
    }
  },

  "a wait or a replay that is asked for wrongly is refused": async ({ join }) => {
    const store = await join();
    await using member = await store.consume(notes(), brisk);
    for (const options of [null, 5, { signal: "now" }]) {
      await refuses("ARGUMENT_INVALID", () => member.caughtUp(options as never));
    }
    const owner = { kind: "consumer", name: "notes" } as const;
    for (const options of [null, 5, { ratePerSecond: 0 }, { ratePerSecond: Infinity }]) {
      await refuses("ARGUMENT_INVALID", () => store.parked.replay(owner, options as never));
    }
  },

  "a status says what there is to say": async ({ join }) => {
    const store = await join();
    const cases = new Cases(store);
    await using member = await store.consume(notes({ partitions: 3 }), brisk);
    const position = await cases.add("case-1", 5);
    await member.caughtUp();
    await eventually(async () => {
      const status = await store.consumers.status("notes");
      assert.deepEqual(
        [status.name, status.state, status.parked, status.error],
        ["notes", "live", 0, undefined],
      );
      assert.deepEqual(status.lag, { events: 0, ms: 0, isTooMuch: false });
      assert.ok(status.position >= position);
      assert.deepEqual(
        status.partitions.map((one) => one.partition),
        [0, 1, 2],
      );
      assert.deepEqual(new Set(status.partitions.map((one) => one.owner)), new Set(status.members));
      assert.equal(status.members.length, 1);
    });
  },

  "one that nobody takes part in is idle, and its lag grows": async ({ join }) => {
    const store = await join();
    const cases = new Cases(store);
    const member = await store.consume(notes(), brisk);
    await member.caughtUp();
    await member.stop();
    await cases.add("case-1", 5);
    await setTimeout(30);
    const { state, members, lag } = await store.consumers.status("notes");
    assert.deepEqual([state, members, lag.isTooMuch], ["idle", [], false]);
    assert.ok(lag.events >= 5, `${lag.events} events behind`);
    assert.ok(lag.ms >= 20, `${lag.ms} ms behind`);
  },

  "too much lag is told when it begins and when it ceases": async ({ join }) => {
    const store = await join();
    const heard: boolean[] = [];
    const fault = { isMended: false };
    const work = (): void => {
      if (!fault.isMended) throw new Error("not now");
    };
    const onEvent = (event: WorkEvent): void => {
      if (event.kind === "lag") heard.push(event.lag.isTooMuch);
    };
    const retry = { max: 1_000, delayMs: 10, delayMsMax: 10, jitter: 0 };
    await using member = await store.consume(notes({ work, retry }), { ...brisk, lagAlertMs: 50, onEvent });
    await member.caughtUp();
    await new Cases(store).add("case-1");
    await eventually(() => assert.deepEqual(heard, [true]));
    fault.isMended = true;
    await eventually(() => assert.deepEqual(heard, [true, false]));
  },

  "the list has them all, by name": async ({ join }) => {
    const store = await join();
    assert.deepEqual(await store.consumers.list(), []);
    const members = [];
    for (const name of ["b", "a", "c"]) members.push(await store.consume(notes({ name }), brisk));
    assert.deepEqual(
      (await store.consumers.list()).map((one) => one.name),
      ["a", "b", "c"],
    );
    await Promise.all(members.map((member) => member.stop()));
  },

  "what is removed is forgotten, and begins anew": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    await new Cases(store).add("case-1", 2);
    for (const _ of upTo(2)) {
      const member = await store.consume(notes({ journal }), brisk);
      await member.caughtUp();
      await member.stop();
      await store.consumers.remove("notes");
      await refuses("CONSUMER_UNKNOWN", () => store.consumers.status("notes"));
    }
    assert.deepEqual(journal.byKey().get("case-1"), [0, 1, 0, 1]);
    assert.deepEqual(await store.consumers.list(), []);
  },

  "a name that the store does not know is an error, and says what it knows": async ({ join }) => {
    const store = await join();
    await using _member = await store.consume(notes(), brisk);
    const { consumers } = store;
    const calls = [
      () => consumers.status("note"),
      () => consumers.pause("note"),
      () => consumers.resume("note"),
      () => consumers.reset("note", "start"),
      () => consumers.setPartitions("note", 2),
      () => consumers.remove("note"),
    ];
    for (const call of calls) {
      const error = await refuses("CONSUMER_UNKNOWN", call);
      assert.deepEqual(error.details, { consumer: "note", known: ["notes"] });
    }
  },
};
