/**
 * Folded states kept in memory, the most recently used ones. An entry is never believed as it stands: whoever takes one
 * reads what came after it, and checks that the events it was folded from can still be read.
 *
 * States are shared between callers, so an entry is frozen all the way down. A state that cannot be frozen so (it holds
 * a `Map`, a `Date`, an instance of a class) is not kept: somebody's change to it would falsify every later one.
 */

/** The most recently used entries, up to a number. */
export interface StateCache<Entry> {
  get(key: string): Entry | undefined;
  set(key: string, entry: Entry): void;
  delete(key: string): void;
  clear(): void;
  readonly size: number;
}

/** Makes a cache that forgets the least recently used entry when there are more than `max`. */
export function createStateCache<Entry>(max: number): StateCache<Entry> {
  // A Map iterates in order of insertion; using an entry moves it to the end.
  const entries = new Map<string, Entry>();

  function set(key: string, entry: Entry): void {
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size <= max) return;
    const oldest = entries.keys().next();
    if (oldest.done !== true) entries.delete(oldest.value);
  }

  return {
    get: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined) set(key, entry);
      return entry;
    },
    set,
    delete: (key) => void entries.delete(key),
    clear: () => entries.clear(),
    get size() {
      return entries.size;
    },
  };
}

/**
 * Freezes a state all the way down; false, and nothing frozen, if something in it is neither a plain object, nor an
 * array, nor a primitive. What was frozen here before is not walked again, so a state that shares most of its parts
 * with the one before costs little.
 */
export function deepFreeze(state: unknown): boolean {
  if (!isObject(state)) return typeof state !== "function";
  if (frozen.has(state)) return true;
  const parts = new Set([state]); // grows while it is walked, and stops at cycles
  for (const part of parts) {
    if (!isPlain(part)) return false;
    for (const value of Object.values(part)) {
      if (typeof value === "function") return false;
      if (isObject(value) && !frozen.has(value)) parts.add(value);
    }
  }
  for (const part of parts) frozen.add(Object.freeze(part));
  return true;
}

/** Objects frozen all the way down; `Object.isFrozen` alone says nothing of the parts. */
const frozen = new WeakSet<object>();

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
