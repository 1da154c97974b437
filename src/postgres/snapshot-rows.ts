/**
 * Snapshots in the database.
 */
import type { Snapshot, SnapshotStore } from "../store/event-store.ts";
import {
  checkSnapshot,
  checkSnapshotKey,
  checkSnapshotReached,
  checkStreamName,
} from "../store/read-options.ts";
import { lastRevisionOf } from "./log-expressions.ts";
import type { SharedStore } from "./shared-store.ts";
import { givenText, storedText } from "./stored-text.ts";

type SnapshotRow = readonly [
  stream: string,
  name: string,
  stateVersion: number,
  revision: number,
  takenAt: string,
  state: Uint8Array,
];

const columns = "s.stream, s.name, s.state_version, s.revision, s.taken_at, s.state";

/** Gives the last revision of the stream; a snapshot beyond it is not saved. */
const saveSql = `
WITH stream_end AS (
  SELECT greatest(
    -1, ${lastRevisionOf("$1")}, (SELECT p.last_revision FROM {schema}.stream_policies p WHERE p.stream = $1)
  ) AS last
),
saved AS (
  INSERT INTO {schema}.snapshots AS s (stream, name, state_version, revision, taken_at, state)
  SELECT $1, $2, $3, $4, $5, $6 FROM stream_end e WHERE $4 <= e.last
  ON CONFLICT (stream, name, state_version, revision)
  DO UPDATE SET taken_at = excluded.taken_at, state = excluded.state
  RETURNING state_version, revision, taken_at
),
newest AS (
  SELECT state_version, revision, taken_at FROM saved
  UNION
  SELECT s.state_version, s.revision, s.taken_at FROM {schema}.snapshots s
  WHERE s.stream = $1 AND s.name = $2 AND (s.state_version, s.revision) <> ($3, $4)
  ORDER BY taken_at DESC, revision DESC
  LIMIT $7
),
gone AS (
  DELETE FROM {schema}.snapshots s
  WHERE s.stream = $1 AND s.name = $2 AND (s.state_version, s.revision) <> ($3, $4)
    AND (s.state_version, s.revision) NOT IN (SELECT n.state_version, n.revision FROM newest n)
    AND EXISTS (SELECT FROM saved)
)
SELECT e.last FROM stream_end e`;

const findSql = `
SELECT ${columns} FROM {schema}.snapshots s
WHERE s.stream = $1 AND s.name = $2 AND s.state_version = $3 AND s.revision <= $4
ORDER BY s.revision DESC LIMIT 1`;

const listSql = `
SELECT ${columns} FROM {schema}.snapshots s WHERE s.stream = $1 ORDER BY s.taken_at DESC, s.revision DESC`;

const clearSql = "DELETE FROM {schema}.snapshots s WHERE s.stream = $1";

/** The snapshots of a store. */
export class SnapshotRows implements SnapshotStore {
  readonly #shared: SharedStore;

  constructor(shared: SharedStore) {
    this.#shared = shared;
  }

  async save(snapshot: Snapshot, options: { readonly keep?: number | undefined } = {}): Promise<void> {
    this.#shared.checkOpen();
    const keep = checkSnapshot(snapshot, options);
    const { stream, name, stateVersion, revision, takenAt, state } = snapshot;
    // A copy: what is waited for must not change.
    const bytes = Buffer.from(state);
    const [[last] = [-1]] = await this.#write<[number]>(saveSql, [
      storedText(stream),
      storedText(name),
      stateVersion,
      revision,
      storedText(takenAt),
      bytes,
      keep,
    ]);
    checkSnapshotReached({ stream, name, stateVersion, revision, takenAt }, last);
  }

  async find(
    stream: string,
    key: { readonly name: string; readonly stateVersion: number; readonly atRevision?: number },
  ): Promise<Snapshot | undefined> {
    checkStreamName(stream);
    checkSnapshotKey(key);
    const { name, stateVersion, atRevision = Number.MAX_SAFE_INTEGER } = key;
    const [row] = await this.#read(findSql, [storedText(stream), storedText(name), stateVersion, atRevision]);
    return row && toSnapshot(row);
  }

  async list(stream: string): Promise<readonly Snapshot[]> {
    checkStreamName(stream);
    return (await this.#read(listSql, [storedText(stream)])).map(toSnapshot);
  }

  async clear(stream: string): Promise<void> {
    checkStreamName(stream);
    await this.#write(clearSql, [storedText(stream)]);
  }

  #read(sql: string, values: readonly unknown[]): Promise<SnapshotRow[]> {
    this.#shared.checkOpen();
    return this.#shared.database.query<SnapshotRow>(this.#shared.database.qualify(sql), values);
  }

  /** In turn with the other writes of the handle; done twice it does no harm. */
  async #write<Row extends readonly unknown[]>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    const { checkOpen, checkWritable, queue, database } = this.#shared;
    checkOpen();
    checkWritable();
    return queue.run(() => database.query<Row>(database.qualify(sql), values));
  }
}

function toSnapshot([stream, name, stateVersion, revision, takenAt, state]: SnapshotRow): Snapshot {
  return {
    stream: givenText(stream),
    name: givenText(name),
    stateVersion,
    revision,
    takenAt: givenText(takenAt),
    state: Uint8Array.from(state),
  };
}
