/**
 * Stores that do not do all that a store does, to be put under a handle.
 */
import { HithertoError } from "../../../core/errors.ts";
import type { EventStore } from "../../../store/event-store.ts";
import type { ReadSide } from "../../../store/read-side.ts";

/** A store that nobody is woken by. */
export function deaf(store: EventStore): EventStore {
  return withReadSide(store, { watch: () => () => undefined });
}

/** A store that refuses so many commits by which records of a space lose their holder. */
export function releasingLate(store: EventStore, space: string, trouble: { left: number }): EventStore {
  const commit: ReadSide["commit"] = async (changes, options) => {
    const isRelease = changes.put?.some(
      (record) => record.space === space && (record.value as { holder?: string }).holder === undefined,
    );
    const isNew = changes.expect?.[0]?.version === 0;
    if (isRelease !== true || isNew || trouble.left === 0) return store.readSide.commit(changes, options);
    trouble.left--;
    throw inTrouble(store);
  };
  return withReadSide(store, { commit });
}

/** A store that can not find so many records. */
export function losingSight(store: EventStore, trouble: { left: number }): EventStore {
  const findRecord: ReadSide["findRecord"] = async (ref) => {
    if (trouble.left === 0) return store.readSide.findRecord(ref);
    trouble.left--;
    throw inTrouble(store);
  };
  return withReadSide(store, { findRecord });
}

/** A store whose log cannot be read while the damage is there. */
export function damagedLog(store: EventStore, damage: { readonly isThere: boolean }): EventStore {
  const read: EventStore["read"] = (options) => {
    if (!damage.isThere) return store.read(options);
    throw new HithertoError("STORE_DAMAGED", { store: store.url, problem: "a commit is damaged" });
  };
  return new Proxy(store, {
    get: (target, key) => (key === "read" ? read : (Reflect.get(target, key) as unknown)),
  });
}

function inTrouble(store: EventStore): HithertoError {
  return new HithertoError("STORE_BUSY", { store: store.url, waitedMs: 0 });
}

/** A store whose read side has other methods in the place of some. */
export function withReadSide(store: EventStore, replaced: Partial<ReadSide>): EventStore {
  const readSide = Object.assign(Object.create(store.readSide) as ReadSide, replaced);
  return new Proxy(store, {
    get: (target, key) => (key === "readSide" ? readSide : (Reflect.get(target, key) as unknown)),
  });
}
