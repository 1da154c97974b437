/**
 * Compares the generations of read models with the tables that there are.
 */
import type { Database } from "../driver.ts";
import { listModels } from "./generations.ts";
import { physicalTables } from "./names.ts";

/** Says what does not fit: tables that are missing, and tables that no generation has. */
export function findMisfits(db: Database, store: string): string[] {
  const stored = db.prepare<[string]>(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name GLOB 'documents_[0-9]*' OR name GLOB 'table_[0-9]*')",
  );
  const found = new Set(stored.all().map(([name]) => name));
  const expected = new Map(
    listModels(db, store).flatMap((model) => physicalTables(model).map((table) => [table, model] as const)),
  );
  const missing = [...expected].filter(([table]) => !found.has(table));
  const spare = [...found].filter((table) => !expected.has(table));
  return [
    ...missing.map(([table, { name, generation }]) => {
      return `the table ${table} of the read model "${name}" (generation ${generation}) is missing`;
    }),
    ...spare.map((table) => `the table ${table} belongs to no read model`),
  ];
}
