/**
 * What becomes of the places in the log when the keys are dealt out to another number of partitions.
 *
 * Every partition of the new layout begins at the lowest position of the old one, for its keys come from all over it.
 * The old layout is kept, with the positions that its partitions had reached: an event at or below the position that its
 * key's partition had then, has been worked off and is passed over. That holds for each of several layouts that follow
 * each other, whatever became of the later ones, so an event is passed over if any of them has worked it off. A layout
 * says nothing any more once every partition of today has passed all of its positions, and is forgotten.
 */
import type { ConsumerRecord, Layout } from "../records.ts";
import { partitionOf } from "./key-hash.ts";

/** Whether the event of a key, by its hash, was worked off under an earlier layout. */
export function isWorkedOff(before: readonly Layout[], hash: number, position: number): boolean {
  for (const { partitions, positions } of before) {
    const reached = positions[partitionOf(hash, partitions)];
    if (reached !== undefined && position <= reached) return true;
  }
  return false;
}

/** Another number of partitions, and the position at which each of them begins. */
export function dealOut(
  record: ConsumerRecord,
  positions: readonly number[],
  partitions: number,
): { readonly record: ConsumerRecord; readonly position: number } {
  const left: Layout = { partitions: record.partitions, positions };
  const position = lowest(positions);
  const before = [left, ...record.before].filter((layout) => !isPassed(layout, position));
  return { record: { ...record, partitions, before, epoch: record.epoch + 1 }, position };
}

/** The record without layouts that all partitions have passed; the same object when there are none. */
export function withoutPassed(record: ConsumerRecord, positions: readonly number[]): ConsumerRecord {
  const position = lowest(positions);
  const before = record.before.filter((layout) => !isPassed(layout, position));
  return before.length === record.before.length ? record : { ...record, before };
}

function isPassed({ positions }: Layout, position: number): boolean {
  return positions.every((reached) => reached <= position);
}

function lowest(positions: readonly number[]): number {
  return positions.reduce((least, position) => Math.min(least, position), Infinity);
}
