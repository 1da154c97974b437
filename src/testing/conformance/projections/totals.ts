/**
 * The read model of the tests of SQL: how often and how much was added to each tally, as rows.
 */
import assert from "node:assert/strict";
import type { StoredEvent } from "../../../core/event.ts";
import { sqlProjection } from "../../../core/projection.ts";
import type { SqlProjection } from "../../../core/projection.ts";
import type { SqlTransaction } from "../../../core/sql.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { Added } from "./tallies.ts";

/** How the projection differs from the usual one. */
export interface TotalsOptions {
  readonly version?: number;
  /** Called after each step; what it throws is the handler's error. */
  readonly after?: (event: StoredEvent) => void;
}

const raise =
  "INSERT INTO {totals} AS t (name, times, total) VALUES (?, 1, ?) " +
  "ON CONFLICT (name) DO UPDATE SET times = t.times + 1, total = t.total + excluded.total";

/** Numbers by the tallies they are added to, as rows. */
export function totals({ version = 1, after }: TotalsOptions = {}): SqlProjection {
  const add = async (transaction: SqlTransaction, { to, n }: Added, event: StoredEvent): Promise<void> => {
    for (const name of to) await transaction.run(raise, [name, n]);
    after?.(event);
  };
  return sqlProjection("totals", {
    version,
    tables: { totals: "name TEXT PRIMARY KEY, times INTEGER NOT NULL, total INTEGER NOT NULL" },
    indexes: { totals: ["(total)"] },
    on: {
      Added: (transaction, data: Added, event) => add(transaction, data, event),
      Cleared: async (transaction, { to }: Added) => {
        for (const name of to) await transaction.run("DELETE FROM {totals} WHERE name = ?", [name]);
      },
    },
  });
}

/** Expects the rows to be, at the position stated, what the log says. Returns the position. */
export async function rowsAgree(store: Hitherto, waitFor: number): Promise<number> {
  const sql = "SELECT name, times, total FROM {totals} ORDER BY name";
  const { rows, position } = await store.query(sql, [], { model: "totals", waitFor });
  assert.ok(position !== undefined && position >= waitFor);
  const found = rows.map(({ name, times, total }): Row => [String(name), Number(times), Number(total)]);
  assert.deepEqual(found, rowsOf(await store.read({ to: position }).toArray()));
  return position;
}

type Row = readonly [name: string, times: number, total: number];

function rowsOf(events: readonly StoredEvent[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { type, data } of events) {
    const { to, n } = data as Added;
    if (type === "Ignored") continue;
    for (const name of to) {
      const [, times, total] = rows.get(name) ?? [name, 0, 0];
      if (type === "Added") rows.set(name, [name, times + 1, total + n]);
      else rows.delete(name);
    }
  }
  return [...rows.values()].sort(([a], [b]) => (a < b ? -1 : 1));
}
