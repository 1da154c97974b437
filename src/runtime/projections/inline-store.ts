/**
 * A store whose appends also bring inline read models up to date. Everything else is the store's own.
 */
import type { EventStore } from "../../store/event-store.ts";
import type { InlineAppends } from "./inline-appends.ts";

/** Puts inline appends before a store. */
export function createInlineStore(store: EventStore, appends: InlineAppends): EventStore {
  const close = async (): Promise<void> => {
    await appends.idle();
    await store.close();
  };
  return {
    url: store.url,
    snapshots: store.snapshots,
    readSide: store.readSide,
    append: (...given) => appends.append(...given),
    read: (...given) => store.read(...given),
    readStream: (...given) => store.readStream(...given),
    subscribe: (...given) => store.subscribe(...given),
    findEvent: (...given) => store.findEvent(...given),
    head: () => store.head(),
    findStream: (...given) => store.findStream(...given),
    listStreams: (...given) => store.listStreams(...given),
    setStreamPolicy: (...given) => store.setStreamPolicy(...given),
    deleteStream: (...given) => store.deleteStream(...given),
    tombstoneStream: (...given) => store.tombstoneStream(...given),
    reclaim: (...given) => store.reclaim(...given),
    stats: () => store.stats(),
    verify: (...given) => store.verify(...given),
    backup: (...given) => store.backup(...given),
    close,
    [Symbol.asyncDispose]: close,
  };
}
