/**
 * Works events into documents. While a batch is being committed, the next one is folded over what that one will have made:
 * the documents are in the cache. So reading and folding on this thread, and writing on the store's, go on side by side.
 */
import type { DocumentWrite, ReadSideTransaction } from "../../store/read-side.ts";
import type { Batch } from "./batches.ts";
import { DocumentFold } from "./document-fold.ts";
import type { DocumentProjection, FoldedBatch, LoadDocuments } from "./document-fold.ts";
import { EventFailed } from "./event-failure.ts";
import type { EventFailure } from "./event-failure.ts";
import type { GenerationWriter, Replay, WriterSurroundings } from "./generation-writer.ts";

/** Makes a writer for a generation of documents that is at a position. */
export function createDocumentWriter(
  projection: DocumentProjection,
  around: WriterSurroundings,
): GenerationWriter {
  return new DocumentWriter(projection, around);
}

class DocumentWriter implements GenerationWriter {
  reached: number;
  readonly #fold: DocumentFold;
  readonly #around: WriterSurroundings;
  readonly #load: LoadDocuments;
  #underWay: Promise<void> = Promise.resolve();

  constructor(projection: DocumentProjection, around: WriterSurroundings) {
    const { readSide, owned } = around;
    const { generation } = owned.model;
    this.reached = owned.model.position;
    this.#around = around;
    this.#fold = new DocumentFold(projection);
    this.#load = async (keys) => (await readSide.getDocuments({ generation }, keys)).documents;
  }

  async write(batch: Batch): Promise<EventFailure | undefined> {
    const folded = await this.#foldNext(batch, this.#load);
    await this.settle();
    const from = this.reached;
    this.reached = endOf(batch, folded);
    if (this.reached > from || folded.parked.length > 0) this.#begin(from, folded);
    return folded.failure;
  }

  settle(): Promise<void> {
    return this.#underWay;
  }

  async writeIn(transaction: ReadSideTransaction, batch: Batch): Promise<void> {
    const { owned } = this.#around;
    const { generation } = owned.model;
    const folded = await this.#foldNext(batch, (keys) => transaction.findDocuments(generation, keys));
    if (folded.failure !== undefined) throw new EventFailed(folded.failure);
    await this.#around.parking.takeRoom(folded.parked.length);
    const { changes } = this.#around.parking.changesFor(folded.parked);
    const step = advance(generation, { from: this.reached, to: batch.to, documents: folded.documents });
    await transaction.commit({ ...changes, models: [step] });
    this.reached = batch.to;
  }

  async replay({ event, key, changes }: Replay): Promise<EventFailure | undefined> {
    const { owned } = this.#around;
    const from = this.reached;
    // Parked under the empty key is what failed before its documents were known.
    const isHeld = (one: string): boolean => key !== "" && one !== key;
    const only = { isHeld, verdictOf: () => undefined, park: () => undefined };
    const beforeAnew = (): Promise<void> => this.settle();
    const folded = await this.#fold.fold([event], { load: this.#load, parking: only, beforeAnew });
    if (folded.failure !== undefined) return folded.failure;
    const step = advance(owned.model.generation, { from, to: from, documents: folded.documents });
    await owned.commit({ ...changes, models: [step] });
    return undefined;
  }

  reset(position: number): void {
    this.reached = position;
    this.#fold.cache.clear();
    this.#underWay = Promise.resolve();
  }

  #foldNext({ events }: Batch, load: LoadDocuments): Promise<FoldedBatch> {
    const { parking } = this.#around;
    const beforeAnew = async (): Promise<void> => {
      await this.settle();
      await parking.load();
    };
    return this.#fold.fold(events, { load, parking, beforeAnew });
  }

  #begin(from: number, { documents, parked }: FoldedBatch): void {
    const { owned, parking } = this.#around;
    const changed = new Set(documents.map(({ key }) => key));
    const step = advance(owned.model.generation, { from, to: this.reached, documents });
    const commit = async (): Promise<void> => {
      await parking.takeRoom(parked.length);
      const { changes, onCommitted } = parking.changesFor(parked);
      if (parked.length > 0) owned.note({ hasParked: true });
      const { version } = await owned.commit({ ...changes, models: [step] });
      onCommitted(version);
    };
    this.#fold.cache.trim((key) => changed.has(key));
    this.#underWay = commit();
    // Whoever settles hears of it.
    this.#underWay.catch(() => undefined);
  }
}

interface Advance {
  readonly from: number;
  readonly to: number;
  readonly documents: readonly DocumentWrite[];
}

function advance(generation: number, moved: Advance) {
  return { step: "advance", generation, ...moved } as const;
}

/** Where the read model is with what was folded: before the event that failed. */
function endOf(batch: Batch, { failure }: FoldedBatch): number {
  return failure === undefined ? batch.to : failure.event.position - 1;
}
