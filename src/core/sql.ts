/**
 * The little of SQL that definitions see: enough to write handlers, with no driver in sight.
 */

/**
 * A value that a statement takes or returns. A number that is returned is exact: a larger integer than the safe ones, and a
 * `numeric` with more digits than a double has, are refused with `SQL_FAILED`; cast them to text, or to double precision.
 * A string that holds half of a surrogate pair is refused too: a database would keep another one.
 */
export type SqlValue = string | number | null | Uint8Array;

/** A row, by column name. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * Runs statements within one transaction: all of them take effect together with the checkpoint, or none does.
 * Values go to the `?` of a statement, in order. `{name}` in a statement stands for the read model's table of that name.
 *
 * @throws `SQL_FAILED` when the database refuses a statement; the transaction is then rolled back.
 *
 * @example
 * ```ts
 * import type { SqlTransaction } from "hitherto/core";
 * const count = async (tx: SqlTransaction, day: string): Promise<void> => {
 *   await tx.run("INSERT INTO {days} VALUES (?, 1) ON CONFLICT (day) DO UPDATE SET orders = orders + 1", [day]);
 * };
 * ```
 */
export interface SqlTransaction {
  /** Runs a statement for its effect, and says how many rows it changed. */
  run(sql: string, values?: readonly SqlValue[]): Promise<{ readonly changes: number }>;
  /** The first row, if there is one. */
  get(sql: string, values?: readonly SqlValue[]): Promise<SqlRow | undefined>;
  /** All rows. */
  all(sql: string, values?: readonly SqlValue[]): Promise<readonly SqlRow[]>;
}
