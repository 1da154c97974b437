/**
 * What one process knows of the members of a store, from looking at their records again and again.
 *
 * Of each member: its record as last seen, and for how long that has not changed (`unchangedMs`). Each look adds the
 * time since the look before, but never more than half of the member's lease time: a process that itself stood still
 * has seen nothing meanwhile, so it needs several looks before it takes another one for gone.
 *
 * A member is **alive** until its record has not changed for its lease time, or its process was seen to be no more. It is
 * **gone** from then on, and when its record was removed, until its record changes or is there again.
 * An id that no look has met yet counts as alive until a look, begun after it was asked about, has not met it.
 */
import type { ReadSide, StoredRecord } from "../store/read-side.ts";
import { processIsGone } from "./process-identity.ts";
import { spaces } from "./records.ts";
import type { MemberRecord } from "./records.ts";

/** Who is alive, as far as is known here. */
export interface Liveness {
  /** Of an id never seen: true until it has been looked for. */
  isAlive(id: string): boolean;
  /** Ids of those alive, in order. */
  alive(): readonly string[];
  /** Ids of those alive that take part in a work, in order. */
  participants(work: string): readonly string[];
  /** For people, such as `host/4711`; the id itself of a member never seen. */
  labelOf(id: string): string;
}

interface Watched {
  version: number;
  record: MemberRecord;
  unchangedMs: number;
  isProcessGone: boolean;
}

/** A member whose record has been left behind for so many of its lease times is forgotten. */
const forgottenAfterLeases = 20;

/** Watches the members of a store; knows only what its looks have seen. */
export class MemberWatch implements Liveness {
  readonly #readSide: ReadSide;
  readonly #members = new Map<string, Watched>();
  /** Ids asked about since the last look began, and not met so far. */
  #asked = new Set<string>();
  /** Ids that the last look did not meet. */
  #missed = new Set<string>();
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(readSide: ReadSide) {
    this.#readSide = readSide;
  }

  /** Looks at all records; one look at a time, shared by those who ask meanwhile. Throws what the store throws. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  isAlive(id: string): boolean {
    const watched = this.#members.get(id);
    if (watched !== undefined) return isAlive(watched);
    this.#asked.add(id);
    return !this.#missed.has(id);
  }

  alive(): readonly string[] {
    return this.#idsOf(isAlive);
  }

  participants(work: string): readonly string[] {
    return this.#idsOf((watched) => isAlive(watched) && watched.record.works.includes(work));
  }

  labelOf(id: string): string {
    return this.#members.get(id)?.record.label ?? id;
  }

  /** The records of members gone for so long that nobody needs them any more. */
  leftBehind(): ReadonlyArray<{ readonly id: string; readonly version: number }> {
    const isForgotten = ({ unchangedMs, record }: Watched): boolean =>
      unchangedMs >= forgottenAfterLeases * record.leaseMs;
    return this.#idsOf(isForgotten).map((id) => ({ id, version: this.#members.get(id)?.version ?? 0 }));
  }

  async #look(): Promise<void> {
    const asked = this.#asked;
    this.#asked = new Set();
    const records = await this.#readSide.listRecords(spaces.members);
    const now = performance.now();
    const elapsedMs = now - this.#lookedAt;
    this.#lookedAt = now;
    for (const record of records) this.#see(record, elapsedMs);
    this.#miss(new Set(records.map(({ key }) => key)), asked);
  }

  #see({ key, version, value }: StoredRecord, elapsedMs: number): void {
    const record = value as MemberRecord;
    const before = this.#members.get(key);
    const isChanged = before?.version !== version;
    this.#members.set(key, {
      version,
      record,
      unchangedMs: isChanged ? 0 : before.unchangedMs + Math.min(elapsedMs, record.leaseMs / 2),
      isProcessGone: processIsGone(record),
    });
  }

  #miss(met: ReadonlySet<string>, asked: ReadonlySet<string>): void {
    const vanished = [...this.#members.keys()].filter((id) => !met.has(id));
    for (const id of vanished) this.#members.delete(id);
    this.#missed = new Set([...vanished, ...asked].filter((id) => !met.has(id)));
  }

  #idsOf(matches: (watched: Watched) => boolean): string[] {
    const ids = [...this.#members].filter(([, watched]) => matches(watched)).map(([id]) => id);
    return ids.toSorted();
  }
}

function isAlive({ unchangedMs, record, isProcessGone }: Watched): boolean {
  return !isProcessGone && unchangedMs < record.leaseMs;
}
