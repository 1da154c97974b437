/**
 * How the types of projections are inferred from what is written once: the data of events from the annotations of
 * functions or from `events`, and the fields that can be indexed from the document.
 */
import type { Problem } from "./decider-inference.ts";
import type { DataIn, EventsIn, StoredEventOf } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import type { LiteralValue } from "./literal-value.ts";
import type { SqlTransaction } from "./sql.ts";

/** The functions of a projection by event type. What they return is not looked at here, but by {@link CheckedSteps}. */
export type InferredDocumentSteps<Document, Listed> = {
  readonly [Type in keyof Listed]?: (
    document: Document,
    data: DataIn<Listed[Type]>,
    event: StoredEvent<Type & string, DataIn<Listed[Type]>>,
  ) => LiteralValue;
};

/** Holds what each function returns against the document, and its type against those that `events` lists. */
export type CheckedSteps<Document, Listed, Steps> = unknown extends Document
  ? unknown
  : {
      readonly [Type in keyof Steps]: Type extends keyof Listed
        ? // `any`: parameters are contravariant, and have been looked at already.
          // oxlint-disable-next-line typescript/no-explicit-any
          (document: any, data: any, event: any) => Document | null
        : Problem<`events does not list the type ${Type & string}`>;
    };

/** The event that `key` is given: of any type that has a function. Any event, where those come after `key`. */
export type KeyedEvent<Listed, Steps> = unknown extends Listed
  ? StoredEvent
  : StoredEventOf<Pick<EventsIn<Listed>, keyof Steps & keyof EventsIn<Listed>>>;

/** The functions of an SQL projection by event type, as they are inferred. */
export type InferredSqlSteps<Listed> = {
  readonly [Type in keyof Listed]?: (
    transaction: SqlTransaction,
    data: DataIn<Listed[Type]>,
    event: StoredEvent<Type & string, DataIn<Listed[Type]>>,
  ) => void | Promise<void>;
};

/**
 * The fields of a document that can be indexed: dotted paths, up to four names long, to what may be a string, a number
 * or a boolean. A document of unknown shape has any.
 */
export type FieldPath<Document> = unknown extends Document ? string : PathIn<Document, 4>;

type Scalar = string | number | boolean;

/** How many names are left. */
interface OneLess {
  4: 3;
  3: 2;
  2: 1;
  1: 0;
}

type PathIn<Value, Left extends number> = Value extends readonly unknown[]
  ? never
  : Value extends object
    ? { [Name in keyof Value & string]-?: PathOf<Name, Value[Name], Left> }[keyof Value & string]
    : never;

type PathOf<Name extends string, Value, Left extends number> =
  | (Extract<Value, Scalar> extends never ? never : Name)
  | (Left extends keyof OneLess
      ? OneLess[Left] extends 0
        ? never
        : `${Name}.${PathIn<Extract<Value, object>, OneLess[Left]>}`
      : never);
