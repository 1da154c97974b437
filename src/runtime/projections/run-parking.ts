/**
 * The parked keys of a generation, as its owner knows them; see `parked-records.ts` for their states and records.
 *
 * What a batch parks is known here as soon as it is folded, so that the batch after it, folded while it is still being
 * committed, holds back the events of the same keys. When a commit is refused, everything is loaded anew.
 *
 * The keys of an SQL projection order nothing, since its tables are nobody's alone: there, the event that fails is parked
 * under the name of its stream, and no other is held back.
 */
import type { StoredEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import type { ReadSide, ReadSideCommit } from "../../store/read-side.ts";
import {
  failedRecord,
  heldRecord,
  listParkedKeys,
  parkedKeyRef,
  parkedRef,
} from "../parked/parked-records.ts";
import type { Failure, ParkedScope } from "../parked/parked-records.ts";
import { ParkedRoom } from "../parked/parked-room.ts";
import type { ParkedKeyRecord } from "../records.ts";

/** An event to be parked under a key: because it failed, or else because it is held back. */
export interface Parked {
  readonly event: StoredEvent;
  readonly key: string;
  readonly failure: Failure | undefined;
}

/** What has to be known of parked keys while events are worked off. */
export interface ParkingRules {
  /** Whether events of this key are held back. */
  isHeld(key: string): boolean;
  /** The failure for which this event is to be parked under this key. */
  verdictOf(event: StoredEvent, key: string): Failure | undefined;
  /** Tells that an event of this key will be parked. */
  park(key: string): void;
}

interface KnownKey {
  /** Undefined while the commit that makes the record is under way. */
  version: number | undefined;
  record: ParkedKeyRecord;
}

/** Knows the parked keys of one generation. */
export class RunParking implements ParkingRules {
  readonly scope: ParkedScope;
  readonly #readSide: ReadSide;
  readonly #holdsBack: boolean;
  readonly #now: () => Date;
  #keys = new Map<string, KnownKey>();
  /** By position and key: events that have failed for good. */
  readonly #verdicts = new Map<string, Failure>();
  readonly #room: ParkedRoom;

  constructor(
    readSide: ReadSide,
    scope: ParkedScope,
    { holdsBack, now }: { holdsBack: boolean; now: () => Date },
  ) {
    this.#readSide = readSide;
    this.#room = new ParkedRoom(readSide, scope, limits.parkedEventsMax);
    this.scope = scope;
    this.#holdsBack = holdsBack;
    this.#now = now;
  }

  get hasParked(): boolean {
    return this.#keys.size > 0;
  }

  /** Keys that somebody wants replayed. */
  get replaying(): readonly ParkedKeyRecord[] {
    const records = [...this.#keys.values()].map(({ record }) => record);
    return records.filter(({ state }) => state === "replaying");
  }

  /** Sees what is stored. Nothing may be under way. */
  async load(): Promise<void> {
    const stored = await listParkedKeys(this.#readSide, this.scope);
    this.#keys = new Map(stored.map(({ version, record }) => [record.key, { version, record }]));
  }

  /** Version of a key's record; 0 where there is none. */
  versionOf(key: string): number {
    return this.#keys.get(key)?.version ?? 0;
  }

  isHeld(key: string): boolean {
    return this.#holdsBack && this.#keys.has(key);
  }

  verdictOf(event: StoredEvent, key: string): Failure | undefined {
    return this.#verdicts.size === 0 ? undefined : this.#verdicts.get(verdictKey(event.position, key));
  }

  /** From now on, this event is parked. */
  condemn(event: StoredEvent, key: string, failure: Failure): void {
    this.#verdicts.set(verdictKey(event.position, key), failure);
  }

  park(key: string): void {
    if (!this.#keys.has(key)) this.#keys.set(key, { version: undefined, record: { key, state: "blocked" } });
  }

  /** Takes room for so many more parked events. @throws `PARKED_FULL` */
  takeRoom(count: number): Promise<void> {
    return this.#room.take(count);
  }

  /** The part of a commit that parks events, and what to do once it is made. */
  changesFor(parked: readonly Parked[]): {
    readonly changes: Required<Pick<ReadSideCommit, "expect" | "put">>;
    readonly onCommitted: (version: number) => void;
  } {
    const keys = [...new Set(parked.map(({ key }) => key))];
    const changes = {
      expect: keys.map((key) => ({
        ...parkedKeyRef(this.scope, key),
        version: this.versionOf(key),
      })),
      put: [
        ...parked.map((one) => ({
          ...parkedRef(this.scope, one.key, one.event.position),
          value: this.#record(one),
        })),
        ...keys.map((key) => ({ ...parkedKeyRef(this.scope, key), value: this.#keys.get(key)?.record })),
      ],
    };
    const onCommitted = (version: number): void => {
      for (const key of keys) {
        const known = this.#keys.get(key);
        if (known !== undefined) known.version = version;
      }
      for (const { event, key } of parked) this.#verdicts.delete(verdictKey(event.position, key));
    };
    return { changes, onCommitted };
  }

  #record({ event, failure }: Parked): unknown {
    return failure === undefined ? heldRecord(event, this.#now()) : failedRecord(event, failure);
  }
}

function verdictKey(position: number, key: string): string {
  return `${position}/${key}`;
}
