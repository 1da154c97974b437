/**
 * Replays the parked events of a generation's keys, where somebody has asked for it: in order within a key, one commit for
 * each, which removes the parked event and, with the last one, frees the key. An event that fails again blocks the key
 * again, with what is behind it.
 */
import { performance } from "node:perf_hooks";
import type { EventStore } from "../../store/event-store.ts";
import type { ReadSideCommit } from "../../store/read-side.ts";
import { failedRecord, listParkedOfKey, parkedKeyRef, parkedRef } from "../parked/parked-records.ts";
import type { StoredParked } from "../parked/parked-records.ts";
import type { ParkedKeyRecord } from "../records.ts";
import type { EventFailure } from "./event-failure.ts";
import type { GenerationWriter, WriterSurroundings } from "./generation-writer.ts";

/** What replaying needs. */
export interface ReplayOptions extends WriterSurroundings {
  readonly store: Pick<EventStore, "read">;
  readonly writer: GenerationWriter;
  readonly now: () => Date;
  /** Told of an event that failed again. */
  readonly onFailure: (failure: EventFailure, attempts: number) => void;
}

/** Replays of one generation. */
export class Replays {
  readonly #options: ReplayOptions;
  /** When the next event may be replayed of the keys whose replay has a limit; they share it. */
  #dueAt = 0;

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /** Replays one event of each key that is due. Says in how many milliseconds more are, undefined if there are none. */
  async step(): Promise<number | undefined> {
    const { parking } = this.#options;
    let waitMs: number | undefined;
    for (const key of parking.replaying) {
      waitMs = Math.min(waitMs ?? Infinity, await this.#replayIfDue(key));
    }
    return waitMs;
  }

  /** Says in how many milliseconds the next one is due. */
  async #replayIfDue(key: ParkedKeyRecord): Promise<number> {
    const { ratePerSecond } = key;
    const dueInMs = ratePerSecond === undefined ? 0 : this.#dueAt - performance.now();
    if (dueInMs > 0) return dueInMs;
    await this.#replayNext(key);
    if (ratePerSecond === undefined) return 0;
    this.#dueAt = performance.now() + 1_000 / ratePerSecond;
    return 1_000 / ratePerSecond;
  }

  async #replayNext(key: ParkedKeyRecord): Promise<void> {
    const { readSide, parking, store, writer } = this.#options;
    const [first, second] = await listParkedOfKey(readSide, parking.scope, key.key, { limit: 2 });
    if (first === undefined) return this.#free(key);
    const changes = this.#changes(key, first, second === undefined);
    const { position } = first;
    const [event] = await store.read({ from: position, to: position }).toArray();
    // It was hidden since, by a policy or with its stream: nothing is to be made of it any more.
    if (event === undefined) return this.#commit(changes);
    const failure = await writer.replay({ event, key: key.key, changes });
    if (failure === undefined) await parking.load();
    else await this.#block(key, first, failure);
  }

  #changes(key: ParkedKeyRecord, { position }: StoredParked, isLast: boolean): ReadSideCommit {
    const { parking } = this.#options;
    const keyRef = parkedKeyRef(parking.scope, key.key);
    const event = parkedRef(parking.scope, key.key, position);
    const expect = [{ ...keyRef, version: parking.versionOf(key.key) }];
    if (isLast) return { expect, remove: [event, keyRef] };
    return { expect, remove: [event], put: [{ ...keyRef, value: key }] };
  }

  async #block(
    key: ParkedKeyRecord,
    { position, record }: StoredParked,
    failure: EventFailure,
  ): Promise<void> {
    const { parking, now, onFailure } = this.#options;
    const attempts = record.attempts + 1;
    const keyRef = parkedKeyRef(parking.scope, key.key);
    const failed = failedRecord(failure.event, { error: failure.error, attempts, at: now() }, record);
    const blocked: ParkedKeyRecord = { key: key.key, state: "blocked" };
    await this.#commit({
      expect: [{ ...keyRef, version: parking.versionOf(key.key) }],
      put: [
        { ...parkedRef(parking.scope, key.key, position), value: failed },
        { ...keyRef, value: blocked },
      ],
    });
    onFailure(failure, attempts);
  }

  #free({ key }: ParkedKeyRecord): Promise<void> {
    const { parking } = this.#options;
    const keyRef = parkedKeyRef(parking.scope, key);
    return this.#commit({ expect: [{ ...keyRef, version: parking.versionOf(key) }], remove: [keyRef] });
  }

  async #commit(changes: ReadSideCommit): Promise<void> {
    const { owned, parking } = this.#options;
    await owned.commit(changes);
    await parking.load();
  }
}
