import type { EventStore } from "hitherto/store";
import { openMemoryStore } from "hitherto/store";
import { expect, test } from "vitest";
import { partitionRef } from "../../../src/runtime/consumers/inbox.ts";
import type { OwnedPartition } from "../../../src/runtime/consumers/owned-partition.ts";
import { PartitionWriter } from "../../../src/runtime/consumers/partition-writer.ts";

const ref = partitionRef("mails", 0);
const progress = { state: "live", error: undefined, ratePerSecond: 0 } as const;

function writerOf({ readSide }: EventStore): PartitionWriter {
  return new PartitionWriter({
    readSide,
    consumer: "mails",
    member: "me",
    progressOf: () => progress,
    onLost: (partition) => (partition.phase = "lost"),
    onKeyChanged: () => undefined,
    requireRoom: async () => undefined,
  });
}

async function claimed(store: EventStore, writer: PartitionWriter): Promise<OwnedPartition> {
  await store.readSide.commit({ put: [{ ...ref, value: { holder: undefined, position: 0, progress } }] });
  const partition = await writer.claim(0, (await store.readSide.findRecord(ref))!);
  return partition!;
}

test("a partition that was given back is not written again, even by what waited for it", async () => {
  await using store = openMemoryStore();
  const writer = writerOf(store);
  const partition = await claimed(store, writer);
  partition.phase = "draining";
  const parked = { position: 1 } as never;
  const lane = partition.laneOf("1");
  lane.stored = { version: 1, record: { key: "1", state: "replaying" } };
  await Promise.all([
    writer.checkpoint([partition], true),
    writer.checkpoint([partition]),
    writer.settleReplay(lane, parked, undefined),
    writer.freeKey(lane),
  ]);
  expect((await store.readSide.findRecord(ref))?.value).not.toHaveProperty("holder", "me");
  expect(partition.phase).toBe("released");
});
