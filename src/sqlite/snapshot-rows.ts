/**
 * Snapshots in the store's file. Each row carries a checksum; a row that does not fit it counts as absent, since a
 * snapshot can always be made again from the events.
 */
import { crc32 } from "node:zlib";
import type { Snapshot } from "../store/event-store.ts";
import type { Database } from "./driver.ts";
import type { Statements } from "./row-source.ts";

/** The columns of a snapshot. */
export type SnapshotRow = [
  stream: string,
  name: string,
  stateVersion: number,
  revision: number,
  takenAt: string,
  checksum: number,
  state: Uint8Array,
];

/** To select {@link SnapshotRow}s. */
export const selectSnapshots =
  "SELECT stream, name, state_version, revision, taken_at, checksum, state FROM snapshots";

/** Stores a snapshot and drops all but the `keep` newest of its stream and name. */
export function saveSnapshot(db: Database, snapshot: Snapshot, keep: number): void {
  const { stream, name, stateVersion, revision, takenAt, state } = snapshot;
  // Node 22 binds an array without bytes that came from another thread as null.
  db.prepare("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, coalesce(?, x''))").run(
    stream,
    name,
    stateVersion,
    revision,
    takenAt,
    checksumOf(snapshot),
    state,
  );
  db.prepare(
    `DELETE FROM snapshots WHERE stream = ? AND name = ? AND (state_version, revision) NOT IN (
       SELECT state_version, revision FROM snapshots WHERE stream = ? AND name = ?
       ORDER BY taken_at DESC, revision DESC LIMIT ?)`,
  ).run(stream, name, stream, name, keep);
}

/** The newest sound snapshot of a stream, name and state version, at or below `atRevision`. */
export function findSnapshot(
  statements: Statements,
  stream: string,
  key: { readonly name: string; readonly stateVersion: number; readonly atRevision?: number },
): Snapshot | undefined {
  return statements
    .prepare<SnapshotRow>(
      `${selectSnapshots} WHERE stream = ? AND name = ? AND state_version = ? AND revision <= ?
       ORDER BY revision DESC`,
    )
    .all(stream, key.name, key.stateVersion, key.atRevision ?? Number.MAX_SAFE_INTEGER)
    .map(toSnapshot)
    .find((snapshot) => snapshot?.stream === stream && snapshot.name === key.name);
}

/** The sound snapshots of a stream, newest first. */
export function listSnapshots(statements: Statements, stream: string): Snapshot[] {
  return statements
    .prepare<SnapshotRow>(`${selectSnapshots} WHERE stream = ? ORDER BY taken_at DESC, revision DESC`)
    .all(stream)
    .map(toSnapshot)
    .filter((snapshot) => snapshot?.stream === stream)
    .filter((snapshot) => snapshot !== undefined);
}

/** The snapshot in a row; undefined when the row is not as it was written. */
export function toSnapshot([stream, name, stateVersion, revision, takenAt, checksum, state]: SnapshotRow):
  | Snapshot
  | undefined {
  const snapshot = { stream, name, stateVersion, revision, takenAt, state };
  // As text, the same bytes would have the same checksum.
  return state instanceof Uint8Array && checksumOf(snapshot) === checksum ? snapshot : undefined;
}

function checksumOf({ stream, name, stateVersion, revision, takenAt, state }: Snapshot): number {
  return crc32(state, crc32(JSON.stringify([stream, name, stateVersion, revision, takenAt])));
}
