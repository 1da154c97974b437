/**
 * Read models folded on demand: each read sees the log as it is, and keeps nothing.
 *
 * One document whose key is the default one is folded from the streams that can concern it, if the projection names its
 * categories; any other read folds all events that concern the projection, and holds all of its documents in memory for
 * as long as it takes.
 */
import type { StoredEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import { keyOfStream } from "../../core/projection.ts";
import type { Projection } from "../../core/projection.ts";
import type { ReadStamp } from "../../store/read-side.ts";
import type { DocumentSource, ReadableStore } from "./document-source.ts";
import { FoldedTable } from "./folded-table.ts";

/** Folds a projection whenever it is asked. */
export function foldedSource(
  store: ReadableStore,
  // `any`: a projection both takes and gives its document.
  // oxlint-disable-next-line typescript/no-explicit-any
  projection: Projection<any>,
): DocumentSource {
  const stamp = async (): Promise<ReadStamp> => ({
    generation: 0,
    version: projection.version,
    position: await store.head(),
  });
  const foldAll = async (): Promise<{ readonly table: FoldedTable; readonly stamp: ReadStamp }> => {
    const reached = await stamp();
    const table = new FoldedTable(projection);
    await table.foldTo(store, reached.position);
    return { table, stamp: reached };
  };

  return {
    stamp,
    watch: (listener) => store.readSide.watch(listener),
    buildingPosition: () => Promise.resolve(undefined),
    get: async (key) => {
      const streams = streamsOf(projection, key);
      if (streams === undefined) {
        const folded = await foldAll();
        return { document: folded.table.get(key), stamp: folded.stamp };
      }
      const reached = await stamp();
      const table = new FoldedTable(projection);
      for (const event of await readAll(store, streams, reached.position)) table.fold(event);
      return { document: table.get(key), stamp: reached };
    },
    getMany: async (keys) => {
      const folded = await foldAll();
      return { documents: keys.map((key) => folded.table.get(key)), stamp: folded.stamp };
    },
    find: async (query) => {
      const folded = await foldAll();
      return { documents: folded.table.find(query), stamp: folded.stamp };
    },
    count: async (query) => {
      const folded = await foldAll();
      return { count: folded.table.count(query), stamp: folded.stamp };
    },
  };
}

/** The streams whose events can concern a key; undefined when that can not be told. */
// oxlint-disable-next-line typescript/no-explicit-any -- as above
function streamsOf(projection: Projection<any>, key: string): readonly string[] | undefined {
  const { categories } = projection;
  if (projection.key !== keyOfStream || categories === undefined) return undefined;
  const streams = categories.map((category) => `${category}-${key}`);
  // A stream without a `-` is a category by itself, and has its whole name for a key.
  const all = categories.includes(key) ? [key, ...streams] : streams;
  return all.filter((stream) => stream.length <= limits.streamNameLengthMax);
}

/** The events of some streams up to a position of the log, in its order. */
async function readAll(
  store: Pick<ReadableStore, "readStream">,
  streams: readonly string[],
  position: number,
): Promise<readonly StoredEvent[]> {
  const read = await Promise.all(streams.map((stream) => store.readStream(stream).toArray()));
  const events = read.flat().filter((event) => event.position <= position);
  return streams.length === 1 ? events : events.toSorted((one, other) => one.position - other.position);
}
