/**
 * Reads the documents of one read model. What is asked is checked first; then, where asked for, the position is waited
 * for; then the source answers, each time anew, in documents that are the caller's own.
 */
import type { DocumentQuery, ReadStamp, StoredDocument } from "../../store/read-side.ts";
import { decodeCursor, encodeCursor, placeOf, refuseCursor } from "./cursor.ts";
import type { Place } from "./cursor.ts";
import { parseDocument } from "./document-json.ts";
import type { DocumentSource } from "./document-source.ts";
import { checkKey, checkKeys, planCount, planFind, planLive, planWait } from "./find-plan.ts";
import type { DocumentSelection, Queried } from "./find-plan.ts";
import { followQuery } from "./live-query.ts";
import type { PositionWatch } from "./position-watch.ts";
import type {
  Entry,
  Filter,
  FindOptions,
  Found,
  LiveChange,
  LiveOptions,
  ReadModel,
  Stamped,
  WaitOptions,
} from "./read-model.ts";
import { answerAt, notReady } from "./read-waiting.ts";

/** What a reader reads. */
export interface DocumentReaderOptions extends Queried {
  readonly source: DocumentSource;
  readonly watch: PositionWatch;
}

/** Makes the reader of a read model. */
export function createDocumentReader<Document, Field extends string>(
  options: DocumentReaderOptions,
): ReadModel<Document, Field> {
  return new DocumentReader<Document, Field>(options);
}

class DocumentReader<Document, Field extends string> implements ReadModel<Document, Field> {
  readonly name: string;
  readonly #model: DocumentReaderOptions;

  constructor(model: DocumentReaderOptions) {
    this.name = model.name;
    this.#model = model;
  }

  async get(
    key: string,
    options: WaitOptions = {},
  ): Promise<Stamped & { readonly document: Document | undefined }> {
    checkKey("key", key);
    const { stamp, document } = await this.#answer(options, () => this.#model.source.get(key));
    return { ...stamped(stamp), document: this.#parse(document) };
  }

  async getMany(
    keys: readonly string[],
    options: WaitOptions = {},
  ): Promise<Stamped & { readonly documents: ReadonlyArray<Document | undefined> }> {
    checkKeys(keys);
    const { stamp, documents } = await this.#answer(options, () => this.#model.source.getMany([...keys]));
    return { ...stamped(stamp), documents: documents.map((one) => this.#parse(one)) };
  }

  async find(options: FindOptions<Field> = {}): Promise<Found<Document>> {
    const selection = planFind(this.#model, options);
    const cursor =
      options.after === undefined ? undefined : decodeCursor(this.name, selection, options.after);
    const page = await this.#findPage(selection, cursor?.place, options);
    const { version } = page.stamp;
    if (cursor !== undefined && cursor.version !== version) {
      refuseCursor(this.name, `it is of version ${cursor.version}, and the read model is of ${version}`);
    }
    const next = page.next && encodeCursor(selection, { place: page.next, version });
    return { ...stamped(page.stamp), entries: page.entries, next };
  }

  async count(options: Filter<Field> & WaitOptions = {}): Promise<Stamped & { readonly count: number }> {
    const selection = planCount(this.#model, options);
    const { stamp, count } = await this.#answer(options, () => this.#model.source.count(selection));
    return { ...stamped(stamp), count };
  }

  findAll(options: FindOptions<Field> = {}): AsyncIterable<Entry<Document>> {
    const selection = planFind(this.#model, options);
    return { [Symbol.asyncIterator]: () => this.#walk(selection, options) };
  }

  live(options: LiveOptions<Field> = {}): AsyncIterable<LiveChange<Document>> {
    const query = planLive(this.#model, options);
    const { source, watch, name } = this.#model;
    return followQuery({
      readModel: name,
      source,
      watch,
      query,
      signal: options.signal,
      notReady: () => notReady(name, source),
    });
  }

  async waitFor(position: number, options: Omit<WaitOptions, "waitFor"> = {}): Promise<Stamped> {
    const { source } = this.#model;
    const { stamp } = await this.#answer({ ...options, waitFor: position }, async () => ({
      stamp: await source.stamp(),
    }));
    return stamped(stamp);
  }

  /** The first page as `find` has it; the next ones go on where it ended, whatever has been built anew meanwhile. */
  async *#walk(
    selection: DocumentSelection,
    options: FindOptions<Field>,
  ): AsyncGenerator<Entry<Document>, undefined> {
    const first = await this.find(options);
    yield* first.entries;
    let place = first.next === undefined ? undefined : decodeCursor(this.name, selection, first.next).place;
    while (place !== undefined) {
      const page = await this.#findPage(selection, place, { signal: options.signal });
      yield* page.entries;
      place = page.next;
    }
  }

  async #findPage(
    selection: DocumentSelection,
    after: Place | undefined,
    options: WaitOptions,
  ): Promise<{
    readonly entries: ReadonlyArray<Entry<Document>>;
    readonly next: Place | undefined;
    readonly stamp: ReadStamp;
  }> {
    // One more than asked for tells whether there is another page.
    const query: DocumentQuery = { ...selection, limit: selection.limit + 1, after };
    const { documents, stamp } = await this.#answer(options, () => this.#model.source.find(query));
    const page = documents.slice(0, selection.limit);
    const entries = page.map((document): Entry<Document> => {
      return { key: document.key, document: this.#parse(document)!, changedAt: document.position };
    });
    const last = documents.length > selection.limit ? entries.at(-1) : undefined;
    return { entries, next: last && placeOf(selection, last.key, last.document), stamp };
  }

  #parse(document: StoredDocument | undefined): Document | undefined {
    return document && (parseDocument(this.name, document) as Document);
  }

  #answer<Answer extends { readonly stamp: ReadStamp | undefined }>(
    options: WaitOptions,
    ask: () => Promise<Answer>,
  ): Promise<Answer & { readonly stamp: ReadStamp }> {
    return answerAt(this.#model, planWait(options), ask);
  }
}

function stamped({ position, version }: ReadStamp): Stamped {
  return { position, version };
}
