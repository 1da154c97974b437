import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { HithertoError } from "../../../core/errors.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { EventStore } from "../../../store/event-store.ts";
import type { ReadSide } from "../../../store/read-side.ts";
import { refuses, upTo } from "../helpers.ts";
import { withReadSide } from "../work/odd-stores.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, parkedEvents, parkedOf } from "./cases.ts";
import type { Note } from "./cases.ts";

const owner = { kind: "consumer", name: "notes" } as const;

/** Work that fails on the first notes of all cases, and whatever else is added, until it is mended. */
function faulty() {
  const fault = { failing: new Set([0]), calls: 0 };
  const work = ({ n }: Note): void => {
    fault.calls++;
    if (fault.failing.has(n)) throw new Error(`can not take ${n}`);
  };
  return { fault, work };
}

/** Three cases of three notes each, all parked. */
async function allParked(store: Hitherto) {
  const [journal, cases, { fault, work }] = [new Journal(), new Cases(store, 3), faulty()];
  for (const _ of upTo(3)) for (const name of cases.names) await cases.add(name);
  const consumer = notes({ journal, work, retry: { max: 0 } });
  const member = await store.consume(consumer, brisk);
  await member.caughtUp();
  assert.equal(await store.parked.count(owner), 9);
  return { journal, cases, fault, consumer, member };
}

async function noneParked(store: Hitherto): Promise<void> {
  await eventually(async () => assert.equal(await store.parked.count(owner), 0));
}

/** A store that can not list the partitions of consumers while there is trouble. */
function failing(store: EventStore, trouble: { isThere: boolean; calls: number }): EventStore {
  const listRecords: ReadSide["listRecords"] = async (space, options) => {
    if (space !== "partitions" || !trouble.isThere) return store.readSide.listRecords(space, options);
    trouble.calls++;
    throw new HithertoError("STORE_BUSY", { store: store.url, waitedMs: 0 });
  };
  return withReadSide(store, { listRecords });
}

/** Events put aside: replayed or given up, in order within their key. Trap 13. */
export const parkedTests: WorkTopic = {
  "a replay of all delivers each once, in order, and lets the keys go on": async ({ join }) => {
    const store = await join();
    const { journal, cases, fault, member } = await allParked(store);
    const { position } = await store.consumers.status("notes");
    fault.failing.clear();
    assert.deepEqual(await store.parked.replay(owner), { events: 9 });
    for (const name of cases.names) await cases.add(name);
    await noneParked(store);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    const replayed = journal.entries.filter((entry) => entry.isReplay);
    assert.ok(replayed.length >= 9);
    assert.deepEqual(
      replayed.filter((entry) => entry.n === 0).map((entry) => entry.attempt),
      [2, 2, 2],
    );
    assert.ok((await store.consumers.status("notes")).position >= position, "the checkpoint did not go back");
    await member.stop();
  },

  "a replay of one key leaves the others parked": async ({ join }) => {
    const store = await join();
    const { journal, fault, member } = await allParked(store);
    fault.failing.clear();
    assert.deepEqual(await store.parked.replay({ ...owner, key: "case-1" }), { events: 3 });
    await eventually(async () => assert.equal(await store.parked.count(owner), 6));
    assert.deepEqual([...journal.byKey()], [["case-1", [0, 1, 2]]]);
    await member.stop();
  },

  "a replay of one event begins with the first of its key, for nothing may overtake": async ({ join }) => {
    const store = await join();
    const { journal, fault, member } = await allParked(store);
    fault.failing.clear();
    const second = (await parkedEvents(store)).find(
      ({ key, revision }) => key === "case-2" && revision === 1,
    );
    await store.parked.replay({ ...owner, key: "case-2", position: second!.position });
    await eventually(async () => assert.equal(await store.parked.count(owner), 6));
    assert.deepEqual([...journal.byKey()], [["case-2", [0, 1, 2]]]);
    await member.stop();
  },

  "a replay that fails again leaves the event parked, once, with its attempts counted on": async ({
    join,
  }) => {
    const store = await join();
    const { journal, fault, member } = await allParked(store);
    const before = await store.consumers.status("notes");
    fault.failing = new Set([1]);
    await store.parked.replay({ ...owner, key: "case-1" });
    const expected = [
      ["case-0", 0, "failed"],
      ["case-0", 1, "held"],
      ["case-0", 2, "held"],
      ["case-1", 1, "failed"],
      ["case-1", 2, "held"],
      ["case-2", 0, "failed"],
      ["case-2", 1, "held"],
      ["case-2", 2, "held"],
    ];
    await eventually(async () => assert.deepEqual(await parkedOf(store), expected));
    const calls = fault.calls;
    await setTimeout(30);
    assert.equal(fault.calls, calls, "it is not tried again by itself");
    await store.parked.replay({ ...owner, key: "case-1" });
    await eventually(() => assert.ok(fault.calls > calls));
    await eventually(async () => assert.deepEqual(await parkedOf(store), expected));
    const again = (await parkedEvents(store)).find(({ key }) => key === "case-1");
    assert.equal(again?.attempts, 2);
    assert.deepEqual([...journal.byKey()], [["case-1", [0]]]);
    const after = await store.consumers.status("notes");
    for (const { partition, position } of before.partitions) {
      assert.ok(after.partitions.find((one) => one.partition === partition)!.position >= position);
    }
    await member.stop();
  },

  "what comes during a replay waits for its turn": async ({ join }) => {
    const store = await join();
    const { journal, cases, fault, member } = await allParked(store);
    fault.failing.clear();
    const replaying = store.parked.replay(owner, { ratePerSecond: 100 });
    for (const _ of upTo(10)) {
      for (const name of cases.names) await cases.add(name);
      await setTimeout(5);
    }
    await replaying;
    await noneParked(store);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    await member.stop();
  },

  "a replay keeps to the rate that it was asked for": async ({ join }) => {
    const store = await join();
    const { journal, cases, fault, member } = await allParked(store);
    fault.failing.clear();
    const start = performance.now();
    await store.parked.replay({ ...owner, key: "case-1" }, { ratePerSecond: 20 });
    await eventually(() => assert.equal(journal.entries.length, 3));
    const took = performance.now() - start;
    assert.ok(took >= 90, `three events at 20 a second took ${took} ms`);
    assert.equal(cases.counts.size, 3);
    await member.stop();
  },

  "a replay asked for while no member is there, is carried out by the next": async ({ join }) => {
    const [store, admin] = [await join(), await join()];
    const { journal, cases, fault, consumer, member } = await allParked(store);
    await member.stop();
    fault.failing.clear();
    await admin.parked.replay(owner);
    assert.ok((await parkedOf(admin)).every(([, , state]) => state === "replaying"));
    await using _again = await store.consume(consumer, brisk);
    await noneParked(store);
    journal.hasEachOnce(cases.counts);
  },

  "a member that dies in the middle of a replay is replaced, and the replay goes on": async (lab) => {
    const [store, journal, { fault, work }] = [await lab.join(), new Journal(), faulty()];
    const cases = new Cases(store, 3);
    for (const name of cases.names) await cases.add(name, 12);
    const options = { journal, work, retry: { max: 0 } };
    const first = await store.consume(notes(options), brisk);
    await first.caughtUp();
    await first.stop();
    fault.failing.clear();
    await store.parked.replay(owner, { ratePerSecond: 150 });
    for (const _ of upTo(3)) {
      const victim = await lab.handle();
      const entered = journal.entries.length;
      await victim.store.consume(notes({ ...options, handle: victim }), { ...brisk, leaseMs: 150 });
      await eventually(() => assert.ok(journal.entries.length > entered || journal.entries.length >= 36));
      victim.stall();
    }
    await using last = await store.consume(notes(options), { ...brisk, leaseMs: 150 });
    for (const name of cases.names) await cases.add(name, 2);
    await noneParked(store);
    await last.caughtUp();
    journal.hasAllInOrder(cases.counts);
    assert.ok(journal.entries.length <= 42 + 3 * 3, "no more than what was under way came again");
  },

  "a member that is stopped in the middle of a replay gives it away, and nothing comes again": async (
    lab,
  ) => {
    const [store, journal, fault] = [await lab.join(), new Journal(), { isMended: false }];
    const cases = new Cases(store, 6);
    for (const name of cases.names) await cases.add(name, 12);
    const work = async (): Promise<void> => {
      if (!fault.isMended) throw new Error("not now");
      await setTimeout(lab.random.integer(3));
    };
    const options = { journal, work, retry: { max: 0 } };
    const first = await store.consume(notes(options), brisk);
    await first.caughtUp();
    await first.stop();
    fault.isMended = true;
    await store.parked.replay(owner);
    while (journal.entries.length < 72) {
      const member = await store.consume(notes(options), brisk);
      const caughtUp = begun(member.caughtUp());
      await setTimeout(lab.random.integer(30));
      for (const name of cases.names) if (lab.random.once(4)) await cases.add(name);
      await member.stop();
      await caughtUp.catch(() => undefined);
      const { partitions } = await store.consumers.status("notes");
      assert.ok(partitions.every((partition) => partition.owner === undefined));
    }
    await using last = await store.consume(notes(options), brisk);
    await noneParked(store);
    await last.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "what waits behind a replay that ends with its member is left to the next one": async ({ join }) => {
    const [store, journal, fault] = [await join(), new Journal(), { isMended: false }];
    const [begunAt, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const cases = new Cases(store, 1);
    await cases.add("case-0");
    const work = async (): Promise<void> => {
      if (!fault.isMended) throw new Error("not now");
      begunAt.resolve();
      await goOn.promise;
    };
    const consumer = notes({ journal, work, retry: { max: 0 }, partitions: 1 });
    const first = await store.consume(consumer, { ...brisk, checkpointMs: 300 });
    await first.caughtUp();
    fault.isMended = true;
    await store.parked.replay(owner);
    await begunAt.promise;
    await cases.add("case-0", 2);
    // So that it is read.
    await setTimeout(100);
    const stopping = first.stop();
    goOn.resolve();
    await stopping;
    assert.deepEqual(journal.byKey().get("case-0"), [0]);
    await using last = await store.consume(consumer, brisk);
    await last.caughtUp();
    await noneParked(store);
    journal.hasEachOnce(cases.counts);
  },

  "a replay asked for while the store fails is not forgotten": async ({ join }) => {
    const trouble = { isThere: false, calls: 0 };
    const [store, admin] = [await join({ around: (bare) => failing(bare, trouble) }), await join()];
    const { journal, cases, fault, member } = await allParked(store);
    fault.failing.clear();
    trouble.isThere = true;
    await admin.parked.replay(owner);
    await eventually(() => assert.ok(trouble.calls >= 2));
    trouble.isThere = false;
    await noneParked(admin);
    journal.hasEachOnce(cases.counts);
    await member.stop();
  },

  "a discarded event is never delivered, and what it held back goes on": async ({ join }) => {
    const store = await join();
    const { journal, cases, member } = await allParked(store);
    const [first] = await parkedEvents(store);
    const { key, position } = first!;
    assert.deepEqual(await store.parked.discard({ ...owner, key, position }), { events: 1 });
    await eventually(async () => assert.equal(await store.parked.count(owner), 6));
    await cases.add(key);
    await member.caughtUp();
    await eventually(() => assert.deepEqual([...journal.byKey()], [[key, [1, 2, 3]]]));
    await member.stop();
  },

  "a key or all can be discarded": async ({ join }) => {
    const store = await join();
    const { journal, cases, fault, member } = await allParked(store);
    assert.deepEqual(await store.parked.discard({ ...owner, key: "case-1" }), { events: 3 });
    await eventually(async () => assert.equal(await store.parked.count(owner), 6));
    assert.deepEqual(await store.parked.discard(owner), { events: 6 });
    await noneParked(store);
    fault.failing.clear();
    for (const name of cases.names) await cases.add(name);
    await member.caughtUp();
    await eventually(() =>
      assert.deepEqual(
        journal.entries.map((entry) => entry.n),
        [3, 3, 3],
      ),
    );
    await member.stop();
  },

  "the list can be narrowed and cut short": async ({ join }) => {
    const store = await join();
    const { member } = await allParked(store);
    const list = async (selection: Parameters<typeof store.parked.list>[0]): Promise<string[]> => {
      const found = [];
      for await (const { key, revision } of store.parked.list(selection)) found.push(`${key}/${revision}`);
      return found;
    };
    assert.equal((await list({})).length, 9);
    assert.deepEqual(await list({ ...owner, limit: 4 }), ["case-0/0", "case-0/1", "case-0/2", "case-1/0"]);
    assert.deepEqual(await list({ ...owner, key: "case-2" }), ["case-2/0", "case-2/1", "case-2/2"]);
    assert.deepEqual(await list({ kind: "projection" }), []);
    assert.deepEqual([await store.parked.count(), await store.parked.count({ kind: "projection" })], [9, 0]);
    await member.stop();
  },

  "nothing to replay or to discard is an error": async ({ join }) => {
    const store = await join();
    const { member } = await allParked(store);
    for (const selection of [
      { ...owner, name: "notices" },
      { ...owner, key: "case-7" },
      { ...owner, key: "case-1", position: 1_000 },
      { kind: "projection", name: "notes" } as const,
    ]) {
      await refuses("PARKED_UNKNOWN", () => store.parked.replay(selection));
      await refuses("PARKED_UNKNOWN", () => store.parked.discard(selection));
    }
    assert.equal(await store.parked.count(), 9);
    await member.stop();
  },
};
