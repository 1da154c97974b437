/**
 * A consumer's records: made when it is first taken part in, and changed when somebody asks for it.
 *
 * A change that concerns all partitions (another number of them, another place) takes two steps, so that no delivery is
 * under way when it takes place. First it is **asked** for, in the consumer's record: members give their partitions back
 * when they see it. Then, when no partition has a holder that is alive, whoever notices first, a member or the one who
 * asked, **carries it out** in one commit, which expects all partitions as they were seen, and raises the epoch. Should a
 * holder not give back in time, the change is carried out nevertheless: its later commits are refused. Of several changes
 * that are asked for at once, one waits for the other.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { ReadSide, ReadSideCommit, StoredRecord } from "../../store/read-side.ts";
import { listParkedKeys, parkedKeyRef, scopeKey, toStoredParked } from "../parked/parked-records.ts";
import { ownerKey, recordKey, recordKeyParts, spaces } from "../records.ts";
import type { ConsumerRecord, PartitionRecord } from "../records.ts";
import { unlessDamaged } from "../unless-damaged.ts";
import type { WorkProgress } from "../work-status.ts";
import type { Consumer } from "./consumer.ts";
import { inboxRef, partitionRef } from "./inbox.ts";
import { dealOut } from "./layouts.ts";

/** A consumer's record as it is stored. */
export interface StoredConsumer {
  readonly name: string;
  readonly version: number;
  readonly record: ConsumerRecord;
}

/** A partition's record as it is stored. */
export interface StoredPartition {
  readonly partition: number;
  readonly version: number;
  readonly record: PartitionRecord;
  readonly stored: StoredRecord;
}

/** Where in the log something begins. */
export type Place = "start" | "end" | number | Date;

/** A consumer's record; undefined if the store does not know it. */
export async function findConsumer(readSide: ReadSide, name: string): Promise<StoredConsumer | undefined> {
  const stored = await readSide.findRecord({ space: spaces.consumers, key: name });
  if (stored === undefined) return undefined;
  return { name, version: stored.version, record: stored.value as ConsumerRecord };
}

/** The records of all partitions, in order. */
export async function listPartitions(readSide: ReadSide, name: string): Promise<readonly StoredPartition[]> {
  const records = await readSide.listRecords(spaces.partitions, { prefix: recordKey(name) });
  return records.map((stored) => ({
    partition: Number(recordKeyParts(stored.key)[1]),
    version: stored.version,
    record: stored.value as PartitionRecord,
    stored,
  }));
}

/** Says what is wrong when a consumer has another number of partitions than there are records of them. */
export function partitionsProblem(name: string, record: ConsumerRecord, found: number): string | undefined {
  if (found === record.partitions) return undefined;
  return `the number of partitions of the consumer "${name}" is ${record.partitions}, but the records are of ${found}`;
}

/** The consumer's record; made, with its partitions, if there is none. */
export async function ensureConsumer(
  store: EventStore,
  consumer: Consumer,
  lagAlertMs: number | undefined,
): Promise<StoredConsumer> {
  const { name, partitions } = consumer;
  for (;;) {
    const known = await findConsumer(store.readSide, name);
    if (known !== undefined) return known;
    const position = await placeOf(store, consumer.from);
    requireReached("from", position, await store.head());
    const record: ConsumerRecord = {
      wanted: "running",
      resumed: 0,
      partitions,
      before: [],
      epoch: 1,
      lagAlertMs,
    };
    // Whether this one makes it or another was faster: then there is one.
    await tryCommit(store.readSide, {
      expect: [{ space: spaces.consumers, key: name, version: 0 }],
      put: [
        { space: spaces.consumers, key: name, value: record },
        ...Array.from({ length: partitions }, (_, partition) => freshPartition(name, partition, position)),
      ],
    });
  }
}

/** The position after which to begin. */
export async function placeOf(store: EventStore, place: Place): Promise<number> {
  if (place === "start") return 0;
  if (typeof place === "number") return place;
  // Asked for before the search, so that what is appended meanwhile is not passed over.
  const head = await store.head();
  if (place === "end") return head;
  const [first] = await store.read({ since: place, to: head, limit: 1 }).toArray();
  return first === undefined ? head : first.position - 1;
}

/** A place beyond the log would let events pass by that are not there yet. @throws `ARGUMENT_INVALID` */
export function requireReached(argument: string, place: number, head: number): void {
  if (place <= head) return;
  const problem = `position ${place} lies beyond the end of the log, which is at ${head}`;
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}

/** Replaces the consumer's record by what `change` makes of it; undefined leaves it. @throws `CONSUMER_UNKNOWN` */
export async function changeConsumer(
  readSide: ReadSide,
  name: string,
  change: (record: ConsumerRecord) => ConsumerRecord | undefined,
): Promise<void> {
  for (;;) {
    const known = await findConsumer(readSide, name);
    if (known === undefined) throw await unknownConsumer(readSide, name);
    const value = change(known.record);
    if (value === undefined) return;
    const ref = { space: spaces.consumers, key: name };
    const expect = [{ ...ref, version: known.version }];
    if (await tryCommit(readSide, { expect, put: [{ ...ref, value }] })) return;
  }
}

/**
 * Carries out what was asked for, expecting the partitions as they are given. Says whether it is done; if not, something
 * was changed meanwhile.
 */
export async function carryOut(
  readSide: ReadSide,
  consumer: StoredConsumer,
  partitions: readonly StoredPartition[],
): Promise<boolean> {
  const { asked } = consumer.record;
  if (asked === undefined) return true;
  const changes =
    "partitions" in asked
      ? repartition(consumer, partitions, asked.partitions)
      : await replace(readSide, consumer, asked.to);
  const expect = [
    { space: spaces.consumers, key: consumer.name, version: consumer.version },
    ...partitions.map(({ partition, version }) => ({ ...partitionRef(consumer.name, partition), version })),
    ...(changes.expect ?? []),
  ];
  return tryCommit(readSide, { ...changes, expect });
}

/**
 * Forgets a consumer, with its place and what is parked. Nothing of that is read, save whether there is such a consumer,
 * so damaged records go too. @throws `CONSUMER_UNKNOWN`
 */
export async function removeConsumer(readSide: ReadSide, name: string): Promise<void> {
  const known = await unlessDamaged(() => findConsumer(readSide, name));
  if (known === undefined) throw await unknownConsumer(readSide, name);
  const owner = ownerKey({ kind: "consumer", name });
  await readSide.commit({
    remove: [{ space: spaces.consumers, key: name }],
    removeAll: [
      { space: spaces.partitions, prefix: recordKey(name) },
      { space: spaces.parked, prefix: owner },
      { space: spaces.parkedKeys, prefix: owner },
      { space: spaces.inbox, prefix: recordKey(name) },
    ],
  });
}

/** The error for a name that the store does not know. */
export async function unknownConsumer(readSide: ReadSide, name: string): Promise<HithertoError> {
  const known = (await readSide.listRecords(spaces.consumers)).map(({ key }) => key);
  return new HithertoError("CONSUMER_UNKNOWN", { consumer: name, known });
}

/** Makes a commit; false when something was not as expected. */
export async function tryCommit(readSide: ReadSide, changes: ReadSideCommit): Promise<boolean> {
  try {
    await readSide.commit(changes);
    return true;
  } catch (error) {
    if (isHithertoError(error, "RECORD_CONFLICT")) return false;
    throw error;
  }
}

const noProgress: WorkProgress = { state: "catching-up", error: undefined, ratePerSecond: 0 };

type Put = NonNullable<ReadSideCommit["put"]>[number];

function freshPartition(name: string, partition: number, position: number): Put {
  const value: PartitionRecord = { holder: undefined, position, progress: noProgress };
  return { ...partitionRef(name, partition), value };
}

function repartition(
  consumer: StoredConsumer,
  partitions: readonly StoredPartition[],
  count: number,
): ReadSideCommit {
  const { name } = consumer;
  const positions = partitions.map(({ record }) => record.position);
  const { record, position } = dealOut({ ...consumer.record, asked: undefined }, positions, count);
  return {
    put: [
      { space: spaces.consumers, key: name, value: record },
      ...Array.from({ length: count }, (_, partition) => freshPartition(name, partition, position)),
    ],
    remove: partitions.slice(count).map(({ partition }) => partitionRef(name, partition)),
  };
}

/** Another place for all partitions. What is parked after it will be delivered again, so it is forgotten. */
async function replace(
  readSide: ReadSide,
  { name, record }: StoredConsumer,
  to: number,
): Promise<ReadSideCommit> {
  const value: ConsumerRecord = {
    ...record,
    asked: undefined,
    halted: undefined,
    before: [],
    epoch: record.epoch + 1,
  };
  const count = record.partitions;
  const inbox = await readSide.listRecords(spaces.inbox, {
    prefix: recordKey(name),
    after: recordKey(name, to),
  });
  const parked = await forgetParked(readSide, name, to);
  return {
    expect: parked.expect,
    put: [
      { space: spaces.consumers, key: name, value },
      ...Array.from({ length: count }, (_, partition) => freshPartition(name, partition, to)),
    ],
    remove: [...parked.remove, ...inbox.map(({ key }) => inboxRef(name, Number(recordKeyParts(key)[1])))],
  };
}

async function forgetParked(
  readSide: ReadSide,
  name: string,
  after: number,
): Promise<{
  readonly expect: NonNullable<ReadSideCommit["expect"]>;
  readonly remove: NonNullable<ReadSideCommit["remove"]>;
}> {
  const scope = { kind: "consumer", name } as const;
  const keys = await listParkedKeys(readSide, scope);
  const records = await readSide.listRecords(spaces.parked, { prefix: scopeKey(scope) });
  const kept = new Set<string>();
  const remove: Array<{ space: string; key: string }> = [];
  for (const stored of records) {
    const { key, position } = toStoredParked(stored);
    if (position > after) remove.push({ space: spaces.parked, key: stored.key });
    else kept.add(key);
  }
  for (const { record } of keys) if (!kept.has(record.key)) remove.push(parkedKeyRef(scope, record.key));
  const expect = keys.map(({ record, version }) => ({ ...parkedKeyRef(scope, record.key), version }));
  return { expect, remove };
}
