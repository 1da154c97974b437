/**
 * Queries in SQL that name the tables of active read models in braces.
 */
import type { SqlRow, SqlValue } from "../../core/sql.ts";
import type { ReadModelInfo, ReadStamp } from "../../store/read-side.ts";
import type { Session } from "../session.ts";
import { checkOwner, listModels } from "./generations.ts";
import type { Names } from "./names.ts";
import { stampOf } from "./read-side-reader.ts";
import { allRows, isTableMissing } from "./sql-runner.ts";
import { checkReads } from "./sql-text.ts";

/** A query, and the read model whose position is wanted with its rows. */
export interface ModelQuery {
  readonly sql: string;
  readonly values: readonly SqlValue[] | undefined;
  readonly model: string | undefined;
}

/** Rows, and the state that they are from. */
export interface ModelAnswer {
  readonly rows: readonly SqlRow[];
  readonly stamp: ReadStamp | undefined;
}

/** So often a query is made when a table is missing. */
const attemptsMax = 3;

/** Asks through a session that can not write. @throws `SQL_FAILED` */
export async function queryModels(
  session: Session,
  names: Names,
  { sql, values, model: wanted }: ModelQuery,
): Promise<ModelAnswer> {
  checkReads(sql);
  const models = await listModels(session, names);
  const active = models.filter(({ state }) => state === "active");
  const model = active.find(({ name }) => name === wanted);
  const tables = tablesOfAll(names, active, model);
  for (const one of active) {
    const isNamed = [...names.shown(one).keys()].some((table) => sql.includes(`{${table}}`));
    if (isNamed) await checkOwner(session, names, one);
  }
  return { rows: await allRows(session, { sql, values, tables }), stamp: stampOf(model) };
}

/** Asks again when a table is missing: perhaps it was of a generation that another one has followed meanwhile. */
export async function retryWithoutTable<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!isTableMissing(error) || attempt === attemptsMax) throw error;
    }
  }
}

/** Tables by the name that statements call them by; those of `preferred` first, where names are the same. */
function tablesOfAll(
  names: Names,
  models: readonly ReadModelInfo[],
  preferred: ReadModelInfo | undefined,
): ReadonlyMap<string, string> {
  const sources = preferred === undefined ? models : [...models, preferred];
  return new Map(sources.flatMap((model) => [...names.shown(model)]));
}
