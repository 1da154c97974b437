/**
 * Projections as plain definitions: what events make of a read model. How a definition is run (inline, async or live) is
 * chosen where it is run, not here.
 */
import type { AnyEventTypes } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import type { SqlTransaction } from "./sql.ts";

/** What one type of event makes of a document: the next one, or null to remove it. */
export type DocumentStep<Document> = (
  document: Document,
  data: unknown,
  event: StoredEvent,
) => Document | null;

/**
 * A projection into documents as a value: plain, frozen, made by {@link projection}. `Document` is plain JSON; `Field` is
 * the union of the indexed fields.
 */
export interface Projection<Document, Field extends string = string> {
  readonly kind: "projection";
  /** Name of the read model. Letters, digits and `_`, beginning with a letter, at most 64 characters. */
  readonly name: string;
  /** Raise it with every change of the definition: the read model is then built anew, beside the old one. From 1. */
  readonly version: number;
  /** The document before its first event. */
  readonly initial: (key: string) => Document;
  /** By event type. */
  readonly evolve: Readonly<Record<string, DocumentStep<Document>>>;
  /**
   * The documents that an event concerns: none, one, or several. Default: the one named by the stream's part after the
   * category.
   */
  readonly key: (event: StoredEvent) => string | readonly string[] | undefined;
  /** Event types without a function that may nevertheless occur in the streams that the projection names. */
  readonly ignore: readonly string[];
  /** Categories to look at. Undefined: all; then events are found by their types alone, and any other type passes by. */
  readonly categories: readonly string[] | undefined;
  /** Indexes over one or several fields each. */
  readonly indexes: ReadonlyArray<readonly Field[]>;
  readonly events: AnyEventTypes;
}

/** What one type of event does to the tables of a read model. */
export type SqlStep = (
  transaction: SqlTransaction,
  data: unknown,
  event: StoredEvent,
) => void | Promise<void>;

/** A projection into SQL tables as a value: plain, frozen, made by {@link sqlProjection}. */
export interface SqlProjection {
  readonly kind: "sql-projection";
  readonly name: string;
  readonly version: number;
  /** Column definitions by table name. */
  readonly tables: Readonly<Record<string, string>>;
  /** Indexes by table name: what comes after `CREATE INDEX … ON table`. */
  readonly indexes: Readonly<Record<string, readonly string[]>>;
  readonly on: Readonly<Record<string, SqlStep>>;
  readonly ignore: readonly string[];
  readonly categories: readonly string[] | undefined;
  readonly events: AnyEventTypes;
}

/** Any projection, for constraints. */
// `any`: a projection both takes and gives its document, so no narrower type holds all of them.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyProjection = Projection<any> | SqlProjection;

/** The document of a projection. */
export type DocumentOf<P> = P extends Projection<infer Document, infer _Field> ? Document : never;

/** The indexed fields of a projection. */
export type FieldOf<P> = P extends Projection<infer _Document, infer Field> ? Field : never;
