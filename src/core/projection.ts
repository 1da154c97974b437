/**
 * Projections as plain definitions: what events make of a read model. How a definition is run (inline, async or live) is
 * chosen where it is run, not here.
 */
import { refuseArgument } from "./check-arguments.ts";
import { HithertoError } from "./errors.ts";
import type { AnyEventTypes, ListedTypes } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import { requireProjection, requireSqlProjection } from "./projection-check.ts";
import type {
  CheckedSqlSteps,
  CheckedSteps,
  FieldPath,
  InferredSteps,
  InferredSqlSteps,
  KeyedEvent,
} from "./projection-inference.ts";
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

/** What both kinds of projections take. */
interface CommonOptions<Listed> {
  /** Raise it with every change of the definition: the read model is then built anew, beside the old one. Default 1. */
  readonly version?: number | undefined;
  /** Versions and upcasters by event type; may list more types than this projection looks at. */
  readonly events?: ListedTypes<Listed> | undefined;
  /**
   * Looks only at streams of these categories, and then at every event in them: a type without a function that is not in
   * `ignore` fails with `EVENT_TYPE_UNKNOWN`. Default: the types that have a function, wherever they are.
   */
  readonly categories?: readonly string[];
  /** Event types of the `categories` that change nothing here. */
  readonly ignore?: readonly string[] | undefined;
}

/**
 * What {@link projection} takes. The order matters to inference: `initial`, `events`, `evolve`, then `key` and `indexes`.
 */
export interface ProjectionOptions<
  Document,
  Listed,
  Steps,
  Field extends string,
> extends CommonOptions<Listed> {
  /** A document before its first event, and again after it was removed. */
  readonly initial: (key: string) => Document;
  /**
   * What each type of event makes of a document: the next one, or null to remove it. Pure and synchronous; it must not
   * change the document in place.
   */
  readonly evolve: InferredSteps<Document, NoInfer<Listed>, Steps> & Steps;
  /**
   * The documents that an event concerns: none (undefined), one, or several. Pure. Default: the part of the stream's name
   * after the category; the whole name if it has no `-`. See {@link compositeKey} for keys of several parts.
   */
  readonly key?: ((event: KeyedEvent<Listed, Steps>) => string | readonly string[] | undefined) | undefined;
  /** Fields to find documents by, alone or together: dotted paths into the document. */
  readonly indexes?: ReadonlyArray<Field | readonly Field[]> | undefined;
}

/** What {@link sqlProjection} takes. */
export interface SqlProjectionOptions<Listed, Steps> extends CommonOptions<Listed> {
  /** Column definitions by table name: what stands between the parentheses of `CREATE TABLE`. */
  readonly tables: Readonly<Record<string, string>>;
  /** Indexes by table name: what comes after `CREATE INDEX … ON table`, such as `["(day, total)"]`. */
  readonly indexes?: Readonly<Record<string, readonly string[]>> | undefined;
  /** What each type of event does to the tables. Everything it changes must go through the transaction. */
  readonly on: InferredSqlSteps<NoInfer<Listed>, Steps> & Steps;
}

/**
 * Defines a projection into documents. Document, events and fields are inferred: annotate what `evolve` functions take,
 * or give `events`.
 *
 * @throws `DEFINITION_INVALID` for a name that is not of letters, digits and `_` or is longer than 64 characters, an
 * `evolve` without functions, a field that is no path, or anything that has the wrong type.
 *
 * @example
 * ```ts
 * import { projection } from "hitherto/core";
 * const orders = projection("orders", {
 *   initial: (id) => ({ id, customer: "", status: "placed" as "placed" | "paid", total: 0 }),
 *   evolve: {
 *     OrderPlaced: (order, data: { customer: string; total: number }) => ({ ...order, ...data }),
 *     OrderPaid: (order) => ({ ...order, status: "paid" }),
 *     OrderWithdrawn: () => null,
 *   },
 *   indexes: ["status", ["customer", "total"]],
 * });
 * ```
 */
// The defaults are never what is inferred; see `decider`.
export function projection<
  Document = unknown,
  Listed = unknown,
  // oxlint-disable-next-line typescript/no-explicit-any -- no other type satisfies the constraint whatever `Document` is
  Steps extends CheckedSteps<Document, Listed, Steps> = any,
  const Field extends FieldPath<Document> = never,
>(name: string, options: ProjectionOptions<Document, Listed, Steps, Field>): Projection<Document, Field> {
  requireProjection(name, options);
  const { version = 1, initial, evolve, key = keyOfStream, indexes = [] } = options;
  return Object.freeze({
    kind: "projection",
    name,
    version,
    initial,
    evolve: Object.freeze({ ...evolve }) as Projection<Document>["evolve"],
    key: key as Projection<Document>["key"],
    indexes: Object.freeze(indexes.map((index) => Object.freeze([index].flat() as Field[]))),
    ...commonParts(options),
  });
}

/**
 * Defines a projection into SQL tables. Its functions write through the transaction that they are given, in which the
 * place in the log is kept as well. Only stores that run SQL can run it.
 *
 * @throws `DEFINITION_INVALID` as {@link projection} does, and for tables that are missing or badly named.
 *
 * @example
 * ```ts
 * import { sqlProjection } from "hitherto/core";
 * const daily = sqlProjection("daily", {
 *   tables: { days: "day TEXT PRIMARY KEY, orders INTEGER NOT NULL" },
 *   on: {
 *     OrderPlaced: async (transaction, _data: object, event) => {
 *       const day = event.recordedAt.slice(0, 10);
 *       await transaction.run("INSERT INTO {days} VALUES (?, 1) ON CONFLICT (day) DO UPDATE SET orders = orders + 1", [day]);
 *     },
 *   },
 * });
 * ```
 */
export function sqlProjection<
  Listed = unknown,
  // oxlint-disable-next-line typescript/no-explicit-any -- as in projection
  Steps extends CheckedSqlSteps<Listed, Steps> = any,
>(name: string, options: SqlProjectionOptions<Listed, Steps>): SqlProjection {
  requireSqlProjection(name, options);
  const { version = 1, tables, indexes = {}, on } = options;
  const frozen = Object.entries(indexes).map(([table, each]) => [table, Object.freeze([...each])] as const);
  return Object.freeze({
    kind: "sql-projection",
    name,
    version,
    tables: Object.freeze({ ...tables }),
    indexes: Object.freeze(Object.fromEntries(frozen)),
    on: Object.freeze({ ...on }) as SqlProjection["on"],
    ...commonParts(options),
  });
}

/**
 * Makes one key of several parts, such as tenant and id. No two lists of parts make the same key, and what begins with
 * certain parts begins with the key of these, so the documents of a tenant are those with `compositeKey(tenant)` as
 * their `keyPrefix`.
 *
 * @throws `ARGUMENT_INVALID` when there is no part, or one that is not a string.
 *
 * @example
 * ```ts
 * import { compositeKey } from "hitherto/core";
 * compositeKey("acme", "order/7"); // "acme/order%2F7/"
 * ```
 */
export function compositeKey(...parts: readonly [string, ...string[]]): string {
  const areStrings = parts.length > 0 && parts.every((part) => typeof part === "string");
  if (!areStrings) {
    throw new HithertoError("ARGUMENT_INVALID", {
      argument: "parts",
      problem: "it takes one string or more",
    });
  }
  return parts.map((part) => `${part.replaceAll("%", "%25").replaceAll("/", "%2F")}/`).join("");
}

/**
 * The parts that {@link compositeKey} was given.
 *
 * @example
 * ```ts
 * import { compositeKeyParts } from "hitherto/core";
 * compositeKeyParts("acme/order%2F7/"); // ["acme", "order/7"]
 * ```
 */
export function compositeKeyParts(key: string): readonly string[] {
  if (typeof key !== "string") refuseArgument("key", "it must be a string");
  const parts = key.split("/").slice(0, -1);
  return parts.map((part) => part.replaceAll("%2F", "/").replaceAll("%25", "%"));
}

/** The default `key` of a projection: the part of the stream's name after the category; the whole name without a `-`. */
export function keyOfStream({ stream }: Pick<StoredEvent, "stream">): string {
  return stream.slice(stream.indexOf("-") + 1);
}

function commonParts<Listed>({
  events,
  categories,
  ignore = [],
}: CommonOptions<Listed>): Pick<SqlProjection, "events" | "categories" | "ignore"> {
  return {
    events: Object.freeze({ ...events }) as AnyEventTypes,
    categories: categories === undefined ? undefined : Object.freeze([...categories]),
    ignore: Object.freeze([...ignore]),
  };
}
