/**
 * Everything that the owner of partitions writes. Each commit expects the records of the partitions it is about as this
 * owner wrote them last, so one that has been overtaken can write nothing: not a checkpoint, not a parked event.
 *
 * One commit is under way at a time, for each is built on the versions that the one before it made. When one is refused,
 * the error says which record was changed:
 * - a partition's: another member owns it now. The partition is lost, and the rest of the commit is made without it.
 * - a parked key's: somebody asked for a replay, or discarded. The key is looked at again, and the commit made anew.
 */
import { performance } from "node:perf_hooks";
import { isHithertoError } from "../../core/errors.ts";
import type { ReadSide, ReadSideCommit, RecordRef, StoredRecord } from "../../store/read-side.ts";
import { listParkedOfKey, parkedKeyRef, parkedRef } from "../parked/parked-records.ts";
import type { ParkedScope, StoredParked } from "../parked/parked-records.ts";
import type { ParkedKeyRecord, ParkedRecord, PartitionRecord } from "../records.ts";
import type { WorkProgress } from "../work-status.ts";
import { inboxRef, partitionRef } from "./inbox.ts";
import { OwnedPartition } from "./owned-partition.ts";
import type { Draft, Lane } from "./owned-partition.ts";

/** What writing needs, and whom it tells. */
export interface PartitionWriterOptions {
  readonly readSide: ReadSide;
  readonly consumer: string;
  /** Id of the member. */
  readonly member: string;
  readonly progressOf: (partition: OwnedPartition) => WorkProgress;
  /** Another member owns it. */
  readonly onLost: (partition: OwnedPartition) => void;
  /** A parked key is not as it was believed to be; undefined: it has no record any more. */
  readonly onKeyChanged: (lane: Lane, stored: StoredRecord | undefined) => void;
  /** So many more events are to be parked. @throws `PARKED_FULL` */
  readonly requireRoom: (count: number) => Promise<void>;
}

/** The changes of a commit, while they are gathered. */
interface Changes {
  readonly expect: NonNullable<ReadSideCommit["expect"]>[number][];
  readonly put: NonNullable<ReadSideCommit["put"]>[number][];
  readonly remove: RecordRef[];
}

/** Writes; see the module's header. */
export class PartitionWriter {
  readonly #options: PartitionWriterOptions;
  readonly #scope: ParkedScope;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: PartitionWriterOptions) {
    this.#options = options;
    this.#scope = { kind: "consumer", name: options.consumer };
  }

  /** Puts this member into the record of a partition; undefined when another one was faster. */
  async claim(number: number, stored: StoredRecord): Promise<OwnedPartition | undefined> {
    const { consumer, member, readSide } = this.#options;
    const record = stored.value as PartitionRecord;
    const ref = partitionRef(consumer, number);
    const value = { ...record, holder: member };
    try {
      const { version } = await readSide.commit(
        { expect: [{ ...ref, version: stored.version }], put: [{ ...ref, value }] },
        { isDurable: false },
      );
      return new OwnedPartition(number, version, record.position);
    } catch (error) {
      if (isHithertoError(error, "RECORD_CONFLICT")) return undefined;
      throw error;
    }
  }

  /** Writes how far partitions are, and parks what is to be parked up to there. Released ones have no holder then. */
  checkpoint(partitions: readonly OwnedPartition[], isRelease: boolean = false): Promise<void> {
    return this.#serially(() => this.#checkpoint(partitions, isRelease));
  }

  /**
   * Writes what came of the replay of a parked event: it is gone, or parked again, which blocks its key. Says whether
   * the key is free then.
   */
  settleReplay(lane: Lane, parked: StoredParked, failed: ParkedRecord | undefined): Promise<boolean> {
    return this.#serially(() => this.#settleReplay(lane, parked, failed));
  }

  /** Frees a key of which nothing is parked any more. */
  freeKey(lane: Lane): Promise<boolean> {
    return this.#serially(() => this.#freeKey(lane));
  }

  /** Runs a task when nothing else is being written. */
  serially<Result>(task: () => Promise<Result>): Promise<Result> {
    return this.#serially(task);
  }

  #serially<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #checkpoint(partitions: readonly OwnedPartition[], isRelease: boolean): Promise<void> {
    for (;;) {
      const ours = partitions.filter(({ isOurs }) => isOurs);
      if (ours.length === 0) return;
      const marks = ours.map((partition) => ({ partition, to: partition.lowWaterMark }));
      const drafts = marks.flatMap(({ partition, to }) => draftsUpTo(partition, to));
      if (drafts.length > 0) await this.#options.requireRoom(drafts.length);
      const changes = this.#checkpointChanges(marks, drafts, isRelease);
      const version = await this.#commit(
        changes,
        ours,
        drafts.map(({ lane }) => lane),
      );
      if (version === undefined) continue;
      this.#noteCheckpoint(marks, drafts, version);
      // At once, so that nothing that waits to be written puts this member back into the record.
      if (isRelease) for (const partition of ours) if (partition.isOurs) partition.phase = "released";
      return;
    }
  }

  #checkpointChanges(
    marks: ReadonlyArray<{ readonly partition: OwnedPartition; readonly to: number }>,
    drafts: readonly Draft[],
    isRelease: boolean,
  ): Changes {
    const changes: Changes = { expect: [], put: [], remove: [] };
    const holder = isRelease ? undefined : this.#options.member;
    for (const { partition, to } of marks) {
      this.#putPartition(changes, partition, to, holder);
      for (const position of partition.inbox) {
        if (position > to || partition.drafts.has(position)) continue;
        changes.remove.push(inboxRef(this.#options.consumer, position));
      }
    }
    for (const { lane, event, record } of drafts) {
      changes.put.push({ ...parkedRef(this.#scope, lane.key, event.position), value: record });
    }
    for (const lane of new Set(drafts.map((draft) => draft.lane))) {
      this.#putKey(changes, lane, lane.stored?.record ?? { key: lane.key, state: "blocked" });
    }
    return changes;
  }

  #noteCheckpoint(
    marks: ReadonlyArray<{ readonly partition: OwnedPartition; readonly to: number }>,
    drafts: readonly Draft[],
    version: number,
  ): void {
    for (const { lane, event } of drafts) {
      lane.partition.drafts.delete(event.position);
      lane.partition.inbox.delete(event.position);
      lane.stored = { version, record: lane.stored?.record ?? { key: lane.key, state: "blocked" } };
    }
    for (const { partition, to } of marks) {
      partition.version = version;
      partition.position = to;
      for (const position of partition.inbox) if (position <= to) partition.inbox.delete(position);
    }
  }

  /** What has been delivered is not to be delivered again, so it is tried until it is written or no longer wanted. */
  async #settleReplay(lane: Lane, parked: StoredParked, failed: ParkedRecord | undefined): Promise<boolean> {
    const { readSide } = this.#options;
    const { partition } = lane;
    const ref = parkedRef(this.#scope, lane.key, parked.position);
    for (;;) {
      const { stored } = lane;
      if (stored === undefined || !partition.isOurs) return false;
      // Somebody may have discarded it meanwhile.
      if ((await readSide.findRecord(ref)) === undefined) return false;
      const after = { after: parked.position, limit: 1 };
      const rest = await listParkedOfKey(readSide, this.#scope, lane.key, after);
      const isFree = failed === undefined && rest.length === 0;
      const record: ParkedKeyRecord =
        failed === undefined ? stored.record : { key: lane.key, state: "blocked" };
      const changes = this.#replayChanges(lane, parked, failed);
      if (isFree) this.#removeKey(changes, lane);
      else this.#putKey(changes, lane, record);
      const version = await this.#commit(changes, [partition], [lane]);
      if (version === undefined) continue;
      partition.version = version;
      lane.stored = { version, record };
      lane.keyState = record.state;
      return isFree;
    }
  }

  #replayChanges(lane: Lane, { position }: StoredParked, failed: ParkedRecord | undefined): Changes {
    const { consumer, member } = this.#options;
    const changes: Changes = { expect: [], put: [], remove: [] };
    this.#putPartition(changes, lane.partition, lane.partition.position, member);
    const ref = parkedRef(this.#scope, lane.key, position);
    if (failed === undefined) changes.remove.push(ref, inboxRef(consumer, position));
    else changes.put.push({ ...ref, value: failed });
    return changes;
  }

  async #freeKey(lane: Lane): Promise<boolean> {
    const { partition } = lane;
    if (lane.stored === undefined || !partition.isOurs) return false;
    const changes: Changes = { expect: [], put: [], remove: [] };
    this.#putPartition(changes, partition, partition.position, this.#options.member);
    this.#removeKey(changes, lane);
    const version = await this.#commit(changes, [partition], [lane]);
    if (version === undefined) return false;
    partition.version = version;
    return true;
  }

  #putPartition(
    changes: Changes,
    partition: OwnedPartition,
    position: number,
    holder: string | undefined,
  ): void {
    const ref = partitionRef(this.#options.consumer, partition.number);
    const progress = this.#options.progressOf(partition);
    partition.noted = { progress, atMs: performance.now(), done: partition.done };
    const value: PartitionRecord = { holder, position, progress };
    changes.expect.push({ ...ref, version: partition.version });
    changes.put.push({ ...ref, value });
  }

  #putKey(changes: Changes, lane: Lane, value: ParkedKeyRecord): void {
    const ref = parkedKeyRef(this.#scope, lane.key);
    changes.expect.push({ ...ref, version: lane.stored?.version ?? 0 });
    changes.put.push({ ...ref, value });
  }

  #removeKey(changes: Changes, lane: Lane): void {
    const ref = parkedKeyRef(this.#scope, lane.key);
    changes.expect.push({ ...ref, version: lane.stored?.version ?? 0 });
    changes.remove.push(ref);
  }

  /** The new version; undefined when something was not as expected, which has been seen to then. */
  async #commit(
    changes: Changes,
    partitions: readonly OwnedPartition[],
    lanes: readonly Lane[],
  ): Promise<number | undefined> {
    try {
      return (await this.#options.readSide.commit(changes, { isDurable: false })).version;
    } catch (error) {
      if (!isHithertoError(error, "RECORD_CONFLICT")) throw error;
      const { space, key } = error.details;
      const isIt = (ref: RecordRef): boolean => ref.space === space && ref.key === key;
      const { consumer } = this.#options;
      const lost = partitions.find(({ number }) => isIt(partitionRef(consumer, number)));
      if (lost !== undefined) this.#options.onLost(lost);
      const lane = lanes.find((one) => isIt(parkedKeyRef(this.#scope, one.key)));
      if (lane !== undefined) await this.#lookAgain(lane);
      if (lost === undefined && lane === undefined) throw error;
      return undefined;
    }
  }

  async #lookAgain(lane: Lane): Promise<void> {
    const stored = await this.#options.readSide.findRecord(parkedKeyRef(this.#scope, lane.key));
    this.#options.onKeyChanged(lane, stored);
  }
}

function draftsUpTo(partition: OwnedPartition, to: number): Draft[] {
  return [...partition.drafts.values()].filter(({ event }) => event.position <= to);
}
