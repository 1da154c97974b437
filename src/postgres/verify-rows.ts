/**
 * What `verify` looks at besides the log and its indexes. Rows have no checksums here, so what is looked at is whether they
 * can be: nothing is further on than the log or newer than its counter, JSON is JSON, and the indexed values of a document
 * are those that it holds. What is compared comes from one statement, so writers may go on meanwhile.
 */
import { indexedFields, indexValues } from "../store/document-query.ts";
import type { VerifyProblem } from "../store/event-store.ts";
import type { ReadModelInfo, ReadModelShape } from "../store/read-side.ts";
import { fromStored } from "./json-text.ts";
import { headOfLog, lastRevisionOf } from "./log-expressions.ts";
import { sqlStateOf } from "./postgres-errors.ts";
import { findMisfits } from "./read-side/find-misfits.ts";
import { checkOwner } from "./read-side/generations.ts";
import { encodeIndexValue, givenText } from "./read-side/index-values.ts";
import { Names } from "./read-side/names.ts";
import { recordKeyIndexed } from "./read-side/read-side-tables.ts";
import { isTableMissing } from "./read-side/sql-runner.ts";
import type { Database } from "./session.ts";
import { givenText as textOf } from "./stored-text.ts";

/** So many problems of a kind are asked for: a report does not name more, and says that there are more. */
export const problemsMax = 100;

const rowsAtOnce = 1_000;
const bytesAtOnce = 1_000_000;

/** What is looked at. */
export interface VerifiedStore {
  readonly database: Database;
  /** Called for each page. @throws `ABORTED`, `STORE_CLOSED` */
  readonly checkGoingOn: () => void;
}

type Check = (store: VerifiedStore) => AsyncGenerator<VerifyProblem, undefined>;

/** One check for each table, so that what PostgreSQL can not read of one leaves the others. */
export const rowChecks: readonly Check[] = [checkPolicies, checkSnapshots, checkRecords, checkModels];

const policiesSql = `
SELECT p.stream, p.deleted_before > coalesce(greatest(p.last_revision, ${lastRevisionOf("p.stream")}), -1) + 1
FROM {schema}.stream_policies p
WHERE p.max_count < 1 OR p.max_age_ms < 1 OR p.truncate_before < 0 OR p.deleted_before < 0 OR p.last_revision < -1
  OR greatest(p.max_count, p.max_age_ms, p.truncate_before, p.last_revision) > ${Number.MAX_SAFE_INTEGER}
  OR p.deleted_before > coalesce(greatest(p.last_revision, ${lastRevisionOf("p.stream")}), -1) + 1
LIMIT ${problemsMax + 1}`;

async function* checkPolicies({ database }: VerifiedStore): AsyncGenerator<VerifyProblem, undefined> {
  const rows = await database.patient.query<[string, boolean]>(database.qualify(policiesSql), []);
  for (const [stored, isBeyond] of rows) {
    const stream = textOf(stored);
    yield isBeyond
      ? { kind: "revision", message: "the policy deletes what is beyond the end of the stream", stream }
      : { kind: "checksum", message: "the policy is none that can be set", stream };
  }
}

const snapshotsSql = `
SELECT s.stream, s.name, s.revision FROM {schema}.snapshots s
WHERE s.revision NOT BETWEEN 0 AND coalesce(greatest(
  ${lastRevisionOf("s.stream")}, (SELECT p.last_revision FROM {schema}.stream_policies p WHERE p.stream = s.stream)), -1)
LIMIT ${problemsMax + 1}`;

async function* checkSnapshots({ database }: VerifiedStore): AsyncGenerator<VerifyProblem, undefined> {
  const sql = database.qualify(snapshotsSql);
  for (const [stream, name, revision] of await database.patient.query<[string, string, number]>(sql, [])) {
    const message = `the snapshot of "${textOf(name)}" is of revision ${revision}, beyond the end of its stream`;
    yield { kind: "revision", message, stream: textOf(stream) };
  }
}

/** The last version that was given; null where the role may not know. A sequence that was never asked has no value. */
const newestVersion = `(
  SELECT coalesce(s.last_value, CASE WHEN has_sequence_privilege(format('%I.%I', s.schemaname, s.sequencename), 'SELECT') THEN 0 END)
  FROM pg_sequences s WHERE s.schemaname = {schema_text} AND s.sequencename = 'record_versions')`;

type RecordRow = [space: string, key: string, version: number, json: string, newest: number | null];

async function* checkRecords(store: VerifiedStore): AsyncGenerator<VerifyProblem, undefined> {
  const rows = rowsOf<RecordRow>(store, {
    from: "{schema}.records AS r",
    order: ["r.space", `left(r.key, ${recordKeyIndexed})`, "r.key"],
    bytes: "octet_length(r.value::text)",
    columns: `r.space, r.key, r.version, r.value, ${newestVersion}`,
  });
  for await (const [space, key, version, json, newest] of rows) {
    const what = `the record ${givenText(key)} of ${givenText(space)}`;
    if (parsed(json) === undefined) yield { kind: "checksum", message: `${what} is not JSON` };
    if (newest === null || version <= newest) continue;
    yield { kind: "position", message: `${what} has a version that was never given` };
  }
}

const modelsSql = `
SELECT m.generation, m.name, m.version, m.shape, m.state, m.position, m.fields, ${headOfLog},
  (SELECT r.last_generation FROM {schema}.read_side r)
FROM {schema}.generations m ORDER BY m.generation`;

type ModelRow = [
  generation: number,
  name: string,
  version: number,
  shape: string,
  state: ReadModelInfo["state"],
  position: number,
  fields: number | null,
  head: number,
  newest: number | null,
];

async function* checkModels(store: VerifiedStore): AsyncGenerator<VerifyProblem, undefined> {
  const { database } = store;
  const models: ReadModelInfo[] = [];
  for (const row of await database.query<ModelRow>(database.qualify(modelsSql), [])) {
    const [generation, name, version, text, state, position, fields, head, newest] = row;
    const what = `generation ${generation} of the read model "${name}"`;
    if (position < 0 || position > head) {
      const place = position < 0 ? "before the beginning" : "beyond the end";
      yield { kind: "position", message: `${what} is ${place} of the log`, position };
    }
    if (generation > (newest ?? 0)) {
      yield { kind: "position", message: `${what} has a number that was never given` };
    }
    const json = parsed(text);
    const shape = json?.value;
    if (!isShape(shape)) {
      const fault = json === undefined ? "is not JSON" : "is none that this version knows";
      yield { kind: "checksum", message: `the shape of ${what} ${fault}` };
      continue;
    }
    const model = { generation, name, version, shape, state, position };
    models.push(model);
    if (fields !== (shape.kind === "documents" ? indexedFields(shape).length : null)) {
      yield { kind: "checksum", message: `the number of indexed fields of ${what} does not fit its shape` };
    }
    if (shape.kind === "documents") yield* checkDocuments(store, model);
  }
  for (const message of await findMisfits(database, models)) yield { kind: "file", message };
}

const noRight = "42501";

type DocumentRow = [key: string, json: string, position: number, fields: string, reached: number];

async function* checkDocuments(
  store: VerifiedStore,
  model: ReadModelInfo,
): AsyncGenerator<VerifyProblem, undefined> {
  const { database } = store;
  const { generation, name, shape } = model;
  const names = new Names(database);
  try {
    await checkOwner(database, names, model);
    const rows = rowsOf<DocumentRow>(store, {
      from: `${names.documents(generation)} AS d JOIN {schema}.generations AS m ON m.generation = ${generation}`,
      order: ["d.key"],
      bytes: "octet_length(d.document::text)",
      columns: "d.key, d.document, d.position, to_json(d.fields)::text, m.position",
    });
    for await (const [storedKey, json, position, fields, reached] of rows) {
      const key = givenText(storedKey);
      const what = `the document "${key}" of the read model "${name}"`;
      const document = parsed(json);
      if (document === undefined) {
        yield { kind: "checksum", message: `${what} is not JSON` };
      } else if (!isSame(indexValues(shape, document.value).map(encodeIndexValue), fields)) {
        const message = `an index of the read model "${name}" does not fit the document "${key}"`;
        yield { kind: "index", message };
      }
      if (position <= reached) continue;
      yield { kind: "position", message: `${what} is newer than its read model`, position };
    }
  } catch (error) {
    // It was dropped meanwhile, or `findMisfits` tells of it; or it belongs to a role whose code must not run here.
    if (!isTableMissing(error) && sqlStateOf(error) !== noRight) throw error;
  }
}

interface Walk {
  /** Table, after FROM. */
  readonly from: string;
  /** Expressions of type text that make a row unique, of which an index leads. */
  readonly order: readonly string[];
  /** How large a row is. */
  readonly bytes: string;
  readonly columns: string;
}

/** All rows in their order. Large ones come one by one: their sizes are asked for first. */
async function* rowsOf<Row extends readonly unknown[]>(
  { database, checkGoingOn }: VerifiedStore,
  { from, order, bytes, columns }: Walk,
): AsyncGenerator<Row, undefined> {
  const session = database.patient;
  const key = order.join(", ");
  const bound = (offset: number): string => order.map((_, n) => `$${offset + n + 1}::text`).join(", ");
  const select = (what: string, conditions: readonly string[], limit = ""): string => {
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    return database.qualify(`SELECT ${what} FROM ${from} ${where} ORDER BY ${key} ${limit}`);
  };
  let last: readonly string[] = [];
  for (let isMore = true; isMore;) {
    const after = last.length === 0 ? [] : [`(${key}) > (${bound(0)})`];
    const sizes = await session.query<[number, ...string[]]>(
      select(`${bytes}, ${key}`, after, `LIMIT ${rowsAtOnce}`),
      last,
    );
    isMore = sizes.length === rowsAtOnce;
    for (const end of endsOf(sizes)) {
      checkGoingOn();
      const begun = last.length === 0 ? [] : [`(${key}) > (${bound(0)})`];
      const conditions = [...begun, `(${key}) <= (${bound(last.length)})`];
      yield* await session.query<Row>(select(columns, conditions), [...last, ...end]);
      last = end;
    }
  }
}

/** The last keys of pages that are just large enough. */
function* endsOf(sizes: ReadonlyArray<readonly [number, ...string[]]>): Generator<string[], undefined> {
  let sum = 0;
  for (const [index, [size, ...key]] of sizes.entries()) {
    sum += size;
    if (sum < bytesAtOnce && index < sizes.length - 1) continue;
    yield key;
    sum = 0;
  }
}

function isSame(texts: readonly string[], json: string): boolean {
  return JSON.stringify(texts) === JSON.stringify(JSON.parse(json));
}

function parsed(stored: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(fromStored(stored)) as unknown };
  } catch {
    return undefined;
  }
}

function isShape(shape: unknown): shape is ReadModelShape {
  if (typeof shape !== "object" || shape === null) return false;
  const { kind, indexes, tables } = shape as Partial<Record<"kind" | "indexes" | "tables", unknown>>;
  if (kind === "documents") return isListOf(indexes, (index) => isListOf(index, isText));
  return (
    kind === "sql" &&
    isListOf(Object.values(tables ?? [undefined]), isText) &&
    isListOf(Object.values(indexes ?? [undefined]), (list) => isListOf(list, isText))
  );
}

function isListOf(list: unknown, isRight: (item: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isRight);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}
