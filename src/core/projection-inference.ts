/**
 * How the types of projections are inferred from what is written once: the data of events from the annotations of
 * functions or from `events`, and the fields that can be indexed from the document.
 */
import type { Problem } from "./decider-inference.ts";
import type { DataIn } from "./event-type.ts";
import type { StoredEvent } from "./event.ts";
import type { LiteralValue } from "./literal-value.ts";
import type { SqlTransaction } from "./sql.ts";

/**
 * The functions of a projection by event type, while they are being inferred: what they take is known, what they return
 * is anything, which keeps literal types. {@link CheckedSteps} looks at the rest.
 */
export type InferredSteps<Document, Listed, Steps> = {
  readonly [Type in keyof Steps]: AnyStep<Document, DataListed<Listed, Type>, Type>["step"];
};

/** The data of a type as `events` lists it; without `events`, what the function says. */
export type DataListed<Listed, Type> = unknown extends Listed
  ? unknown
  : Type extends keyof Listed
    ? DataIn<Listed[Type]>
    : never;

/** A method, because a method may say more about its parameters than is known here. */
interface AnyStep<Document, Data, Type> {
  step(document: Document, data: Data, event: StoredEvent<Type & string, Data>): LiteralValue;
}

/** Holds each function against the document and against what `events` lists. */
export type CheckedSteps<Document, Listed, Steps> = unknown extends Document
  ? unknown
  : {
      readonly [Type in keyof Steps]: unknown extends Listed
        ? CheckedStep<Document, never, Type>
        : Type extends keyof Listed
          ? CheckedStep<Document, DataIn<Listed[Type]>, Type>
          : Problem<`events does not list the type ${Type & string}`>;
    };

/** What a function takes of data must not be less than there is: `never` is less than anything. */
type CheckedStep<Document, Data, Type> = (
  document: Document,
  data: Data,
  event: StoredEvent<Type & string, Data>,
) => Document | null;

/** The event that `key` is given: of any type that has a function. */
export type KeyedEvent<Listed, Steps> = {
  [Type in keyof Steps & string]: StoredEvent<
    Type,
    unknown extends Listed ? DataTaken<Steps[Type]> : DataListed<Listed, Type>
  >;
}[keyof Steps & string];

type DataTaken<Step> = Step extends (document: never, data: infer Data, event: never) => unknown
  ? Data
  : never;

/** The functions of an SQL projection by event type, while they are being inferred. */
export type InferredSqlSteps<Listed, Steps> = {
  readonly [Type in keyof Steps]: AnySqlStep<DataListed<Listed, Type>, Type>["step"];
};

/** A method, as {@link AnyStep} is. */
interface AnySqlStep<Data, Type> {
  step(
    transaction: SqlTransaction,
    data: Data,
    event: StoredEvent<Type & string, Data>,
  ): void | Promise<void>;
}

/** Holds each function against what `events` lists. */
export type CheckedSqlSteps<Listed, Steps> = {
  readonly [Type in keyof Steps]: unknown extends Listed
    ? CheckedSqlStep<never, Type>
    : Type extends keyof Listed
      ? CheckedSqlStep<DataIn<Listed[Type]>, Type>
      : Problem<`events does not list the type ${Type & string}`>;
};

type CheckedSqlStep<Data, Type> = (
  transaction: SqlTransaction,
  data: Data,
  event: StoredEvent<Type & string, Data>,
) => void | Promise<void>;

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
