/**
 * Folds events into documents, a batch at a time: each document that a batch concerns is loaded once, if it is not in the
 * cache, and written once, however many events changed it.
 *
 * The fold ends before the first event that fails; what comes before it counts. An event that concerns several documents
 * changes all of them or none. Since a function may have changed its document in place before it threw, the events before
 * are then folded once more, from what is stored.
 *
 * That a document is not plain JSON shows only when it is written, after several events may have changed it. Then the
 * batch is folded once more, `careful`: with a look at the document after each event. What a later event of the batch has
 * mended before it was to be written, does no harm.
 */
import assert from "node:assert/strict";
import type { StoredEvent } from "../../core/event.ts";
import { documentJson, eventFor, evolveDocument, keysOf } from "../../core/projection-step.ts";
import type { Projection } from "../../core/projection.ts";
import { indexValues } from "../../store/document-query.ts";
import type { DocumentWrite, ReadModelShape, StoredDocument } from "../../store/read-side.ts";
import { Turn } from "./batches.ts";
import { DocumentCache } from "./document-cache.ts";
import { parseDocument } from "./document-json.ts";
import type { EventFailure } from "./event-failure.ts";
import { shapeOf } from "./generation-records.ts";
import type { Parked, ParkingRules } from "./run-parking.ts";

/** Loads documents of the generation, in the order of the keys. */
export type LoadDocuments = (keys: readonly string[]) => Promise<ReadonlyArray<StoredDocument | undefined>>;

/** What became of a batch. */
export interface FoldedBatch {
  readonly documents: readonly DocumentWrite[];
  readonly parked: readonly Parked[];
  /** The event before which the fold ended. */
  readonly failure: EventFailure | undefined;
}

/** A batch whose documents can not be written, while it is not known by the fault of which event. */
const unsure: unique symbol = Symbol("unsure");

/** How a batch is folded. */
export interface FoldOptions {
  readonly load: LoadDocuments;
  readonly parking?: ParkingRules | undefined;
  /** Called before the batch is folded anew from what is stored: whatever is not stored yet has to be. */
  readonly beforeAnew?: (() => Promise<void>) | undefined;
}

/** Any projection into documents. */
// `any`: a projection both takes and gives its document.
// oxlint-disable-next-line typescript/no-explicit-any
export type DocumentProjection = Projection<any>;

/** An event, and the documents it is to be folded into. */
interface Concern {
  readonly event: StoredEvent;
  readonly keys: readonly string[];
}

/** A fold under way. */
interface Folding {
  /** The last event that changed it, by key of the document. */
  readonly changed: Map<string, StoredEvent>;
  readonly parked: Parked[];
  readonly parking: ParkingRules | undefined;
  readonly isCareful: boolean;
}

const keysPerLoadMax = 1_000;
const eventsPerLook = 64;

/** Folds batches that follow each other, with a cache of documents between them. */
export class DocumentFold {
  readonly cache: DocumentCache = new DocumentCache();
  readonly #projection: DocumentProjection;
  readonly #shape: ReadModelShape;

  constructor(projection: DocumentProjection) {
    this.#projection = projection;
    this.#shape = shapeOf(projection);
  }

  /** Folds a batch over the documents that the ones before it have made. */
  async fold(events: readonly StoredEvent[], options: FoldOptions): Promise<FoldedBatch> {
    const folded = await this.#attempt(events, options, false);
    const sure = folded === unsure ? await this.#foldAnew(events, options) : folded;
    const { failure } = sure;
    if (failure === undefined) return sure;
    const sound = events.filter(({ position }) => position < failure.event.position);
    const again = await this.#foldAnew(sound, options);
    return { ...again, failure: again.failure ?? failure };
  }

  async #foldAnew(events: readonly StoredEvent[], options: FoldOptions): Promise<FoldedBatch> {
    await options.beforeAnew?.();
    this.cache.clear();
    const careful = await this.#attempt(events, options, true);
    assert(careful !== unsure, "a careful fold is sure");
    return careful;
  }

  async #attempt(
    events: readonly StoredEvent[],
    { load, parking }: FoldOptions,
    isCareful: boolean,
  ): Promise<FoldedBatch | typeof unsure> {
    const turn = new Turn();
    const parked: Parked[] = [];
    const found = await this.#concerns(events, { parked, parking, turn });
    await this.#load(found.concerns, load, turn);
    const changed = new Map<string, StoredEvent>();
    let { failure } = found;
    for (const [index, concern] of found.concerns.entries()) {
      if (index % eventsPerLook === 0 && turn.isOver) await turn.rest();
      const stopped = this.#evolve(concern, { changed, parked, parking, isCareful });
      if (stopped === undefined) continue;
      failure = stopped;
      break;
    }
    const documents = await this.#write(changed, turn);
    return documents === unsure ? unsure : { documents, parked: before(parked, failure), failure };
  }

  /** Which documents each event concerns, up to one that fails here. */
  async #concerns(
    events: readonly StoredEvent[],
    { parked, parking, turn }: { parked: Parked[]; parking: ParkingRules | undefined; turn: Turn },
  ): Promise<{ readonly concerns: readonly Concern[]; readonly failure: EventFailure | undefined }> {
    const concerns: Concern[] = [];
    for (const [index, stored] of events.entries()) {
      if (index % eventsPerLook === 0 && turn.isOver) await turn.rest();
      try {
        const event = eventFor(this.#projection, stored);
        if (event !== undefined) concerns.push({ event, keys: keysOf(this.#projection, event) });
      } catch (error) {
        const failure = { event: stored, key: "", error };
        if (!park(failure, parking, parked)) return { concerns, failure };
      }
    }
    return { concerns, failure: undefined };
  }

  async #load(concerns: readonly Concern[], load: LoadDocuments, turn: Turn): Promise<void> {
    const missing = new Set<string>();
    for (const { keys } of concerns) {
      for (const key of keys) if (!this.cache.has(key)) missing.add(key);
    }
    const keys = [...missing];
    for (let from = 0; from < keys.length; from += keysPerLoadMax) {
      if (turn.isOver) await turn.rest();
      const some = keys.slice(from, from + keysPerLoadMax);
      const documents = await load(some);
      for (const [index, key] of some.entries()) {
        this.cache.set(key, cached(this.#projection.name, documents[index]));
      }
    }
  }

  /** Folds one event into its documents, or says why not. */
  #evolve(
    { event, keys }: Concern,
    { changed, parked, parking, isCareful }: Folding,
  ): EventFailure | undefined {
    const next: Array<readonly [key: string, document: unknown]> = [];
    const parkedBefore = parked.length;
    for (const key of keys) {
      if (parking?.isHeld(key) === true) {
        parked.push({ event, key, failure: undefined });
        continue;
      }
      try {
        const known = this.cache.get(key)?.document ?? undefined;
        // What an event that is to be parked does to the document before it throws, is not to stay.
        const document = parking?.verdictOf(event, key) === undefined ? known : structuredClone(known);
        const evolved: unknown = evolveDocument(this.#projection, { key, document }, event);
        if (isCareful && evolved !== null) documentJson(this.#projection, evolved, event);
        next.push([key, evolved]);
      } catch (error) {
        const failure = { event, key, error };
        if (park(failure, parking, parked)) continue;
        parked.length = parkedBefore;
        return failure;
      }
    }
    for (const [key, document] of next) {
      this.cache.set(key, { document, length: this.cache.get(key)?.length ?? 0 });
      changed.set(key, event);
    }
    return undefined;
  }

  async #write(
    changed: ReadonlyMap<string, StoredEvent>,
    turn: Turn,
  ): Promise<readonly DocumentWrite[] | typeof unsure> {
    const writes: DocumentWrite[] = [];
    for (const [key, event] of changed) {
      if (writes.length % eventsPerLook === 0 && turn.isOver) await turn.rest();
      const write = this.#writeOne(key, event);
      if (write === undefined) return unsure;
      this.cache.set(key, {
        document: this.cache.get(key)?.document ?? null,
        length: write.json?.length ?? 0,
      });
      writes.push(write);
    }
    return writes;
  }

  #writeOne(key: string, event: StoredEvent): DocumentWrite | undefined {
    const { position } = event;
    const document = this.cache.get(key)?.document ?? null;
    if (document === null) return { key, json: null, indexed: [], position };
    try {
      const json = documentJson(this.#projection, document, event);
      return { key, json, indexed: indexValues(this.#shape, document), position };
    } catch {
      return undefined;
    }
  }
}

function cached(
  readModel: string,
  stored: StoredDocument | undefined,
): { document: unknown; length: number } {
  if (stored === undefined) return { document: null, length: 0 };
  return { document: parseDocument(readModel, stored), length: stored.json.length };
}

/** Parks an event that is to be parked when it fails; otherwise says no. */
function park({ event, key }: EventFailure, parking: ParkingRules | undefined, parked: Parked[]): boolean {
  const failure = parking?.verdictOf(event, key);
  if (failure === undefined) return false;
  parking!.park(key);
  parked.push({ event, key, failure });
  return true;
}

/** What was parked of the events before the one that failed. */
function before(parked: readonly Parked[], failure: EventFailure | undefined): readonly Parked[] {
  if (failure === undefined) return parked;
  return parked.filter(({ event }) => event.position < failure.event.position);
}
