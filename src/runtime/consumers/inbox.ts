/**
 * Remembers which events a consumer's `once` has run for, in the transaction of its effect. So an effect in the store
 * happens once, however often its event is delivered.
 *
 * The transaction also looks whether the partition still belongs to this member: one that has been overtaken, and does not
 * know it yet, has no effect. While the transaction holds the store's write lock, nobody can take the partition over.
 *
 * An entry goes with the checkpoint that passes its event, or, if the event is parked, with the end of its replay. One
 * that a crash has left behind is removed when the partition is claimed the next time.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { ReadSide, ReadSideTransaction, RecordRef } from "../../store/read-side.ts";
import { recordKey, spaces } from "../records.ts";
import type { InboxRecord, PartitionRecord } from "../records.ts";
import { workOf } from "../work.ts";
import type { InboxTransaction } from "./consumer.ts";
import type { OnceCall } from "./delivery.ts";

/** Whose inbox. */
export interface InboxOwner {
  readonly readSide: ReadSide;
  readonly consumer: string;
  /** Id of the member. */
  readonly member: string;
}

/** Names an entry. */
export function inboxRef(consumer: string, position: number): RecordRef {
  return { space: spaces.inbox, key: recordKey(consumer, position) };
}

/** Names a partition's record. */
export function partitionRef(consumer: string, partition: number): RecordRef {
  return { space: spaces.partitions, key: recordKey(consumer, partition) };
}

/** The error of whoever goes on with a partition that another member owns. */
export function ownershipLost(consumer: string, partition: number): HithertoError {
  return new HithertoError("OWNERSHIP_LOST", { work: partitionWork(consumer, partition) });
}

/** Whether an error is {@link ownershipLost} of this partition; a handler may throw that of something else. */
export function isOwnershipLost(error: unknown, consumer: string, partition: number): boolean {
  return (
    isHithertoError(error, "OWNERSHIP_LOST") && error.details.work === partitionWork(consumer, partition)
  );
}

/**
 * Runs the body of an `once`, unless it has run before; says whether it ran.
 *
 * @throws `OWNERSHIP_LOST`; what `check` and the body throw; what the store throws.
 */
export async function runOnce(owner: InboxOwner, call: OnceCall): Promise<boolean> {
  const { consumer, readSide } = owner;
  const { partition, event, key, check, body } = call;
  const entry = inboxRef(consumer, event.position);
  const hasRun = await readSide.transaction(async (transaction) => {
    check();
    await requireOwned(owner, partition.number, transaction);
    if ((await transaction.findRecord(entry)) !== undefined) return false;
    await transaction.commit({ put: [{ ...entry, value: { key } satisfies InboxRecord }] });
    await body(inboxTransaction(transaction));
    check();
    return true;
  });
  // One at or below the checkpoint is parked: the end of its replay removes the entry, not a checkpoint.
  if (event.position > partition.position) partition.inbox.add(event.position);
  return hasRun;
}

async function requireOwned(
  { consumer, member }: InboxOwner,
  partition: number,
  transaction: ReadSideTransaction,
): Promise<void> {
  const record = await transaction.findRecord(partitionRef(consumer, partition));
  if ((record?.value as PartitionRecord | undefined)?.holder === member) return;
  throw ownershipLost(consumer, partition);
}

function partitionWork(consumer: string, partition: number): string {
  return `partition ${partition} of ${workOf({ kind: "consumer", name: consumer })}`;
}

/** SQL is asked for when it is used: not every store has it. */
function inboxTransaction(transaction: ReadSideTransaction): InboxTransaction {
  return {
    append: (batch, options) => transaction.append(batch, options),
    run: async (sql, values) => transaction.sql().run(sql, values),
    get: async (sql, values) => transaction.sql().get(sql, values),
    all: async (sql, values) => transaction.sql().all(sql, values),
  };
}
