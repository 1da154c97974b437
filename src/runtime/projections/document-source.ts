/**
 * Where documents are read from: what is stored, or what is folded for the occasion.
 */
import type { EventStore } from "../../store/event-store.ts";
import type { JoinedReadSide } from "../../store/joined-store.ts";
import type { DocumentQuery, ReadSide } from "../../store/read-side.ts";
import type { WatchedPosition } from "./position-watch.ts";

/** What read models are read from: a store, or one within a transaction of the application's. */
export interface ReadableStore extends Pick<EventStore, "head" | "read" | "readStream"> {
  readonly readSide: Omit<JoinedReadSide, "transaction">;
}

/** One read model, as a store answers about it. A stamp is undefined while there is nothing to read. */
export interface DocumentSource extends WatchedPosition {
  get(key: string): ReturnType<ReadSide["getDocument"]>;
  getMany(keys: readonly string[]): ReturnType<ReadSide["getDocuments"]>;
  find(query: DocumentQuery): ReturnType<ReadSide["findDocuments"]>;
  count(query: DocumentQuery): ReturnType<ReadSide["countDocuments"]>;
  /** How far the first build is; undefined when none has begun. */
  buildingPosition(): Promise<number | undefined>;
}

/** What runners and inline appends have built under a name. */
export function storedSource(readSide: ReadableStore["readSide"], name: string): DocumentSource {
  const model = { name };
  return {
    ...storedPosition(readSide, name),
    get: (key) => readSide.getDocument(model, key),
    getMany: (keys) => readSide.getDocuments(model, keys),
    find: (query) => readSide.findDocuments(model, query),
    count: (query) => readSide.countDocuments(model, query),
  };
}

/** How far the read model of a name is, whether of documents or of tables. */
export function storedPosition(
  readSide: ReadableStore["readSide"],
  name: string,
): WatchedPosition & Pick<DocumentSource, "buildingPosition"> {
  return {
    stamp: async () => {
      const model = (await readSide.listModels(name)).find(({ state }) => state === "active");
      if (model === undefined) return undefined;
      const { generation, version, position } = model;
      return { generation, version, position };
    },
    watch: (listener) => readSide.watch(listener),
    buildingPosition: async () => (await readSide.listModels(name)).at(-1)?.position,
  };
}
