/**
 * What `verify` looks at besides the log and its indexes: every row with a checksum of its own, and whether what it says can
 * be. Nothing is further on than the log, or newer than its counter.
 */
import { isHithertoError } from "../core/errors.ts";
import { compareIndexValues } from "../store/document-query.ts";
import type { VerifyProblem } from "../store/event-store.ts";
import type { IndexValue, ReadModelInfo } from "../store/read-side.ts";
import { readCounter } from "./counters.ts";
import type { CounterName } from "./counters.ts";
import type { Database, SqlValue } from "./driver.ts";
import { checkHole, holeColumns } from "./hole-rows.ts";
import type { HoleRow } from "./hole-rows.ts";
import { changedIndexes } from "./index-entries.ts";
import { toDocument } from "./read-side/document-rows.ts";
import type { DocumentRow } from "./read-side/document-rows.ts";
import { documentColumns } from "./read-side/document-sql.ts";
import { findMisfits } from "./read-side/find-misfits.ts";
import { toModel, selectModels } from "./read-side/generations.ts";
import type { ModelRow } from "./read-side/generations.ts";
import { documentTable } from "./read-side/names.ts";
import { checkRecord, selectRecords, toRecord } from "./read-side/record-rows.ts";
import type { RecordRow } from "./read-side/record-rows.ts";
import { rowDamaged } from "./row-checksum.ts";
import { selectSnapshots, toSnapshot } from "./snapshot-rows.ts";
import type { SnapshotRow } from "./snapshot-rows.ts";
import { checkPolicy, selectPolicies } from "./stream-policies.ts";
import type { StoredPolicyRow } from "./stream-policies.ts";

/** What is looked at, and what is known of the log. */
export interface VerifiedFile {
  readonly db: Database;
  readonly store: string;
  /** The last position that a commit or hole reaches. */
  readonly head: number;
}

type Check = (file: VerifiedFile) => Generator<VerifyProblem>;

/** One check for each table, so that what SQLite can not read of one leaves the others. */
export const rowChecks: readonly Check[] = [
  checkCounters,
  checkHoles,
  checkPolicies,
  checkSnapshots,
  checkRecords,
  checkModels,
  checkTables,
  checkIndexes,
];

function* checkCounters({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  const names: readonly CounterName[] = ["policy_changes", "head", "record_version", "generation"];
  for (const name of names) yield* problemsOf(() => readCounter(db, name, store));
}

function* checkHoles({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  const rows = db.prepare<HoleRow>(`SELECT ${holeColumns} FROM holes ORDER BY position`);
  for (const row of rows.iterate()) yield* problemsOf(() => checkHole(row, store));
}

function* checkPolicies({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  const rows = db.prepare<StoredPolicyRow>(`${selectPolicies} NOT INDEXED ORDER BY stream`);
  const changes = counterOf(db, "policy_changes");
  for (const row of inOrder(rows.iterate(), 1, store)) {
    const [stream, changed] = [row[0], row[7]];
    yield* problemsOf(() => checkPolicy(row, store));
    if (changed <= changes) continue;
    yield { kind: "position", message: "the policy is newer than any that was set", stream };
  }
}

function* checkSnapshots({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  const rows = db.prepare<SnapshotRow>(`${selectSnapshots} ORDER BY stream, name, state_version, revision`);
  const last = db.prepare<[number | null]>(
    `SELECT max(coalesce((SELECT revision + events - 1 FROM commits WHERE stream = ? ORDER BY revision DESC LIMIT 1), -1),
       coalesce((SELECT last_revision FROM stream_policies WHERE stream = ?), -1))`,
  );
  for (const row of inOrder(rows.iterate(), 4, store)) {
    const [stream, name, , revision] = row;
    if (toSnapshot(row) === undefined) {
      yield { kind: "checksum", message: `the checksum does not fit the snapshot of "${name}"`, stream };
    } else if (revision > (last.get(stream, stream)?.[0] ?? -1)) {
      const message = `the snapshot of "${name}" is of revision ${revision}, beyond the end of its stream`;
      yield { kind: "revision", message, stream };
    }
  }
}

function* checkRecords({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  const rows = db.prepare<RecordRow>(`${selectRecords} ORDER BY space, key`);
  const newest = counterOf(db, "record_version");
  for (const row of inOrder(rows.iterate(), 2, store)) {
    const [space, key, version] = row;
    yield* problemsOf(() => toRecord(checkRecord(row, store), store));
    if (version <= newest) continue;
    yield { kind: "position", message: `the record ${key} of ${space} has a version that was never given` };
  }
}

function* checkModels({ db, store, head }: VerifiedFile): Generator<VerifyProblem> {
  const newest = counterOf(db, "generation");
  for (const row of db.prepare<ModelRow>(`${selectModels} NOT INDEXED ORDER BY generation`).all()) {
    const found: ReadModelInfo[] = [];
    yield* problemsOf(() => found.push(toModel(row, store)));
    for (const model of found) {
      const { generation, name, position } = model;
      const what = `generation ${generation} of the read model "${name}"`;
      if (position > head) {
        yield { kind: "position", message: `${what} is beyond the end of the log`, position };
      }
      if (generation > newest) {
        yield { kind: "position", message: `${what} has a number that was never given` };
      }
      if (model.shape.kind === "documents") yield* checkDocuments(db, store, model);
    }
  }
}

function* checkDocuments(db: Database, store: string, model: ReadModelInfo): Generator<VerifyProblem> {
  const exists = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  if (exists.get(`documents_${model.generation}`) === undefined) return;
  const rows = db.prepare<DocumentRow>(
    `SELECT ${documentColumns(model.shape)} FROM ${documentTable(model.generation)} AS d ORDER BY d.key`,
  );
  for (const row of inOrder(rows.iterate(), 1, store)) {
    const what = `the document "${row[0]}" of the read model "${model.name}"`;
    const found: Array<ReturnType<typeof toDocument>> = [];
    yield* problemsOf(() => found.push(toDocument(row, model, store)));
    for (const { json, position } of found) {
      if (!isJson(json)) yield { kind: "checksum", message: `${what} is not JSON` };
      if (position <= model.position) continue;
      yield { kind: "position", message: `${what} is newer than its read model`, position };
    }
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function* checkIndexes({ db }: VerifiedFile): Generator<VerifyProblem> {
  for (const message of changedIndexes(db)) yield { kind: "index", message };
}

function* checkTables({ db, store }: VerifiedFile): Generator<VerifyProblem> {
  for (const message of findMisfits(db, store)) yield { kind: "file", message };
}

/** Without a check of its own, which is made elsewhere. */
function counterOf(db: Database, name: CounterName): number {
  return db.prepare<[number]>("SELECT value FROM counters WHERE name = ?").get(name)?.[0] ?? 0;
}

function* problemsOf(check: () => unknown): Generator<VerifyProblem> {
  try {
    check();
  } catch (error) {
    if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
    yield { kind: "checksum", message: error.details.problem };
  }
}

/** Refuses rows that are not in order: pages that have taken each other's place would lead around in circles. */
function* inOrder<Row extends readonly SqlValue[]>(
  rows: Iterable<Row>,
  keyLength: number,
  store: string,
): Generator<Row> {
  let before: Row | undefined;
  for (const row of rows) {
    if (before !== undefined && !isBehind(row, before, keyLength)) {
      throw rowDamaged(store, "its pages are out of order");
    }
    before = row;
    yield row;
  }
}

function isBehind(row: readonly SqlValue[], before: readonly SqlValue[], keyLength: number): boolean {
  for (let index = 0; index < keyLength; index++) {
    const order = compareIndexValues(row[index] as IndexValue, before[index] as IndexValue);
    if (order !== 0) return order > 0;
  }
  return false;
}
