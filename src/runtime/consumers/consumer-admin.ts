/**
 * Looking after consumers, from any process; see {@link ConsumerAdmin}. What is asked for is written into the consumer's
 * record, where its members see it; see `consumer-records.ts` for how changes that concern all partitions take place.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { inWords } from "../../store/check-input.ts";
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
  removeConsumer,
} from "./consumer-records.ts";
import type { Place } from "./consumer-records.ts";

/** How long members have to give their partitions back before a change is made without them, in milliseconds. */
const handBackMsDefault = 15_000;
const pollMs = 20;

/** Makes what looks after the consumers of a store. */
export function createConsumerAdmin(work: Work, handBackMs: number = handBackMsDefault): ConsumerAdmin {
  const { readSide, store } = work;
  const change = (name: string, to: (record: ConsumerRecord) => ConsumerRecord): Promise<void> =>
    changeConsumer(readSide, name, to);
  return {
    list: () => listConsumerStatuses(work),
    status: (name) => findConsumerStatus(work, name),
    pause: (name) => change(name, (record) => ({ ...record, wanted: "paused" })),
    resume: (name) =>
      change(name, (record) => ({
        ...record,
        wanted: "running",
        halted: undefined,
        resumed: record.resumed + 1,
      })),
    reset: async (name, place) => {
      requirePlace(place);
      const to = await placeOf(store, place);
      await makeChange(work, name, { to }, handBackMs);
    },
    setPartitions: async (name, partitions) => {
      requirePartitions(partitions);
      await makeChange(work, name, { partitions }, handBackMs);
    },
    remove: (name) => removeConsumer(readSide, name),
  };
}

/** Asks for a change, and resolves when it has taken place, whoever carried it out. */
async function makeChange(
  work: Work,
  name: string,
  asked: NonNullable<ConsumerRecord["asked"]>,
  handBackMs: number,
): Promise<void> {
  const { readSide } = work;
  let epoch = 0;
  await changeConsumer(readSide, name, (record) => {
    epoch = record.epoch;
    return { ...record, asked };
  });
  const giveUpAt = Date.now() + handBackMs;
  for (;;) {
    const consumer = await findConsumer(readSide, name);
    // Removed meanwhile, or done.
    if (consumer === undefined || consumer.record.epoch > epoch) return;
    const partitions = await listPartitions(readSide, name);
    const alive = await work.look();
    const isHeld = partitions.some(({ record: { holder } }) => holder !== undefined && alive.isAlive(holder));
    if ((!isHeld || Date.now() >= giveUpAt) && (await carryOut(readSide, consumer, partitions))) return;
    await sleep(pollMs);
  }
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
