/**
 * Changes that can be taken back, for stores in memory.
 *
 * A stage is **closed** (changes take effect at once) or **open** (between `begin` and `end`): then changes are seen in
 * the `staged` view only, and whatever changes keeps what it was before for the `committed` view. `end` makes the changes
 * everybody's, or undoes them. There is one stage in a store, open for one transaction at a time. The cost of all of it is
 * that of what was changed.
 */

/** What to look at: everything, or only what no open transaction has changed. They are the same while none is open. */
export type View = "committed" | "staged";

/** What takes part in a stage once it changes. */
export interface Staged {
  /** Makes the changes since the stage was opened last, or takes them back. */
  settle(isKept: boolean): void;
}

/** Whether there is a transaction, and what it has changed. */
export class Stage {
  /** Undefined while closed. */
  #changed: Set<Staged> | undefined;

  get isOpen(): boolean {
    return this.#changed !== undefined;
  }

  begin(): void {
    this.#changed = new Set();
  }

  /** Tells that `one` changes. Does nothing while the stage is closed. */
  add(one: Staged): void {
    this.#changed?.add(one);
  }

  end(isKept: boolean): void {
    const changed = this.#changed ?? new Set();
    this.#changed = undefined;
    for (const one of changed) one.settle(isKept);
  }
}

/** A map that takes part in a stage. Its values are not to be changed in place. */
export class StagedMap<Value> implements Staged {
  readonly #stage: Stage;
  readonly #values = new Map<string, Value>();
  /** What changed keys held before the stage was opened. */
  readonly #before = new Map<string, Value | undefined>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get(view: View, key: string): Value | undefined {
    const isAsBefore = view === "committed" && this.#before.has(key);
    return isAsBefore ? this.#before.get(key) : this.#values.get(key);
  }

  /** Undefined removes the key. */
  set(key: string, value: Value | undefined): void {
    if (this.#stage.isOpen && !this.#before.has(key)) {
      this.#stage.add(this);
      this.#before.set(key, this.#values.get(key));
    }
    this.#put(key, value);
  }

  /** Keys and values, in no order that means anything. */
  *entries(view: View): Generator<readonly [string, Value], undefined> {
    const before = view === "committed" ? this.#before : new Map<string, Value | undefined>();
    for (const entry of this.#values) {
      if (!before.has(entry[0])) yield entry;
    }
    for (const [key, value] of before) {
      if (value !== undefined) yield [key, value];
    }
  }

  settle(isKept: boolean): void {
    if (!isKept) {
      for (const [key, value] of this.#before) this.#put(key, value);
    }
    this.#before.clear();
  }

  #put(key: string, value: Value | undefined): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }
}
