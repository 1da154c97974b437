/**
 * Stores that do not do all that a store does, to be put under a handle.
 */
import type { EventStore } from "../../../store/event-store.ts";
import type { ReadSide } from "../../../store/read-side.ts";

/** A store that nobody is woken by. */
export function deaf(store: EventStore): EventStore {
  return withReadSide(store, { watch: () => () => undefined });
}

/** A store whose read side has other methods in the place of some. */
export function withReadSide(store: EventStore, replaced: Partial<ReadSide>): EventStore {
  const readSide = Object.assign(Object.create(store.readSide) as ReadSide, replaced);
  return new Proxy(store, {
    get: (target, key) => (key === "readSide" ? readSide : (Reflect.get(target, key) as unknown)),
  });
}
