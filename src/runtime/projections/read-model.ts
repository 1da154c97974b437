/**
 * Read models as their readers see them.
 */
import type { SqlRow } from "../../core/sql.ts";
import type { IndexValue } from "../../store/read-side.ts";

/** Where a read model is read from. */
export interface ReadModelOptions {
  /** `stored` (default): what a runner or inline appends have built; `live`: folded on demand. */
  readonly mode?: "stored" | "live" | undefined;
}

/** Of which read model an SQL query says the position, and what it waits for. */
export interface QueryOptions extends WaitOptions {
  /** Name of a projection. Needed for `waitFor`. */
  readonly model?: string | undefined;
}

/** Rows, and with a `model`, which state of it they are from. */
export interface QueryResult extends Partial<Stamped> {
  readonly rows: readonly SqlRow[];
}

/** How long to wait for events that the reader knows of. */
export interface WaitOptions {
  /** Answer only from a state that includes this position, such as the one that `execute` returned. */
  readonly waitFor?: number | undefined;
  /** How long to wait for it, in milliseconds; then `WAIT_TIMEOUT`. Default 5,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What every answer says about itself. */
export interface Stamped {
  /** The position that the answer reflects: every event up to here that concerns the read model is in it. */
  readonly position: number;
  /** Version of the definition that built the answer: the old one until a rebuild has caught up. */
  readonly version: number;
}

/** A document and its key. */
export interface Entry<Document> {
  readonly key: string;
  readonly document: Document;
  /** Position of the last event that changed it. */
  readonly changedAt: number;
}

/** What a field must be: a value, or ranges, a prefix, or a list of values (an empty one finds nothing). All parts given must hold. */
export type Condition =
  | IndexValue
  | boolean
  | {
      readonly eq?: IndexValue | boolean;
      readonly in?: ReadonlyArray<IndexValue | boolean>;
      readonly gt?: string | number;
      readonly gte?: string | number;
      readonly lt?: string | number;
      readonly lte?: string | number;
      readonly prefix?: string;
    };

/** Which documents to count or follow. */
export interface Filter<Field extends string> {
  /**
   * Conditions on indexed fields, all of which must hold. Any other field is refused with `INDEX_MISSING`, and a condition
   * that is undefined with `ARGUMENT_INVALID`.
   */
  readonly where?: { readonly [Name in Field]?: Condition };
  /** Only documents whose key begins so, such as a tenant's. */
  readonly keyPrefix?: string;
}

/** Which documents to find, and in which order. */
export interface FindOptions<Field extends string> extends Filter<Field>, WaitOptions {
  /** Indexed fields, `-` before one for descending; ties go by key. Default: by key. */
  readonly sort?: Field | `-${Field}` | ReadonlyArray<Field | `-${Field}`> | undefined;
  /** 1 to `limits.findLimitMax`. Default 100. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. Refused with `CURSOR_INVALID` when it is of another query, or of another version. */
  readonly after?: string | undefined;
}

/** A page of documents. */
export interface Found<Document> extends Stamped {
  readonly entries: ReadonlyArray<Entry<Document>>;
  /** Cursor of the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/** A change that a live query saw. */
export interface LiveChange<Document> extends Stamped {
  /** Whether the document entered the result, changed within it, or left it. */
  readonly kind: "added" | "changed" | "removed";
  readonly key: string;
  /** Undefined when it was removed. */
  readonly document: Document | undefined;
}

/** What to follow. */
export interface LiveOptions<Field extends string> extends Filter<Field> {
  /** Documents to follow, at most `limits.liveEntriesMax`, in order of `sort`. Default 1,000. */
  readonly limit?: number | undefined;
  readonly sort?: FindOptions<Field>["sort"];
  readonly signal?: AbortSignal | undefined;
}

/**
 * A read model of documents, for reading. Any process that has the store open may read, also one that runs nothing.
 *
 * All reads throw `READ_MODEL_NOT_READY` while the first build has not caught up (with `waitFor`, they wait for it),
 * `WAIT_TIMEOUT`, `ABORTED`, `ARGUMENT_INVALID`, and what the store throws.
 */
export interface ReadModel<Document, Field extends string> {
  readonly name: string;
  /** One document by its key; undefined if there is none. */
  get(key: string, options?: WaitOptions): Promise<Stamped & { readonly document: Document | undefined }>;
  /** Several by key, all from one state, in the order of the keys. At most `limits.findLimitMax`. */
  getMany(
    keys: readonly string[],
    options?: WaitOptions,
  ): Promise<Stamped & { readonly documents: ReadonlyArray<Document | undefined> }>;
  /** A page of documents. @throws `INDEX_MISSING`, `CURSOR_INVALID` */
  find(options?: FindOptions<Field>): Promise<Found<Document>>;
  /** How many there are. @throws `INDEX_MISSING` */
  count(options?: Filter<Field> & WaitOptions): Promise<Stamped & { readonly count: number }>;
  /** All pages of a find, one after the other; later pages may be of later states. */
  findAll(options?: FindOptions<Field>): AsyncIterable<Entry<Document>>;
  /**
   * The documents that match now, each as `added`, then what changes about them, by whichever process. Changes that
   * follow each other quickly may be merged; what it says last of a document is what it is. Ends with the signal or by
   * leaving the loop.
   */
  live(options?: LiveOptions<Field>): AsyncIterable<LiveChange<Document>>;
  /** Waits until the read model includes a position, and says up to where it goes. */
  waitFor(position: number, options?: Omit<WaitOptions, "waitFor">): Promise<Stamped>;
}
