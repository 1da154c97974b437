/**
 * Compares the generations of read models with the tables that there are. Tables without a generation are no misfits:
 * they wait to be tidied away (`tidy-tables.ts`).
 */
import type { Database } from "../session.ts";
import { Names } from "./names.ts";
import type { TableSource } from "./names.ts";

/** Says which tables of some generations are missing, as long as there are these generations. */
export async function findMisfits(database: Database, models: readonly TableSource[]): Promise<string[]> {
  const names = new Names(database);
  const tables = models.flatMap((model) => names.tables(model).map((table) => ({ table, ...model })));
  const sql = `SELECT t.n FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS t(name, generation, n)
    WHERE to_regclass(t.name) IS NULL
      AND EXISTS (SELECT FROM ${names.own("generations")} m WHERE m.generation = t.generation)`;
  const values = [tables.map(({ table }) => table), tables.map(({ generation }) => generation)];
  const missing = await database.query<[number]>(sql, values);
  return missing.map(([n]) => {
    const { table, name, generation } = tables[n - 1]!;
    return `the table ${table} of the read model "${name}" (generation ${generation}) is missing`;
  });
}
