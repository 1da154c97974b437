/**
 * Which partitions this member owns. It looks at the records after each beat, and whenever something may have changed,
 * and does what follows from them; the states of a partition are in `owned-partition.ts`.
 *
 * - The consumer's record is gone: it was removed, and the member ends.
 * - Its epoch has risen: the partitions were dealt out or placed anew, and all that were owned are lost.
 * - It is paused, halted, or something was asked for: all partitions are given back. When none has a holder that is alive,
 *   what was asked for is carried out (`consumer-records.ts`).
 * - Otherwise the partitions are divided among those who take part, by their order: everybody knows everybody's share
 *   without a word. Who has less claims partitions that have no holder, or one that is not alive. Who has more gives some
 *   back. While members do not see the same others, some partition may be nobody's, or be wanted by two; one of them gets
 *   it, by compare-and-set.
 * - A partition whose record names somebody else is lost. That is only to notice it early: what counts is that commits
 *   are refused.
 *
 * Giving back lets what has begun come to its end, for `stopTimeoutMs` at most, writes the last checkpoint, and takes the
 * holder out of the record. Save for a halt, all events up to the last one begun are finished too, so
 * that whoever comes next repeats nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { endsHandle } from "../../store/ends-handle.ts";
import type { StoredRecord } from "../../store/read-side.ts";
import type { Member } from "../membership.ts";
import { listParkedKeys, parkedRef } from "../parked/parked-records.ts";
import { checkReached } from "../reached-position.ts";
import { recordKey, recordKeyParts, spaces } from "../records.ts";
import type { InboxRecord, ParkedKeyRecord, PartitionRecord } from "../records.ts";
import type { WorkError, WorkProgress } from "../work-status.ts";
import { workOf } from "../work.ts";
import type { Work } from "../work.ts";
import type { ConsumePlan } from "./consume-plan.ts";
import {
  carryOut,
  changeConsumer,
  findConsumer,
  listPartitions,
  partitionsProblem,
  tryCommit,
} from "./consumer-records.ts";
import type { StoredConsumer, StoredPartition } from "./consumer-records.ts";
import type { Consumer } from "./consumer.ts";
import type { Deliveries } from "./deliveries.ts";
import { inboxRef, ownershipLost, partitionRef } from "./inbox.ts";
import { hashKey, partitionOf } from "./key-hash.ts";
import { withoutPassed } from "./layouts.ts";
import type { Lane, OwnedPartition } from "./owned-partition.ts";
import type { PartitionWriter } from "./partition-writer.ts";
import type { Replays } from "./replays.ts";

/** What ownership needs, and whom it tells. */
export interface OwnershipOptions {
  readonly work: Work;
  readonly consumer: Consumer;
  readonly plan: ConsumePlan;
  readonly member: Member;
  readonly deliveries: Deliveries;
  readonly writer: PartitionWriter;
  readonly replays: Replays;
  /** The consumer as it is stored now. */
  readonly onSeen: (consumer: StoredConsumer) => void;
  /** There is no such consumer any more. */
  readonly onRemoved: () => void;
  /** Some partition came or went. */
  readonly onChange: () => void;
  readonly onError: (error: unknown) => void;
}

/** Looks after what is owned; see the module's header. */
export class Ownership {
  readonly owned: Map<number, OwnedPartition> = new Map();
  readonly #options: OwnershipOptions;
  readonly #leaving = new Map<OwnedPartition, Promise<void>>();
  /** Partitions that are being claimed, or could not be. */
  #claiming: readonly number[] = [];
  #seen: StoredConsumer | undefined;
  /** Whether parked keys may have been changed since they were looked at. */
  #areKeysDue = false;

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  get seen(): StoredConsumer | undefined {
    return this.#seen;
  }

  /** Looks, and does what follows. `isThorough`: also when the consumer's own record is as it was. */
  async look(isThorough: boolean): Promise<void> {
    const { work, consumer, onSeen, onRemoved } = this.#options;
    const stored = await findConsumer(work.readSide, consumer.name);
    if (stored === undefined) {
      this.loseAll();
      onRemoved();
      return;
    }
    const isNew = stored.version !== this.#seen?.version;
    if (this.#seen !== undefined && stored.record.epoch !== this.#seen.record.epoch) this.loseAll();
    this.#seen = stored;
    this.#areKeysDue ||= isNew;
    onSeen(stored);
    if (!isNew && !isThorough && this.owned.size >= this.#share(stored).size) return;
    await this.#follow(stored, await this.#listPartitions(stored));
    if (!this.#areKeysDue) return;
    await this.#lookAtKeys();
    this.#areKeysDue = false;
  }

  /** Gives everything back. */
  async giveBackAll(): Promise<void> {
    for (const partition of this.owned.values()) this.#giveBack(partition, partition.startedUpTo);
    await Promise.all(this.#leaving.values());
    if (this.#claiming.length === 0) return;
    try {
      await this.#letGo(await this.#listClaiming());
    } catch (error) {
      if (!endsHandle(error)) this.#options.onError(error);
    }
  }

  /**
   * Writes what is wrong with the store into the records of partitions that cannot be claimed, so that every process can
   * tell; those that are owned tell with the next checkpoint. What keeps it from being written, the next look meets too.
   */
  async noteFailed(error: WorkError): Promise<void> {
    const { work, member } = this.#options;
    if (this.#claiming.length === 0) return;
    try {
      for (const { partition, version, record } of await this.#listClaiming()) {
        const { holder, progress } = record;
        const isNoted = progress.state === "retrying" && progress.error?.message === error.message;
        const isOurs = holder === member.id;
        if ((isOurs && isNoted) || (!isOurs && holder !== undefined && member.isAlive(holder))) continue;
        const ref = partitionRef(this.#owner.name, partition);
        const noted: WorkProgress = { state: "retrying", error, ratePerSecond: 0 };
        const value: PartitionRecord = { ...record, holder: member.id, progress: noted };
        await tryCommit(work.readSide, { expect: [{ ...ref, version }], put: [{ ...ref, value }] });
      }
    } catch {
      // See above.
    }
  }

  async #listClaiming(): Promise<readonly StoredPartition[]> {
    const partitions = await listPartitions(this.#options.work.readSide, this.#owner.name);
    return partitions.filter(
      ({ partition }) => this.#claiming.includes(partition) && !this.owned.has(partition),
    );
  }

  /** Another member owns it. */
  lose(partition: OwnedPartition): void {
    if (!partition.isOurs) return;
    partition.phase = "lost";
    if (this.owned.get(partition.number) === partition) this.owned.delete(partition.number);
    this.#options.deliveries.drop(partition, ownershipLost(this.#owner.name, partition.number));
    this.#options.onChange();
  }

  loseAll(): void {
    for (const partition of this.owned.values()) this.lose(partition);
  }

  /** A parked key is not as it was believed to be. */
  noteKey(lane: Lane, stored: StoredRecord | undefined): void {
    if (stored === undefined) {
      // A key that has not been parked yet has no record either.
      if (lane.stored !== undefined) this.#options.deliveries.unblock(lane);
      return;
    }
    const record = stored.value as ParkedKeyRecord;
    lane.stored = { version: stored.version, record };
    lane.keyState = record.state;
    if (record.state === "replaying") this.#options.replays.begin(lane);
  }

  get #owner(): { readonly kind: "consumer"; readonly name: string } {
    return { kind: "consumer", name: this.#options.consumer.name };
  }

  /** A partition without a record would be nobody's, and its events would wait for ever. @throws `STORE_DAMAGED` */
  async #listPartitions({ name, version, record }: StoredConsumer): Promise<readonly StoredPartition[]> {
    const { store, readSide } = this.#options.work;
    const partitions = await listPartitions(readSide, name);
    const problem = partitionsProblem(name, record, partitions.length);
    if (problem === undefined) return partitions;
    // They may have been dealt out anew, or removed, since the consumer's record was read.
    const isSame = (await findConsumer(readSide, name))?.version === version;
    if (isSame) throw new HithertoError("STORE_DAMAGED", { store: store.url, problem });
    return partitions;
  }

  async #follow(stored: StoredConsumer, partitions: readonly StoredPartition[]): Promise<void> {
    const { wanted, halted, asked } = stored.record;
    this.#loseOvertaken(partitions);
    if (wanted === "running" && halted === undefined && asked === undefined) {
      await this.#takeShare(stored, partitions);
      await this.#forgetPassed(stored, partitions);
      return;
    }
    await this.#letGo(partitions.filter(({ partition }) => !this.owned.has(partition)));
    this.#claiming = [];
    for (const partition of this.owned.values()) {
      this.#giveBack(partition, halted === undefined ? partition.startedUpTo : -1);
    }
    if (asked !== undefined && !partitions.some((one) => this.#isHeld(one))) {
      await carryOut(this.#options.work.readSide, stored, partitions);
    }
  }

  #loseOvertaken(partitions: readonly StoredPartition[]): void {
    for (const { partition, record } of partitions) {
      const owned = this.owned.get(partition);
      if (owned?.phase === "open" && record.holder !== this.#options.member.id) this.lose(owned);
    }
  }

  #isHeld({ record }: StoredPartition): boolean {
    const { holder } = record;
    return holder !== undefined && this.#options.member.isAlive(holder);
  }

  /** How many partitions are this member's, and with which it begins, so that members do not all try the same ones. */
  #share({ record }: StoredConsumer): { readonly size: number; readonly first: number } {
    const { member } = this.#options;
    const all = member.participants(workOf(this.#owner));
    const rank = Math.max(0, all.indexOf(member.id));
    const count = Math.max(1, all.length);
    const rest = record.partitions % count;
    const even = Math.floor(record.partitions / count);
    return { size: even + (rank < rest ? 1 : 0), first: rank * even + Math.min(rank, rest) };
  }

  async #takeShare(stored: StoredConsumer, partitions: readonly StoredPartition[]): Promise<void> {
    const { size, first } = this.#share(stored);
    const surplus = [...this.owned.values()].filter(({ phase }) => phase === "open").slice(size);
    for (const partition of surplus) this.#giveBack(partition, partition.startedUpTo);
    const { id } = this.#options.member;
    const inTurn = [...partitions.slice(first), ...partitions.slice(0, first)];
    const free = inTurn.filter(
      (one) => !this.owned.has(one.partition) && (!this.#isHeld(one) || one.record.holder === id),
    );
    const room = Math.max(0, size - this.owned.size);
    await this.#letGo(free.slice(room));
    await this.#claim(free.slice(0, room));
  }

  async #claim(partitions: readonly StoredPartition[]): Promise<void> {
    this.#claiming = partitions.map(({ partition }) => partition);
    if (partitions.length === 0) return;
    const { writer, onChange, work, consumer } = this.#options;
    await checkReached(
      work.store,
      partitions.map(({ partition, record }) => {
        return {
          what: `partition ${partition} of the consumer "${consumer.name}"`,
          position: record.position,
        };
      }),
    );
    const attempts = partitions.map(({ partition, stored }) => writer.claim(partition, stored));
    const claimed = (await Promise.all(attempts)).filter((partition) => partition !== undefined);
    if (claimed.length === 0) {
      this.#claiming = [];
      return;
    }
    for (const partition of claimed) this.owned.set(partition.number, partition);
    try {
      await this.#open(claimed);
    } catch (error) {
      // The record still names this member, which claims it again with the next look.
      for (const partition of claimed) this.lose(partition);
      throw error;
    }
    this.#claiming = [];
    onChange();
  }

  /** Takes this member out of the records of partitions that it does not own: it could not claim them, or a release failed. */
  async #letGo(partitions: readonly StoredPartition[]): Promise<void> {
    const { readSide } = this.#options.work;
    for (const { partition, version, record } of partitions) {
      if (record.holder !== this.#options.member.id) continue;
      const ref = partitionRef(this.#owner.name, partition);
      const value: PartitionRecord = { ...record, holder: undefined };
      await tryCommit(readSide, { expect: [{ ...ref, version }], put: [{ ...ref, value }] });
    }
  }

  /** After the claim nobody else parks events of these partitions, so what is found now is all there is. */
  async #open(claimed: readonly OwnedPartition[]): Promise<void> {
    const { work, replays } = this.#options;
    for (const { record, version } of await listParkedKeys(work.readSide, this.#owner)) {
      const partition = claimed.find(({ number }) => number === this.#partitionOf(record.key));
      if (partition === undefined) continue;
      const lane = partition.laneOf(record.key);
      lane.keyState = record.state;
      lane.stored = { version, record };
    }
    await this.#tidyInbox(claimed);
    for (const partition of claimed) {
      if (partition.phase !== "claiming") continue;
      partition.phase = "open";
      for (const lane of partition.lanes.values()) if (lane.keyState === "replaying") replays.begin(lane);
    }
  }

  #partitionOf(key: string): number {
    return partitionOf(hashKey(key), this.#seen?.record.partitions ?? 1);
  }

  /** Removes what a crash left behind: entries of events that are worked off and not parked. */
  async #tidyInbox(claimed: readonly OwnedPartition[]): Promise<void> {
    const { readSide } = this.#options.work;
    const { name } = this.#owner;
    for (const { key: entry, value } of await readSide.listRecords(spaces.inbox, {
      prefix: recordKey(name),
    })) {
      const { key } = value as InboxRecord;
      const position = Number(recordKeyParts(entry)[1]);
      const partition = claimed.find(({ number }) => number === this.#partitionOf(key));
      if (partition === undefined || position > partition.position) continue;
      if ((await readSide.findRecord(parkedRef(this.#owner, key, position))) !== undefined) continue;
      const expect = [{ ...partitionRef(name, partition.number), version: partition.version }];
      await tryCommit(readSide, { expect, remove: [inboxRef(name, position)] });
    }
  }

  async #forgetPassed(stored: StoredConsumer, partitions: readonly StoredPartition[]): Promise<void> {
    if (stored.record.before.length === 0) return;
    const positions = partitions.map(({ record }) => record.position);
    if (withoutPassed(stored.record, positions) === stored.record) return;
    await changeConsumer(this.#options.work.readSide, stored.name, (record) =>
      record.epoch === stored.record.epoch ? withoutPassed(record, positions) : undefined,
    );
  }

  /** Somebody may have asked for a replay, or discarded. */
  async #lookAtKeys(): Promise<void> {
    const lanes = [...this.owned.values()].flatMap(({ lanes: all }) => [...all.values()]);
    if (!lanes.some(({ stored }) => stored !== undefined)) return;
    await this.#options.writer.serially(async () => {
      const keys = await this.#options.work.readSide.listRecords(spaces.parkedKeys, {
        prefix: recordKey("consumer", this.#owner.name),
      });
      const byKey = new Map(keys.map((stored) => [(stored.value as ParkedKeyRecord).key, stored]));
      for (const lane of lanes) {
        const stored = byKey.get(lane.key);
        if (!lane.partition.isOurs || lane.stored === undefined) continue;
        if (stored?.version !== lane.stored.version) this.noteKey(lane, stored);
      }
    });
  }

  #giveBack(partition: OwnedPartition, upTo: number): void {
    if (partition.phase !== "open" && partition.phase !== "claiming") {
      // It is leaving already; a halt does not wait for what has not begun.
      if (upTo < 0 && partition.phase === "draining") void this.#options.deliveries.drain(partition, upTo);
      return;
    }
    partition.phase = "draining";
    const leaving = this.#leave(partition, upTo)
      .catch(this.#options.onError)
      .finally(() => {
        this.#leaving.delete(partition);
        this.lose(partition);
        this.#options.onChange();
      });
    this.#leaving.set(partition, leaving);
  }

  async #leave(partition: OwnedPartition, upTo: number): Promise<void> {
    const { deliveries, replays, plan, consumer } = this.#options;
    const inTime = new AbortController();
    const timeout = sleep(plan.stopTimeoutMs, undefined, { signal: inTime.signal }).catch(() => undefined);
    await Promise.race([deliveries.drain(partition, upTo), timeout]);
    inTime.abort();
    deliveries.drop(partition, new HithertoError("ABORTED", { operation: `delivery of ${consumer.name}` }));
    await replays.settled(partition);
    if (partition.phase !== "draining") return;
    await this.#release(partition);
    if (this.owned.get(partition.number) === partition) this.owned.delete(partition.number);
  }

  /** Over again for a while: a record that still named this member would keep all others away. */
  async #release(partition: OwnedPartition): Promise<void> {
    for (const pauseMs of [50, 100, 200, 400]) {
      try {
        await this.#tryRelease(partition);
        return;
      } catch (error) {
        if (endsHandle(error)) throw error;
        this.#options.onError(error);
        await sleep(pauseMs);
      }
    }
    await this.#tryRelease(partition);
  }

  async #tryRelease(partition: OwnedPartition): Promise<void> {
    const { writer } = this.#options;
    try {
      await writer.checkpoint([partition], true);
    } catch (error) {
      if (!isHithertoError(error, "PARKED_FULL")) throw error;
      partition.forgetDrafts();
      await writer.checkpoint([partition], true);
    }
  }
}
