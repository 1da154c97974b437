/**
 * The rows of `records`, each with its checksum. Where no record is found, the rows beside the place are checked: a record
 * whose key has changed is damage, not absence.
 */
import type { HithertoError } from "../../core/errors.ts";
import { compareText } from "../../store/document-query.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import type { ListRecordsPlan } from "../../store/read-side-options.ts";
import type { RecordRef, StoredRecord } from "../../store/read-side.ts";
import { checkChecksum, checkNeighbours, rowChecksum, rowDamaged } from "../row-checksum.ts";
import type { Preparing } from "./generations.ts";

/** The columns of a record. */
export type RecordRow = [space: string, key: string, version: number, value: string, checksum: number];

/** To select {@link RecordRow}s. */
export const selectRecords = "SELECT space, key, version, value, checksum FROM records";

/** The row of a record. @throws `STORE_DAMAGED` */
export function findRecordRow(
  db: Preparing,
  store: string,
  { space, key }: RecordRef,
): RecordRow | undefined {
  const row = db.prepare<RecordRow>(`${selectRecords} WHERE space = ? AND key = ?`).get(space, key);
  if (row === undefined) checkBeside(db, store, [space, key]);
  else if (checkRecord(row, store)[0] !== space || row[1] !== key) throw outOfOrder(store);
  return row;
}

/** The rows of the records that are listed, in order of key. @throws `STORE_DAMAGED` */
export function listRecordRows(db: Preparing, store: string, plan: ListRecordsPlan): RecordRow[] {
  const { space, prefix, after, limit } = plan;
  const keys = keyRange(space, prefix);
  if (after !== undefined) keys.values.push(after);
  const sql = `${selectRecords} WHERE ${keys.sql}${after === undefined ? "" : " AND key > ?"} ORDER BY key LIMIT ?`;
  const rows = db.prepare<RecordRow>(sql).all(...keys.values, limit);
  let before = after;
  for (const row of rows) {
    const [found, key] = checkRecord(row, store);
    const isBehind = before === undefined || compareText(before, key) < 0;
    if (found !== space || !key.startsWith(prefix) || !isBehind) throw outOfOrder(store);
    before = key;
  }
  checkBeside(db, store, [space, after ?? prefix]);
  const last = rows.at(-1);
  if (last !== undefined && rows.length < limit) checkBeside(db, store, [space, last[1]]);
  return rows;
}

/** How many records of a space have keys that begin so. */
export function countRecordRows(db: Preparing, { space, prefix }: ListRecordsPlan): number {
  const keys = keyRange(space, prefix);
  const sql = `SELECT count(*) FROM records WHERE ${keys.sql}`;
  return db.prepare<[number]>(sql).get(...keys.values)?.[0] ?? 0;
}

/** The record of a checked row. @throws `STORE_DAMAGED` when its value is not JSON. */
export function toRecord([space, key, version, json]: RecordRow, store: string): StoredRecord {
  try {
    return { space, key, version, value: JSON.parse(json) as unknown };
  } catch {
    throw rowDamaged(store, `the record ${key} of ${space} is not JSON`);
  }
}

/** The row, if it is as it was written. @throws `STORE_DAMAGED` */
export function checkRecord(row: RecordRow, store: string): RecordRow {
  const [space, key, version, value, checksum] = row;
  checkChecksum(checksum, recordChecksum(space, key, version, value), store, () => {
    return `the record ${key} of ${space}`;
  });
  return row;
}

/** The checksum of a row of `records`. */
export function recordChecksum(space: string, key: string, version: number, value: string): number {
  return rowChecksum("records", [space, key, version], value);
}

function checkBeside(db: Preparing, store: string, place: readonly [space: string, key: string]): void {
  const sides = [
    db.prepare<RecordRow>(`${selectRecords} WHERE (space, key) > (?, ?) ORDER BY space, key LIMIT 1`),
    db.prepare<RecordRow>(
      `${selectRecords} WHERE (space, key) < (?, ?) ORDER BY space DESC, key DESC LIMIT 1`,
    ),
  ];
  checkNeighbours(sides, place, (row) => checkRecord(row, store));
}

/** In pages that are out of order, SQLite can find a row that was not looked for. */
function outOfOrder(store: string): HithertoError {
  return rowDamaged(store, "the records are out of order");
}

/** Keys of a space that begin so, as a condition and its values. */
function keyRange(space: string, prefix: string): { readonly sql: string; readonly values: string[] } {
  const end = endOfPrefix(prefix);
  if (end === undefined) return { sql: "space = ? AND key >= ?", values: [space, prefix] };
  return { sql: "space = ? AND key >= ? AND key < ?", values: [space, prefix, end] };
}
