/**
 * A generation in the hands of its owner. Each commit of an owner expects the generation's record (`runs`) as the owner
 * last saw it, so whoever has been overtaken, or has missed what an admin did, is refused with `RECORD_CONFLICT`.
 *
 * What the owner has to say about itself goes into that record with the next commit, whatever that is for; `flush` makes
 * one of its own where none comes. One commit is under way at a time: the next one has to expect what this one wrote.
 */
import type { ReadModelInfo, ReadSide, ReadSideCommit, StoredRecord } from "../../store/read-side.ts";
import type { RunRecord } from "../records.ts";
import { runRef } from "./generation-records.ts";

/** The part of a commit that shows its owner. */
export interface Guard {
  readonly expect: NonNullable<ReadSideCommit["expect"]>;
  readonly put: NonNullable<ReadSideCommit["put"]>;
  /** To be called with the version that the commit was given. */
  readonly onCommitted: (version: number) => void;
}

/** What the owner keeps in the record. */
export type OwnerNotes = Pick<RunRecord, "progress" | "hasParked">;

/** Makes the commits of an owner. */
export class OwnedGeneration {
  readonly model: ReadModelInfo;
  readonly #readSide: ReadSide;
  #version: number;
  #record: RunRecord;
  #next: RunRecord | undefined;

  /** @param stored - the record, in which this handle is the holder. */
  constructor(readSide: ReadSide, model: ReadModelInfo, stored: StoredRecord) {
    this.#readSide = readSide;
    this.model = model;
    this.#version = stored.version;
    this.#record = stored.value as RunRecord;
  }

  /** The record as it will be. */
  get record(): RunRecord {
    return this.#next ?? this.#record;
  }

  /** Whether nobody else has changed the record; with nothing to commit, a reset would else go unseen. */
  async isAsLastSeen(): Promise<boolean> {
    const stored = await this.#readSide.findRecord(runRef(this.model));
    return stored?.version === this.#version;
  }

  /** Notes something, to be written with the next commit. */
  note(notes: Partial<OwnerNotes>): void {
    this.#next = { ...this.record, ...notes };
  }

  /** What a commit has to carry. */
  guard(): Guard {
    const ref = runRef(this.model);
    const next = this.#next;
    return {
      expect: [{ ...ref, version: this.#version }],
      put: next === undefined ? [] : [{ ...ref, value: next }],
      onCommitted: (version) => {
        if (next === undefined) return;
        this.#version = version;
        this.#record = next;
        if (this.#next === next) this.#next = undefined;
      },
    };
  }

  /** Commits what can be had again from the log, so it need not outlive a loss of power. */
  async commit(changes: ReadSideCommit): Promise<{ readonly version: number }> {
    const guard = this.guard();
    const guarded = withGuard(changes, guard);
    const result = await this.#readSide.commit(guarded, { isDurable: false });
    guard.onCommitted(result.version);
    return result;
  }

  /** Writes what was noted, if anything was. */
  async flush(): Promise<void> {
    if (this.#next !== undefined) await this.commit({});
  }

  /** Gives the generation away. */
  async release(progress: RunRecord["progress"]): Promise<void> {
    this.#next = { ...this.record, holder: undefined, progress };
    await this.commit({});
  }
}

/** Puts a guard around changes. */
export function withGuard(changes: ReadSideCommit, guard: Guard): ReadSideCommit {
  return {
    ...changes,
    expect: [...guard.expect, ...(changes.expect ?? [])],
    put: [...guard.put, ...(changes.put ?? [])],
  };
}
