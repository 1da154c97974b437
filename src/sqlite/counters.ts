/**
 * The rows of `counters`, each with its checksum. A counter that is missing is damage: the file is made with all of them.
 */
import type { SqlValue, Statement } from "./driver.ts";
import { checkChecksum, rowChecksum, rowDamaged } from "./row-checksum.ts";

/** What is counted. */
export type CounterName = "policy_changes" | "head" | "record_version" | "generation";

/** Whatever prepares statements. */
interface Preparing {
  prepare<Row extends readonly SqlValue[]>(sql: string): Statement<Row>;
}

/** A counter's value. @throws `STORE_DAMAGED` */
export function readCounter(db: Preparing, name: CounterName, store: string): number {
  const row = prepareCounters(db).get(name);
  if (row === undefined) throw rowDamaged(store, `the counter ${name} is missing`);
  // Computed with the name that was asked for, so another counter's row does not fit either.
  checkChecksum(row[1], counterChecksum(name, row[0]), store, () => `the counter ${name}`);
  return row[0];
}

/** The statement by which counters are read, which fails when the file has none. */
export function prepareCounters(db: Preparing): Statement<[value: number, checksum: number]> {
  return db.prepare("SELECT value, checksum FROM counters WHERE name = ?");
}

/** Sets a counter. */
export function writeCounter(db: Preparing, name: CounterName, value: number): void {
  const checksum = counterChecksum(name, value);
  db.prepare("INSERT OR REPLACE INTO counters VALUES (?, ?, ?)").run(name, value, checksum);
}

/** The checksum of a row of `counters`. */
export function counterChecksum(name: string, value: number): number {
  return rowChecksum("counters", [name, value]);
}
