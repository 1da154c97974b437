/**
 * How consumers stand, from what is stored: no definition is needed, so any process can say it.
 */
import { HithertoError } from "../../core/errors.ts";
import type { StoredRecord } from "../../store/read-side.ts";
import type { Liveness } from "../member-watch.ts";
import { ownerKey, recordKey, recordKeyParts, spaces } from "../records.ts";
import type { ConsumerRecord, PartitionRecord } from "../records.ts";
import type { ConsumerStatus, PartitionStatus, WorkState } from "../work-status.ts";
import { workOf } from "../work.ts";
import type { Work } from "../work.ts";
import { lagAlertMsDefault, measureLag } from "./lag.ts";
import { currentWork, lastError, lookAround } from "./progress.ts";
import type { CurrentWork, Surroundings } from "./progress.ts";

/** All consumers that the store knows, by name. */
export async function listConsumerStatuses(work: Work): Promise<readonly ConsumerStatus[]> {
  const records = await work.readSide.listRecords(spaces.consumers);
  const surroundings = await lookAround(work);
  return Promise.all(records.map((record) => describe(work, record, surroundings)));
}

/** One consumer. @throws `CONSUMER_UNKNOWN` */
export async function findConsumerStatus(work: Work, name: string): Promise<ConsumerStatus> {
  const record = await work.readSide.findRecord({ space: spaces.consumers, key: name });
  if (record === undefined) {
    throw new HithertoError("CONSUMER_UNKNOWN", { consumer: name, known: await knownConsumers(work) });
  }
  return describe(work, record, await lookAround(work));
}

/** Names of all consumers that the store knows, in order. */
export async function knownConsumers({ readSide }: Work): Promise<readonly string[]> {
  return (await readSide.listRecords(spaces.consumers)).map(({ key }) => key);
}

interface Partition {
  readonly partition: number;
  readonly position: number;
  readonly current: CurrentWork;
}

async function describe(work: Work, stored: StoredRecord, around: Surroundings): Promise<ConsumerStatus> {
  const owner = { kind: "consumer", name: stored.key } as const;
  const record = stored.value as ConsumerRecord;
  const { members, head } = around;
  const partitions = await findPartitions(work, owner.name, record, members);
  const position = Math.min(...partitions.map((partition) => partition.position));
  const alertMs = record.lagAlertMs ?? lagAlertMsDefault;
  const reached = Number.isFinite(position) ? position : 0;
  const [lag, parked] = await Promise.all([
    measureLag(work.store, { position: reached, head, now: work.plan.clock(), alertMs }),
    work.readSide.countRecords(spaces.parked, ownerKey(owner)),
  ]);
  return {
    name: owner.name,
    state: stateOf(record, partitions),
    position: reached,
    lag,
    ratePerSecond: partitions.reduce((sum, { current }) => sum + current.ratePerSecond, 0),
    partitions: partitions.map(describePartition),
    members: members.participants(workOf(owner)).map((id) => members.labelOf(id)),
    error: record.halted ?? lastError(partitions.map(({ current }) => current.error)),
    parked,
  };
}

/** The partitions of today's way to deal out the keys; records of earlier ways may still be there. */
async function findPartitions(
  { readSide }: Work,
  name: string,
  consumer: ConsumerRecord,
  members: Liveness,
): Promise<Partition[]> {
  const records = await readSide.listRecords(spaces.partitions, { prefix: recordKey(name) });
  const partitions = records.map(({ key, value }): Partition => {
    const record = value as PartitionRecord;
    const current = currentWork(record, members, consumer.wanted);
    return { partition: Number(recordKeyParts(key)[1]), position: record.position, current };
  });
  return partitions.filter(({ partition }) => partition < consumer.partitions);
}

function describePartition({ partition, position, current }: Partition): PartitionStatus {
  return { partition, owner: current.owner, position, state: current.state };
}

/** A consumer that halted has no owner of anything any more, and says so itself. */
function stateOf({ wanted, halted }: ConsumerRecord, partitions: readonly Partition[]): WorkState {
  if (halted !== undefined) return "halted";
  return wanted === "paused" ? "paused" : worstState(partitions);
}

/** From the one that needs people most, to the one that needs them least. */
const byUrgency: readonly WorkState[] = ["halted", "retrying", "building", "catching-up", "live"];

/** A consumer is as badly off as its worst partition that somebody works on. */
function worstState(partitions: readonly Partition[]): WorkState {
  const states = new Set(partitions.map(({ current }) => current.state));
  return byUrgency.find((state) => states.has(state)) ?? "idle";
}
