/**
 * The rows of `holes`: positions of reclaimed commits. One that has changed would move the head of the log, or hide that
 * commits are missing.
 */
import type { Statement } from "./driver.ts";
import { checkChecksum, rowChecksum } from "./row-checksum.ts";

/** The columns of a hole, to be checked by {@link checkHole}. */
export type HoleRow = [position: number, events: number, checksum: number];

/** To select a {@link HoleRow}. */
export const holeColumns = "position, events, checksum";

/** The hole as it is, if it is as it was written. @throws `STORE_DAMAGED` */
export function checkHole(row: HoleRow, store: string): HoleRow {
  const [position, events, checksum] = row;
  checkChecksum(checksum, holeChecksum(position, events), store, () => `the hole at position ${position}`);
  return row;
}

/** Stores a hole, in the place of the one that begins at the same position. */
export function saveHole(db: { prepare(sql: string): Statement }, position: number, events: number): void {
  const checksum = holeChecksum(position, events);
  db.prepare("INSERT OR REPLACE INTO holes VALUES (?, ?, ?)").run(position, events, checksum);
}

/** The checksum of a row of `holes`. */
export function holeChecksum(position: number, events: number): number {
  return rowChecksum("holes", [position, events]);
}
