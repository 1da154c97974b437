/**
 * Checksums of the small rows: everything in the file but commits (`commit-row.ts`) and snapshots (`snapshot-rows.ts`).
 *
 * A checksum covers every column of its row, the key included, and the name of the table, so that a row that stands in
 * another row's place does not pass. It is checked whenever the row is read. A row whose key has changed is not found by
 * its own key; so whoever finds nothing looks at the rows beside the place ({@link checkNeighbours}).
 */
import { crc32 } from "node:zlib";
import { HithertoError } from "../core/errors.ts";
import type { SqlValue, Statement } from "./driver.ts";

/**
 * CRC-32 of a row.
 *
 * @param columns - All columns but `text` and the checksum, in an order of the table's own.
 * @param text - The one column that may be long; what is not text never fits.
 */
export function rowChecksum(table: string, columns: readonly SqlValue[], text: SqlValue = ""): number {
  if (typeof text !== "string") return -1;
  return rowChecksumAfter(crc32(text), table, columns);
}

/** {@link rowChecksum} where the CRC-32 of the text is known. */
export function rowChecksumAfter(textChecksum: number, table: string, columns: readonly SqlValue[]): number {
  return crc32(JSON.stringify([table, columns]), textChecksum);
}

/** Refuses a row whose checksum is not the one that its columns have. @throws `STORE_DAMAGED` */
export function checkChecksum(
  stored: SqlValue,
  actual: number,
  store: string,
  row: () => string,
): asserts stored is number {
  if (stored !== actual) throw rowDamaged(store, `the checksum does not fit ${row()}`);
}

/** The error of a row other than a commit. */
export function rowDamaged(store: string, problem: string): HithertoError {
  return new HithertoError("STORE_DAMAGED", { store, problem });
}

/**
 * Checks the rows before and behind a place where no row was found. When the key of a row changes, the row stays where it
 * is, so it is one of the two; a row that is gone without a trace is found by `verify` at most.
 */
export function checkNeighbours<Row extends readonly SqlValue[]>(
  sides: ReadonlyArray<Statement<Row>>,
  place: readonly SqlValue[],
  check: (row: Row) => unknown,
): void {
  for (const side of sides) {
    const row = side.get(...place);
    if (row !== undefined) check(row);
  }
}
