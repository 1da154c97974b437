/**
 * Whether what a loss of power has left of a store holds everything that was acknowledged before it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../../src/sqlite/schema.ts";
import { verifyFile } from "../../../src/sqlite/verify.ts";

/** A line of the ledger of power-process.ts: an event, or the value of a record, that was acknowledged as durable. */
export type Acknowledged =
  | { readonly position: number; readonly stream: string; readonly revision: number; readonly n: number }
  | { readonly key: string; readonly value: number };

/** What is missing or wrong in the store of a folder; empty when nothing is. */
export function faultsOf(folder: string, ledger: string): string[] {
  const acknowledged = ledger
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Acknowledged);
  const path = join(folder, "a.db");
  if (acknowledged.length === 0 && !existsSync(path)) return [];
  const db = connect({ path, mode: "create", durability: "os", busyTimeoutMs: 0, cacheBytes: 2 ** 20 });
  try {
    const report = verifyFile(db, path, () => undefined);
    const events = new Map(
      db
        .prepare<[number, string, number, string]>("SELECT position, stream, revision, data FROM events")
        .all()
        .map(([position, ...rest]) => [position, rest]),
    );
    const records = new Map(
      db.prepare<[string, string]>("SELECT key, value FROM records WHERE space = 'power'").all(),
    );
    const missing = acknowledged.filter((one) => {
      if ("key" in one) {
        return !((JSON.parse(records.get(one.key) ?? "{}") as { n?: number }).n! >= one.value);
      }
      const found = events.get(one.position);
      return (
        JSON.stringify(found) !== JSON.stringify([one.stream, one.revision, found?.[2]]) ||
        (JSON.parse(found![2]) as { n: number }).n !== one.n
      );
    });
    return [
      ...report.problems.map(({ message }) => message),
      ...missing.map((one) => `acknowledged and lost: ${JSON.stringify(one)}`),
    ];
  } finally {
    db.close();
  }
}
