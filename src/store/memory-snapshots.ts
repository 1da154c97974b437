/**
 * The snapshots of the in-memory store.
 */
import { answer } from "./event-loop.ts";
import type { Snapshot, SnapshotStore } from "./event-store.ts";
import { checkSnapshot, checkSnapshotKey, checkSnapshotReached, checkStreamName } from "./read-options.ts";

/** Keeps snapshots by stream, in the order in which they were saved. `guard` runs before every access. */
export class MemorySnapshots implements SnapshotStore {
  readonly #byStream = new Map<string, readonly Snapshot[]>();
  readonly #guard: () => void;
  readonly #lastRevision: (stream: string) => number;

  constructor(guard: () => void, lastRevision: (stream: string) => number) {
    this.#guard = guard;
    this.#lastRevision = lastRevision;
  }

  /** Snapshots kept, over all streams. */
  get count(): number {
    let count = 0;
    for (const snapshots of this.#byStream.values()) count += snapshots.length;
    return count;
  }

  save(snapshot: Snapshot, options: { readonly keep?: number | undefined } = {}): Promise<void> {
    return this.#guarded(() => {
      const keep = checkSnapshot(snapshot, options);
      const { stream, name } = snapshot;
      checkSnapshotReached(snapshot, this.#lastRevision(stream));
      const others = this.#of(stream).filter((one) => one.name !== name);
      const kept = this.#of(stream).filter((one) => one.name === name && !isSamePlace(one, snapshot));
      const newest = [...kept, copyOf(snapshot)].slice(-keep);
      this.#byStream.set(stream, [...others, ...newest]);
    });
  }

  find(
    stream: string,
    key: { readonly name: string; readonly stateVersion: number; readonly atRevision?: number },
  ): Promise<Snapshot | undefined> {
    return this.#guarded(() => {
      checkStreamName(stream);
      checkSnapshotKey(key);
      const { name, stateVersion, atRevision = Infinity } = key;
      const found = newestFirst(this.#of(stream)).find(
        (one) => one.name === name && one.stateVersion === stateVersion && one.revision <= atRevision,
      );
      return found && copyOf(found);
    });
  }

  list(stream: string): Promise<readonly Snapshot[]> {
    return this.#guarded(() => {
      checkStreamName(stream);
      return newestFirst(this.#of(stream)).map(copyOf);
    });
  }

  clear(stream: string): Promise<void> {
    return this.#guarded(() => {
      checkStreamName(stream);
      this.forget(stream);
    });
  }

  /** What {@link clear} does, at once and unguarded. */
  forget(stream: string): void {
    this.#byStream.delete(stream);
  }

  #of(stream: string): readonly Snapshot[] {
    return this.#byStream.get(stream) ?? [];
  }

  #guarded<Result>(body: () => Result): Promise<Result> {
    return answer(() => {
      this.#guard();
      return body();
    });
  }
}

function isSamePlace(one: Snapshot, other: Snapshot): boolean {
  return one.stateVersion === other.stateVersion && one.revision === other.revision;
}

function newestFirst(snapshots: readonly Snapshot[]): Snapshot[] {
  return snapshots.toSorted((one, other) => other.revision - one.revision);
}

function copyOf({ stream, name, stateVersion, revision, takenAt, state }: Snapshot): Snapshot {
  return { stream, name, stateVersion, revision, takenAt, state: state.slice() };
}
