import assert from "node:assert/strict";
import { isHithertoError } from "../../../core/errors.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { PartitionRecord } from "../../../runtime/records.ts";
import type { WorkState } from "../../../runtime/work-status.ts";
import { damagedLog } from "../work/odd-stores.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes } from "./cases.ts";

async function stateOf({ consumers }: Hitherto): Promise<[WorkState, string | undefined]> {
  const { state, error } = await consumers.status("notes");
  return [state, error?.code];
}

/** Checkpoints that can not be right, and a log that can not be read. */
export const damageTests: WorkTopic = {
  "a partition whose record is gone is damage, and nobody waits for it in silence": async (lab) => {
    const errors: unknown[] = [];
    const store = await lab.join({ onError: ({ error }) => void errors.push(error) });
    const cases = new Cases(store);
    await cases.add("case-1", 3);
    await using first = await store.consume(notes({ partitions: 2 }), brisk);
    await first.caughtUp();
    await first.stop();
    const [partition] = await store.readSide.listRecords("partitions");
    await store.readSide.commit({ remove: [{ space: "partitions", key: partition!.key }] });
    const { problems } = await store.verify();
    assert.deepEqual(
      problems.map(({ message }) => message),
      ['the number of partitions of the consumer "notes" is 2, but the records are of 1'],
    );
    await using second = await store.consume(notes({ partitions: 2 }), brisk);
    await cases.add("case-1");
    await eventually(() => assert.ok(errors.some((error) => isHithertoError(error, "STORE_DAMAGED"))));
    const { key, value } = partition!;
    await store.readSide.commit({ put: [{ space: "partitions", key, value }] });
    await second.caughtUp();
    assert.equal((await store.verify()).isSound, true);
    await second.stop();
  },

  "a checkpoint beyond the end of the log is damage, and passes over no event": async (lab) => {
    const errors: unknown[] = [];
    const store = await lab.join({ onError: ({ error }) => void errors.push(error) });
    const cases = new Cases(store);
    await cases.add("case-1", 3);
    const consumer = notes({ partitions: 1 });
    await using first = await store.consume(consumer, brisk);
    await first.caughtUp();
    await first.stop();
    const [partition] = await store.readSide.listRecords("partitions");
    const value = { ...(partition!.value as object), position: 1_000_000 };
    await store.readSide.commit({ put: [{ space: "partitions", key: partition!.key, value }] });
    const { problems } = await store.verify();
    assert.deepEqual(
      problems.map(({ kind }) => kind),
      ["position"],
    );
    const journal = new Journal();
    await using second = await store.consume(notes({ partitions: 1, journal }), brisk);
    await cases.add("case-1");
    await eventually(() => assert.ok(errors.some((error) => isHithertoError(error, "STORE_DAMAGED"))));
    await eventually(async () => assert.deepEqual(await stateOf(store), ["retrying", "STORE_DAMAGED"]));
    assert.deepEqual(journal.entries, []);
    await store.readSide.commit({ put: [{ ...partition!, value: partition!.value }] });
    await eventually(() => assert.deepEqual(journal.byKey(), new Map([["case-1", [3]]])));
    await eventually(async () => assert.deepEqual(await stateOf(store), ["live", undefined]));
    // A place in the log is the remedy where the right one is not known; what a member tries again does not hold it up.
    await second.stop();
    await store.readSide.commit({ put: [{ space: "partitions", key: partition!.key, value }] });
    await using third = await store.consume(notes({ partitions: 1, journal }), brisk);
    await eventually(async () => assert.deepEqual(await stateOf(store), ["retrying", "STORE_DAMAGED"]));
    const began = performance.now();
    await store.consumers.reset("notes", 3);
    assert.ok(performance.now() - began < 10_000, "the reset did not wait until it could wait no longer");
    await eventually(() => assert.deepEqual(journal.byKey(), new Map([["case-1", [3, 3]]])));
    await third.stop();
    const [left] = await store.readSide.listRecords("partitions");
    assert.equal((left!.value as PartitionRecord).holder, undefined);
  },

  "a consumer that cannot read the log says so in its status, from any process": async (lab) => {
    const damage = { isThere: false };
    const store = await lab.join({ around: (opened) => damagedLog(opened, damage) });
    const other = await lab.join();
    const cases = new Cases(store);
    const journal = new Journal();
    await using member = await store.consume(notes({ partitions: 2, journal }), brisk);
    await cases.add("case-1", 3);
    await member.caughtUp();
    damage.isThere = true;
    await cases.add("case-1");
    await eventually(async () => assert.deepEqual(await stateOf(other), ["retrying", "STORE_DAMAGED"]));
    damage.isThere = false;
    await member.caughtUp();
    await eventually(async () => assert.deepEqual(await stateOf(other), ["live", undefined]));
    await member.stop();
  },
};
