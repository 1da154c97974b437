/**
 * A store that can stand still, as it does for a process that is stopped, swapped out or dead: while it is stalled,
 * calls do not begin, answers do not arrive, pages do not come and nobody is told of changes. Once it is woken, all of
 * that happens, late. So a handle on such a store is a process that can be frozen, and one that is never woken is dead.
 *
 * A transaction that has begun goes on to its end: what a process does that dies between two statements is for tests
 * that kill processes.
 */
import type { EventStore } from "../../../store/event-store.ts";

/** A store and its switch. */
export interface StallableStore {
  readonly store: EventStore;
  stall(): void;
  wake(): void;
  /** Resolves at once unless it is stalled, and then when it is woken. */
  awake(): Promise<void>;
}

/** Methods in place of the store's own. */
export type Replaced = Partial<Pick<EventStore, "close" | "append">>;

/** Makes a store that can be stalled out of any store. */
export function stallable(store: EventStore, replaced: Replaced = {}): StallableStore {
  const gate = new Gate();
  const target = Object.assign(Object.create(store) as EventStore, replaced);
  return {
    store: gated(target, store, gate),
    stall: () => gate.shut(),
    wake: () => gate.open(),
    awake: () => gate.opened,
  };
}

class Gate {
  #isShut = false;
  #opened: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  get isShut(): boolean {
    return this.#isShut;
  }

  /** Resolves while it is open. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  shut(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#opened = promise;
    this.#open = resolve;
  }

  open(): void {
    this.#isShut = false;
    this.#open();
  }
}

type Method = (...given: unknown[]) => unknown;

/** They answer at once, with something that is gated itself. */
const synchronous = new Set<PropertyKey>([
  "read",
  "readStream",
  "subscribe",
  "listStreams",
  "pages",
  Symbol.asyncIterator,
]);

/** An object whose methods pass a gate. `self` is what they are called on. */
function gated<Target extends object>(target: Target, self: object, gate: Gate): Target {
  const members = new Map<PropertyKey, unknown>();
  const make = (key: PropertyKey): unknown => {
    const isOwn = Object.hasOwn(target, key);
    const member: unknown = isOwn ? Reflect.get(target, key) : Reflect.get(self, key);
    if (typeof member === "function") return gatedMethod(key, (member as Method).bind(self), gate);
    if (key === "readSide" || key === "snapshots") return gated(member as object, member as object, gate);
    return member;
  };
  // An empty object behind the proxy: frozen ones would not let it answer otherwise than they do.
  return new Proxy({} as Target, {
    get: (_, key) => {
      const known = members.get(key);
      if (known !== undefined) return known;
      const member = make(key);
      if (typeof member === "function" || key === "readSide") members.set(key, member);
      return member;
    },
  });
}

function gatedMethod(key: PropertyKey, method: Method, gate: Gate): Method {
  if (key === "watch") return (listener) => method(() => void gate.opened.then(listener as () => void));
  if (synchronous.has(key)) return (...given) => gatedSequence(method(...given), gate);
  return (...given) => {
    // Straight through while it is open: calls take effect in the order in which they are made.
    const result = gate.isShut ? gate.opened.then(() => method(...given)) : method(...given);
    return result instanceof Promise ? late(result, gate) : result;
  };
}

function gatedSequence(sequence: unknown, gate: Gate): object {
  return gated(sequence as object, sequence as object, gate);
}

/** An answer, or a failure, that does not arrive while the gate is shut. */
async function late(answer: Promise<unknown>, gate: Gate): Promise<unknown> {
  try {
    return await answer;
  } finally {
    while (gate.isShut) await gate.opened;
  }
}
