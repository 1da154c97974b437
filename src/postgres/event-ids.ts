/**
 * Ids for events whose writer gives none: version-7 UUIDs that ascend.
 *
 * Those of one millisecond are counted up in their last 24 bits, from a random id on. So the index of ids grows at its
 * end, which costs the server less than ids that fall all over its last pages.
 *
 * State: the millisecond that ids were made for last, the random part of its ids, and the next count.
 */
import { uuidV7 } from "../store/uuid.ts";

const digits = 6;
const countEnd = 16 ** digits;

/** Makes ids for events. */
export class EventIds {
  readonly #seed: (nowMs: number) => string;
  readonly #end: number;
  #ms: number = Number.NaN;
  #beginning = "";
  #next = 0;

  /** `seed` makes the first id of a millisecond; counting begins anew at `end`. */
  constructor(seed: (nowMs: number) => string = uuidV7, end: number = countEnd) {
    this.#seed = seed;
    this.#end = end;
  }

  /** Makes `count` ids for the moment `nowMs`, in ascending order, and above those that were made for it just before. */
  take(nowMs: number, count: number): string[] {
    if (nowMs !== this.#ms || this.#next + count > this.#end) this.#begin(nowMs);
    const last = this.#next + count;
    const ids: string[] = [];
    for (; this.#next < last; this.#next++) {
      ids.push(this.#beginning + this.#next.toString(16).padStart(digits, "0"));
    }
    return ids;
  }

  #begin(nowMs: number): void {
    const seed = this.#seed(nowMs);
    this.#ms = nowMs;
    this.#beginning = seed.slice(0, -digits);
    // From the lower half, so that there is room above.
    this.#next = Number.parseInt(seed.slice(-digits), 16) >> 1;
  }
}
