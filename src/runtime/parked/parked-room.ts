/**
 * How many more events can be parked. Counting is not free, and other owners park too: so what was counted is relied
 * on for half of the room that there was, and then counted again. The limit is therefore met closely, not exactly.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ReadSide } from "../../store/read-side.ts";
import { spaces } from "../records.ts";
import { scopeKey } from "./parked-records.ts";
import type { ParkedScope } from "./parked-records.ts";

/** The room of one owner's parked events. */
export class ParkedRoom {
  readonly #readSide: ReadSide;
  readonly #scope: ParkedScope;
  readonly #max: number;
  #left = 0;

  constructor(readSide: ReadSide, scope: ParkedScope, max: number) {
    this.#readSide = readSide;
    this.#scope = scope;
    this.#max = max;
  }

  /** Takes room for so many. @throws `PARKED_FULL` */
  async take(count: number): Promise<void> {
    if (count > this.#left) await this.#count(count);
    this.#left -= count;
  }

  async #count(wanted: number): Promise<void> {
    const room = this.#max - (await this.#readSide.countRecords(spaces.parked, scopeKey(this.#scope)));
    if (room < wanted) {
      const owner = `The ${this.#scope.kind} ${this.#scope.name}`;
      throw new HithertoError("PARKED_FULL", { owner, max: this.#max });
    }
    this.#left = Math.max(wanted, Math.floor(room / 2));
  }
}
