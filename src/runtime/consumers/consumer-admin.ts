/**
 * Looking after consumers, from any process; see {@link ConsumerAdmin}. What is asked for is written into the consumer's
 * record, where its members see it; see `consumer-records.ts` for how changes that concern all partitions take place.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { inWords } from "../../store/check-input.ts";
import { checkedName } from "../check-calls.ts";
import type { ConsumerRecord } from "../records.ts";
import { findConsumerStatus, listConsumerStatuses } from "../status/consumer-status.ts";
import type { ConsumerAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import {
  carryOut,
  changeConsumer,
  findConsumer,
  listPartitions,
  placeOf,
  requireReached,
  removeConsumer,
} from "./consumer-records.ts";
import type { Place, StoredPartition } from "./consumer-records.ts";

/** How long a change or a pause waits for members to give their partitions back, in milliseconds. */
const handBackMsDefault = 15_000;
const pollMs = 20;

/** Makes what looks after the consumers of a store. */
export function createConsumerAdmin(work: Work, handBackMs: number = handBackMsDefault): ConsumerAdmin {
  const { readSide, store } = work;
  const change = async (name: string, to: (record: ConsumerRecord) => ConsumerRecord): Promise<void> =>
    changeConsumer(readSide, checkedName(name), to);
  return {
    list: () => listConsumerStatuses(work),
    status: async (name) => findConsumerStatus(work, checkedName(name)),
    pause: async (name) => {
      await change(name, (record) => ({ ...record, wanted: "paused" }));
      await untilNobodyDelivers(work, name, handBackMs);
    },
    resume: (name) =>
      change(name, (record) => ({
        ...record,
        wanted: "running",
        halted: undefined,
        resumed: record.resumed + 1,
      })),
    reset: async (name, place) => {
      checkedName(name);
      requirePlace(place);
      const to = await placeOf(store, place);
      requireReached("to", to, await store.head());
      await makeChange(work, name, { to }, handBackMs);
    },
    setPartitions: async (name, partitions) => {
      checkedName(name);
      requirePartitions(partitions);
      await makeChange(work, name, { partitions }, handBackMs);
    },
    remove: async (name) => removeConsumer(readSide, checkedName(name)),
  };
}

/** Waits until all partitions have been given back; not for ever, since a handler may never end. */
async function untilNobodyDelivers(work: Work, name: string, handBackMs: number): Promise<void> {
  const giveUpAt = performance.now() + handBackMs;
  while (performance.now() < giveUpAt) {
    const consumer = await findConsumer(work.readSide, name);
    if (consumer?.record.wanted !== "paused") return;
    if (!(await isHeld(work, await listPartitions(work.readSide, name)))) return;
    await sleep(pollMs);
  }
}

/**
 * Asks for a change, and resolves when it has taken place, whoever carried it out. What somebody else has asked for takes
 * place before it.
 */
async function makeChange(
  work: Work,
  name: string,
  asked: NonNullable<ConsumerRecord["asked"]>,
  handBackMs: number,
): Promise<void> {
  for (;;) {
    let epoch = 0;
    let isOurs = false;
    await changeConsumer(work.readSide, name, (record) => {
      epoch = record.epoch;
      isOurs = record.asked === undefined;
      return isOurs ? { ...record, asked } : undefined;
    });
    await untilCarriedOut(work, { name, epoch }, handBackMs);
    if (isOurs) return;
  }
}

/** Waits until what was asked for in an epoch has taken place, or the consumer was removed. */
async function untilCarriedOut(
  work: Work,
  { name, epoch }: { readonly name: string; readonly epoch: number },
  handBackMs: number,
): Promise<void> {
  const { readSide } = work;
  const giveUpAt = performance.now() + handBackMs;
  for (;;) {
    const consumer = await findConsumer(readSide, name);
    if (consumer === undefined || consumer.record.epoch > epoch) return;
    const partitions = await listPartitions(readSide, name);
    const isDue = performance.now() >= giveUpAt || !(await isHeld(work, partitions));
    if (isDue && (await carryOut(readSide, consumer, partitions))) return;
    await sleep(pollMs);
  }
}

/** Whether somebody who is alive owns one of the partitions. */
async function isHeld(work: Work, partitions: readonly StoredPartition[]): Promise<boolean> {
  const members = await work.look();
  return partitions.some(({ record: { holder } }) => holder !== undefined && members.isAlive(holder));
}

function requirePartitions(partitions: unknown): void {
  const max = limits.partitionsMax;
  if (Number.isSafeInteger(partitions) && Number(partitions) >= 1 && Number(partitions) <= max) return;
  refuse("partitions", `it must be an integer from 1 to ${max}, not ${inWords(partitions)}`);
}

function requirePlace(place: unknown): asserts place is Place {
  if (place === "start" || place === "end") return;
  if (Number.isSafeInteger(place) && Number(place) >= 0) return;
  if (place instanceof Date && !Number.isNaN(place.getTime())) return;
  refuse("to", `it must be "start", "end", a position or a valid Date, not ${inWords(place)}`);
}

function refuse(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
