import assert from "node:assert/strict";
import { isHithertoError } from "../../../core/errors.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes } from "./cases.ts";

/** Checkpoints that can not be right. */
export const damageTests: WorkTopic = {
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
    assert.deepEqual(journal.entries, []);
    await store.readSide.commit({ put: [{ ...partition!, value: partition!.value }] });
    await eventually(() => assert.deepEqual(journal.byKey(), new Map([["case-1", [3]]])));
    await second.stop();
  },
};
