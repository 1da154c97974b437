/**
 * What is done after generations have come and gone: views that show the active ones to people, and tables that belong to
 * no generation any more.
 *
 * Both want tables for themselves, and whoever reads one holds it for as long as his query lasts. A commit that waited for
 * that would make all who write wait with it. So it is done after the commit, in transactions of their own that give up
 * soon; what is left is done the next time.
 */
import type { ReadModelInfo } from "../../store/read-side.ts";
import { inTransaction } from "../session.ts";
import type { Connection, Database, Session } from "../session.ts";
import { listModels } from "./generations.ts";
import type { Names } from "./names.ts";

/** How long a table is waited for. */
const patienceMs = 100;

/** Does what can be done at once. Never throws: nothing that anybody waits for depends on it. */
export async function tidyTables(database: Database, names: Names): Promise<void> {
  const tidy = async (connection: Connection): Promise<void> => {
    for (const [view, source] of shownBy(await listModels(connection, names), names)) {
      await attempt(connection, () => show(connection, view, source));
    }
    for (const spare of await connection.query<SpareRow>(database.qualify(spareSql), [])) {
      await attempt(connection, () => drop(connection, spare));
    }
  };
  await database.withConnection(tidy, database.answerTimeoutMs).catch(() => undefined);
}

/** Views and what they are to show. Where tables of several read models have one name, it is that of the newest. */
function shownBy(models: readonly ReadModelInfo[], names: Names): Map<string, string> {
  const active = models.filter(({ state }) => state === "active");
  return new Map(
    active.flatMap((model) => Array.from(names.shown(model), ([name, source]) => [names.view(name), source])),
  );
}

async function attempt(connection: Connection, body: () => Promise<void>): Promise<void> {
  try {
    await inTransaction(connection, async () => {
      await connection.query("SELECT set_config('lock_timeout', $1, true)", [`${patienceMs}`]);
      await body();
    });
  } catch {
    // Somebody reads it, another process has just done the same, or something that users have made hangs on it.
  }
}

/** Whether there is nothing to do: it is shown already, or belongs to another role, which shows it itself. */
const isShownSql = `
SELECT EXISTS (
  SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
  WHERE r.ev_class = to_regclass($1) AND d.refobjid = to_regclass($2)
) OR NOT EXISTS (
  SELECT FROM pg_class c WHERE c.oid = to_regclass($2) AND pg_get_userbyid(c.relowner) = current_user)`;

async function show(connection: Session, view: string, source: string): Promise<void> {
  const [row] = await connection.query<[boolean]>(isShownSql, [view, source]);
  if (row?.[0] === true) return;
  await connection.query("SAVEPOINT replacing");
  try {
    // What users have built on the view stays, if the columns are the same.
    await connection.query(`CREATE OR REPLACE VIEW ${view} AS SELECT * FROM ${source}`);
  } catch {
    await connection.query("ROLLBACK TO SAVEPOINT replacing");
    await connection.query(`DROP VIEW ${view}`);
    await connection.query(`CREATE VIEW ${view} AS SELECT * FROM ${source}`);
  }
}

/** Names, as JSON, of the tables and views of one generation that is no more; quoted, and with their schemas. */
type SpareRow = [tables: string, views: string];

/** With the views for people that still show them, which come first: they hang on the others. */
const spareSql = `
WITH spare AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, substring(c.relname FROM '^[a-z]+_(\\d+)')::numeric AS generation
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname IN ({schema_text}, {read_models_text}) AND c.relkind IN ('r', 'v')
    AND c.relname ~ '^(documents|table)_\\d+(_|$)'
), tables AS (
  -- In the store's own schema are only those of older formats; whatever else is called so is somebody else's.
  SELECT s.* FROM spare s
  WHERE s.nspname = {read_models_text} OR s.generation <= (SELECT m.last_in_schema FROM {schema}.meta m)
), named AS (
  SELECT s.generation, 'shows' AS kind, format('%I.%I', n.nspname, v.relname) AS name
  FROM tables s
  JOIN pg_depend d ON d.refobjid = s.oid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite r ON r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relname LIKE 'read\\_%'
  JOIN pg_namespace n ON n.oid = v.relnamespace AND n.nspname IN ({schema_text}, {read_models_text})
  UNION
  SELECT s.generation, CASE s.relkind WHEN 'r' THEN 'table' ELSE 'view' END, format('%I.%I', s.nspname, s.relname) FROM tables s
)
SELECT
  coalesce(json_agg(name) FILTER (WHERE kind = 'table'), '[]'),
  coalesce(json_agg(name ORDER BY kind) FILTER (WHERE kind <> 'table'), '[]')
FROM named
WHERE NOT EXISTS (SELECT FROM {schema}.generations m WHERE m.generation = named.generation)
  AND generation <= (SELECT r.last_generation FROM {schema}.read_side r)
GROUP BY generation`;

async function drop(connection: Session, [tables, views]: SpareRow): Promise<void> {
  const [allTables, allViews] = [tables, views].map((list) => JSON.parse(list) as string[]);
  for (const view of allViews!) await connection.query(`DROP VIEW IF EXISTS ${view}`);
  // Together: one may refer to the other.
  if (allTables!.length > 0) await connection.query(`DROP TABLE IF EXISTS ${allTables!.join(", ")}`);
}
