/**
 * Snapshots in the database.
 */
import type { Snapshot, SnapshotStore } from "../store/event-store.ts";
import { checkSnapshot, checkSnapshotKey, checkStreamName } from "../store/read-options.ts";
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

const saveSql = `
WITH saved AS (
  INSERT INTO {schema}.snapshots AS s (stream, name, state_version, revision, taken_at, state)
  VALUES ($1, $2, $3, $4, $5, $6)
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
)
DELETE FROM {schema}.snapshots s
WHERE s.stream = $1 AND s.name = $2 AND (s.state_version, s.revision) <> ($3, $4)
  AND (s.state_version, s.revision) NOT IN (SELECT n.state_version, n.revision FROM newest n)`;

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
    await this.#write(saveSql, [
      storedText(stream),
      storedText(name),
      stateVersion,
      revision,
      storedText(takenAt),
      bytes,
      keep,
    ]);
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
  async #write(sql: string, values: readonly unknown[]): Promise<void> {
    const { checkOpen, checkWritable, queue, database } = this.#shared;
    checkOpen();
    checkWritable();
    await queue.run(() => database.query(database.qualify(sql), values));
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
