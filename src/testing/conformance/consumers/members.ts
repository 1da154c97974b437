import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { HithertoError } from "../../../core/errors.ts";
import type { ConsumeOptions, ConsumerMember } from "../../../runtime/consumers/consumer.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { EventStore } from "../../../store/event-store.ts";
import type { ReadSide } from "../../../store/read-side.ts";
import { refuses, upTo } from "../helpers.ts";
import { withReadSide } from "../work/odd-stores.ts";
import { begun, during, eventually } from "../work/work-kit.ts";
import type { Handle, WorkLab, WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, unhurried } from "./cases.ts";

interface Joined extends Handle {
  readonly member: ConsumerMember;
}

/** One more member, in a handle of its own. */
async function joinNotes(lab: WorkLab, journal: Journal, options: ConsumeOptions = {}): Promise<Joined> {
  const handle = await lab.handle();
  const consumer = notes({ journal, handle, work: unhurried(lab.random) });
  return { ...handle, member: await handle.store.consume(consumer, { ...brisk, ...options }) };
}

/** Expects members to own all partitions between them, none twice, as evenly as can be. */
function areEven(members: readonly Joined[], count = 8): void {
  const owned = members.flatMap(({ member }) => [...member.partitions]);
  assert.deepEqual(
    owned.sort((a, b) => a - b),
    upTo(count),
  );
  const sizes = members.map(({ member }) => member.partitions.length);
  assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `shares of ${sizes.join(", ")}`);
}

/** Reads the positions of all partitions: none may go back. */
function positionWatch(store: Hitherto): () => Promise<void> {
  const highest = new Map<number, number>();
  return async () => {
    const { partitions } = await store.consumers.status("notes");
    for (const { partition, position } of partitions) {
      const before = highest.get(partition) ?? 0;
      assert.ok(position >= before, `partition ${partition} went back from ${before} to ${position}`);
      highest.set(partition, position);
    }
  };
}

/** A store that refuses so many commits by which partitions are given back. */
function releasingLate(store: EventStore, trouble: { left: number }): EventStore {
  const commit: ReadSide["commit"] = async (changes, options) => {
    const isRelease = changes.put?.some(
      ({ space, value }) => space === "partitions" && (value as { holder?: string }).holder === undefined,
    );
    if (isRelease !== true || trouble.left === 0 || changes.expect?.[0]?.version === 0) {
      return store.readSide.commit(changes, options);
    }
    trouble.left--;
    throw new HithertoError("STORE_BUSY", { store: store.url, waitedMs: 0 });
  };
  return withReadSide(store, { commit });
}

/** Several members share a consumer. */
export const memberTests: WorkTopic = {
  "members share the partitions evenly, whoever comes and goes": async (lab) => {
    const journal = new Journal();
    const members = [await joinNotes(lab, journal)];
    await eventually(() => areEven(members));
    members.push(await joinNotes(lab, journal), await joinNotes(lab, journal));
    await eventually(() => areEven(members));
    const [gone] = members.splice(0, 1);
    await gone!.member.stop();
    assert.deepEqual(gone!.member.partitions, []);
    await eventually(() => areEven(members));
    const { partitions, members: labels } = await members[0]!.store.consumers.status("notes");
    assert.deepEqual([partitions.length, labels.length], [8, 2]);
  },

  "members that come and go under load lose nothing, repeat nothing and keep the order": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const members = [await joinNotes(lab, journal)];
    for (const _ of upTo(5)) {
      const adding = begun(cases.addRandom(lab.random, 100));
      if (members.length < 3) members.push(await joinNotes(lab, journal));
      else await members.splice(lab.random.integer(3), 1)[0]!.member.stop();
      await setTimeout(lab.random.integer(60));
      await adding;
    }
    await members[0]!.member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.equal(journal.atOnceOfOneKeyMax, 1);
  },

  "what a member leaves behind when it dies, others take over": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const [dead, other] = [await joinNotes(lab, journal), await joinNotes(lab, journal)];
    await eventually(() => areEven([dead, other]));
    const adding = begun(cases.addRandom(lab.random, 150));
    await setTimeout(20);
    dead.stall();
    await adding;
    await other.member.caughtUp();
    await eventually(() =>
      assert.deepEqual(
        [...other.member.partitions].sort((a, b) => a - b),
        upTo(8),
      ),
    );
    journal.hasAllInOrder(cases.counts);
  },

  // Traps 6 and 8.
  "a member that stood still is overtaken and, once it wakes up, moves nothing": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const [frozen, other] = [await joinNotes(lab, journal), await joinNotes(lab, journal)];
    const look = positionWatch(writer);
    for (const _ of upTo(3)) {
      await eventually(() => areEven([frozen, other]));
      const adding = begun(cases.addRandom(lab.random, 80));
      frozen.stall();
      await adding;
      await during(other.member.caughtUp(), look);
      journal.hasAllInOrder(cases.counts);
      frozen.wake();
      await during(cases.addRandom(lab.random, 80), look);
      await during(other.member.caughtUp(), look);
      journal.hasAllInOrder(cases.counts);
    }
    assert.equal(await writer.parked.count(), 0);
  },

  "whoever dies, whenever it does, all is delivered, in order within each key": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const stays = await joinNotes(lab, journal, { leaseMs: 150 });
    const look = positionWatch(writer);
    for (const _ of upTo(6)) {
      const victim = await joinNotes(lab, journal, { leaseMs: 150 });
      const waiting = setTimeout(lab.random.integer(250));
      await during(Promise.all([cases.addRandom(lab.random, 60), waiting]), look);
      victim.stall();
    }
    await during(stays.member.caughtUp(), look);
    journal.hasAllInOrder(cases.counts);
  },

  "while a member stops, others take over all that it is done with": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const [isBusy, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const work = async (): Promise<void> => {
      isBusy.resolve();
      await goOn.promise;
    };
    const stops = await (await lab.join()).consume(notes({ journal, work }), brisk);
    await eventually(() => assert.equal(stops.partitions.length, 8));
    await cases.add("case-1");
    await isBusy.promise;
    const stopping = begun(stops.stop());
    const { member } = await joinNotes(lab, journal);
    await eventually(() => assert.equal(member.partitions.length, 7));
    goOn.resolve();
    await stopping;
    await cases.addRandom(lab.random, 50);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "a partition is given back also when the store fails at first": async ({ join }) => {
    const trouble = { left: 2 };
    const [journal, [one, other]] = [
      new Journal(),
      [await join({ around: (bare) => releasingLate(bare, trouble) }), await join()],
    ];
    const cases = new Cases(other);
    const first = await one.consume(notes({ journal, partitions: 1 }), brisk);
    await cases.add("case-1");
    await first.caughtUp();
    await using second = await other.consume(notes({ journal }), brisk);
    await first.stop();
    assert.equal(trouble.left, 0);
    await cases.add("case-1");
    await second.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "more members than partitions stand by": async (lab) => {
    const [writer, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(writer);
    const members: Joined[] = [];
    for (const _ of upTo(3)) {
      const handle = await lab.handle();
      const member = await handle.store.consume(notes({ journal, handle, partitions: 2 }), brisk);
      members.push({ ...handle, member });
    }
    await eventually(() => areEven(members, 2));
    await cases.addRandom(lab.random, 40);
    await members[2]!.member.caughtUp();
    journal.hasEachOnce(cases.counts);
    const standby = members.find(({ member }) => member.partitions.length === 0)!;
    const owner = members.find((one) => one !== standby)!;
    await owner.member.stop();
    await eventually(() => assert.equal(standby.member.partitions.length, 1));
  },

  "a handle takes part in a consumer once": async ({ join }) => {
    const store = await join();
    const member = await store.consume(notes(), brisk);
    const error = await refuses("DEFINITION_REPEATED", () => store.consume(notes(), brisk));
    assert.equal(error.details.name, "notes");
    await member.stop();
    await using _again = await store.consume(notes(), brisk);
  },

  "what is consumed is stopped when its handle is closed": async ({ join }) => {
    const [store, other, journal] = [await join(), await join(), new Journal()];
    const member = await store.consume(notes({ journal }), brisk);
    await store.close();
    await member.ended;
    await new Cases(other).add("case-1", 3);
    await setTimeout(50);
    assert.equal(journal.entries.length, 0);
    await refuses("STORE_CLOSED", () => store.consume(notes(), brisk));
  },
};
