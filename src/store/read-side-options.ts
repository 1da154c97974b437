/**
 * Checks of what the read side is called with, shared by the stores. Plans hold values as JSON and share nothing with the
 * caller's objects.
 */
import { HithertoError } from "../core/errors.ts";
import { findJsonFault } from "../core/json-check.ts";
import { limits } from "../core/limits.ts";
import { checkDefined } from "../core/selections.ts";
import { inWords } from "./check-input.ts";
import { indexedFields } from "./document-query.ts";
import { checkOptions, unbounded } from "./read-options.ts";
import type {
  CommitOptions,
  DocumentQuery,
  DocumentWrite,
  FieldCondition,
  IndexValue,
  ListRecordsOptions,
  ReadModelInfo,
  ReadModelRef,
  ReadModelShape,
  ReadModelStep,
  ReadSideCommit,
  RecordExpectation,
  RecordRef,
  TransactionOptions,
} from "./read-side.ts";

/** A record to put, its value as JSON. */
export interface PlannedRecord extends RecordRef {
  readonly json: string;
}

/** A checked commit. */
export interface CommitPlan {
  readonly expect: readonly RecordExpectation[];
  readonly models: readonly ReadModelStep[];
  readonly put: readonly PlannedRecord[];
  readonly remove: readonly RecordRef[];
  readonly removeAll: ReadonlyArray<{
    readonly space: string;
    readonly prefix: string;
    readonly to: string | undefined;
  }>;
}

/** A checked listing of records. */
export interface ListRecordsPlan {
  readonly space: string;
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
}

/** How long the body of a transaction may take unless the caller says otherwise, in milliseconds. */
export const transactionTimeoutDefaultMs = 10_000;

/** Checks a commit before anything of it is done. @throws `ARGUMENT_INVALID` */
export function planCommit(changes: ReadSideCommit): CommitPlan {
  checkOptions(changes, "changes");
  return {
    expect: listOf(changes.expect, "expect").map((one, index) => {
      checkInteger(`expect[${index}].version`, one.version, 0);
      return { ...planRef(one, `expect[${index}]`), version: one.version };
    }),
    models: listOf(changes.models, "models").map((step, index) => planStep(step, `models[${index}]`)),
    put: listOf(changes.put, "put").map((one, index) => ({
      ...planRef(one, `put[${index}]`),
      json: jsonOf(one.value, `put[${index}].value`),
    })),
    remove: listOf(changes.remove, "remove").map((one, index) => planRef(one, `remove[${index}]`)),
    removeAll: listOf(changes.removeAll, "removeAll").map((asked, index) => {
      checkDefined(asked, ["to"], `removeAll[${index}]`);
      const { space, prefix, to } = asked;
      checkText(`removeAll[${index}].space`, space, limits.recordSpaceLengthMax);
      checkText(`removeAll[${index}].prefix`, prefix);
      if (to !== undefined) checkText(`removeAll[${index}].to`, to);
      return { space, prefix, to };
    }),
  };
}

/** Whether a commit must be durable. @throws `ARGUMENT_INVALID` */
export function planCommitOptions(options: CommitOptions = {}): { readonly isDurable: boolean } {
  checkOptions(options);
  const { isDurable = true } = options;
  if (typeof isDurable !== "boolean") {
    fail("isDurable", `it must be true or false, not ${inWords(isDurable)}`);
  }
  return { isDurable };
}

/** Checks how a transaction is to run. @throws `ARGUMENT_INVALID` */
export function planTransaction(
  body: unknown,
  options: TransactionOptions = {},
): { readonly isDurable: boolean; readonly timeoutMs: number } {
  if (typeof body !== "function") fail("body", `it must be a function, not ${inWords(body)}`);
  const { isDurable } = planCommitOptions(options);
  const { timeoutMs = transactionTimeoutDefaultMs } = options;
  checkInteger("timeoutMs", timeoutMs, 1);
  if (timeoutMs > timerMsMax) fail("timeoutMs", `it must be at most ${timerMsMax}`);
  return { isDurable, timeoutMs };
}

/** A copy of the name of a record. @throws `ARGUMENT_INVALID` */
export function planRef(ref: RecordRef, argument = "ref"): RecordRef {
  checkOptions(ref, argument);
  const { space, key } = ref;
  checkText(`${argument}.space`, space, limits.recordSpaceLengthMax);
  checkText(`${argument}.key`, key);
  return { space, key };
}

/** Checks a listing of records. @throws `ARGUMENT_INVALID` */
export function planListRecords(space: string, options: ListRecordsOptions = {}): ListRecordsPlan {
  checkText("space", space, limits.recordSpaceLengthMax);
  checkOptions(options);
  checkDefined(options, ["prefix"]);
  const { prefix = "", after, limit = unbounded } = options;
  checkText("prefix", prefix);
  if (after !== undefined) checkText("after", after);
  checkInteger("limit", limit, 0);
  return { space, prefix, after, limit };
}

/** Refuses what names no read model. @throws `ARGUMENT_INVALID` */
export function checkModelRef(ref: ReadModelRef): void {
  checkOptions(ref, "model");
  if ("name" in ref) checkText("model.name", ref.name);
  else checkInteger("model.generation", ref.generation, 1);
}

/** Refuses what cannot be the name of a read model; undefined stands for all of them. @throws `ARGUMENT_INVALID` */
export function checkModelName(name: unknown): void {
  if (name !== undefined) checkText("name", name);
}

/** Refuses a query that is none; its fields are checked where the read model is known. @throws `ARGUMENT_INVALID` */
export function checkDocumentQuery(query: DocumentQuery): void {
  checkOptions(query, "query");
  checkDefined(query, ["keyPrefix"], "query");
  const { where, sort, limit, keyPrefix, after } = query;
  checkOptions(where, "where");
  for (const [field, condition] of Object.entries(where)) {
    checkDefined(where, [field], "where");
    checkCondition(`where.${field}`, condition);
  }
  if (!Array.isArray(sort)) fail("sort", `it must be an array, not ${inWords(sort)}`);
  for (const { field } of listOf(sort, "sort")) checkText("sort.field", field);
  checkInteger("limit", limit, 0);
  if (keyPrefix !== undefined) checkText("keyPrefix", keyPrefix);
  if (after === undefined) return;
  checkOptions(after, "after");
  checkText("after.key", after.key);
  const isPlace = Array.isArray(after.values) && after.values.every(isIndexValue);
  if (!isPlace) fail("after.values", "it must be an array of strings, finite numbers and nulls");
}

function checkCondition(argument: string, condition: FieldCondition): void {
  checkOptions(condition, argument);
  for (const [part, value] of Object.entries(condition)) {
    checkDefined(condition, [part], argument);
    const isList = part === "in" && Array.isArray(value) && (value as readonly unknown[]).every(isIndexValue);
    if (isList || (part !== "in" && isIndexValue(value))) continue;
    fail(`${argument}.${part}`, "it must be a string, a finite number or null; for `in`, an array of them");
  }
  const { prefix } = condition;
  if (prefix !== undefined) checkText(`${argument}.prefix`, prefix);
}

/** Refuses what can not be the keys of documents. @throws `ARGUMENT_INVALID` */
export function checkDocumentKeys(keys: readonly string[]): void {
  if (!Array.isArray(keys)) fail("keys", `it must be an array, not ${inWords(keys)}`);
  for (let index = 0; index < keys.length; index++) checkText("keys", keys[index]);
}

/** Refuses documents that do not fit the read model. @throws `ARGUMENT_INVALID` */
export function checkDocuments(
  { name, shape }: Pick<ReadModelInfo, "name" | "shape">,
  documents: readonly DocumentWrite[],
): void {
  if (documents.length === 0) return;
  if (shape.kind !== "documents") fail("documents", `the read model "${name}" holds no documents`);
  const count = indexedFields(shape).length;
  for (const { json, indexed } of documents) {
    if (json === null || indexed.length === count) continue;
    fail("documents", `each of "${name}" needs ${count} indexed values, not ${indexed.length}`);
  }
}

/** The error of a call to a transaction that is over. */
export function transactionEnded(): HithertoError {
  return new HithertoError("ARGUMENT_INVALID", { argument: "transaction", problem: "it has ended" });
}

/** The longest that a timer can wait. */
const timerMsMax = 2 ** 31 - 1;

/** Takes nothing but what a step is made of: what else an object holds need not be able to pass between threads. */
function planStep(given: ReadModelStep, argument: string): ReadModelStep {
  const { step, generation } = given;
  checkInteger(`${argument}.generation`, generation, 1);
  switch (step) {
    case "create": {
      const { name, version } = given;
      checkName(`${argument}.name`, name);
      checkInteger(`${argument}.version`, version, 1);
      return { step, generation, name, version, shape: planShape(given.shape, `${argument}.shape`) };
    }
    case "advance": {
      const { from, to } = given;
      checkInteger(`${argument}.from`, from, 0);
      checkInteger(`${argument}.to`, to, from);
      const documents = planDocuments(given.documents, `${argument}.documents`);
      return { step, generation, from, to, documents };
    }
    case "activate":
    case "clear":
    case "drop":
      return { step, generation };
    default:
      fail(`${argument}.step`, `there is no step ${inWords(step)}`);
  }
}

function planShape(shape: ReadModelShape, argument: string): ReadModelShape {
  checkOptions(shape, argument);
  const { kind } = shape;
  if (kind === "documents") {
    const indexes = listOf(shape.indexes, `${argument}.indexes`).map((index, at) => {
      if (Array.isArray(index) && index.length === 0) fail(`${argument}.indexes[${at}]`, "it has no field");
      return planTexts(index, `${argument}.indexes[${at}]`);
    });
    return { kind, indexes };
  }
  if (kind !== "sql") fail(`${argument}.kind`, `there is no kind ${inWords(kind)}`);
  return {
    kind,
    tables: planByTable(shape.tables, `${argument}.tables`, (columns, place) => {
      if (typeof columns !== "string") fail(place, `it must be a string, not ${inWords(columns)}`);
      return columns;
    }),
    indexes: planByTable(shape.indexes, `${argument}.indexes`, planTexts),
  };
}

function planByTable<Part>(
  parts: Readonly<Record<string, Part>>,
  argument: string,
  plan: (part: Part, argument: string) => Part,
): Record<string, Part> {
  checkOptions(parts, argument);
  const entries = Object.entries(parts).map(([table, part]) => {
    checkName(argument, table);
    return [table, plan(part, `${argument}.${table}`)] as const;
  });
  return Object.fromEntries(entries);
}

function planTexts(texts: readonly string[], argument: string): readonly string[] {
  if (!Array.isArray(texts)) fail(argument, `it must be an array, not ${inWords(texts)}`);
  return Array.from(texts as readonly unknown[], (text, index) => {
    checkText(`${argument}[${index}]`, text);
    return text;
  });
}

function planDocuments(
  documents: readonly DocumentWrite[] | undefined,
  argument: string,
): readonly DocumentWrite[] {
  return listOf(documents, argument).map(({ key, json, indexed, position }, index) => {
    checkText(`${argument}[${index}].key`, key, limits.keyLengthMax);
    if (json !== null && (typeof json !== "string" || json === "")) {
      fail(`${argument}[${index}].json`, "it must be JSON text or null");
    }
    if (!Array.isArray(indexed) || !indexed.every(isIndexValue)) {
      fail(`${argument}[${index}].indexed`, "it must be an array of strings, finite numbers and nulls");
    }
    checkInteger(`${argument}[${index}].position`, position, 0);
    return { key, json, indexed: [...(indexed as readonly IndexValue[])], position };
  });
}

function isIndexValue(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  return value === null || Number.isFinite(value);
}

const namePattern = /^[A-Za-z]\w{0,63}$/;

/** Definitions check their names; what comes another way must not reach SQL either. */
function checkName(argument: string, name: unknown): void {
  if (typeof name === "string" && namePattern.test(name)) return;
  fail(argument, `${inWords(name)} is no name: letters, digits and _, a letter first, at most 64`);
}

function listOf<Item>(list: readonly Item[] | undefined, argument: string): readonly Item[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) fail(argument, `it must be an array, not ${inWords(list)}`);
  const items = list as readonly Item[];
  for (const [index, item] of items.entries()) checkOptions(item, `${argument}[${index}]`);
  return items;
}

function jsonOf(value: unknown, argument: string): string {
  const fault = findJsonFault(value, argument);
  if (fault !== undefined) fail(fault.path, `JSON can not carry ${fault.found}`);
  return JSON.stringify(value);
}

function checkText(
  argument: string,
  value: unknown,
  max: number = limits.recordKeyLengthMax,
): asserts value is string {
  if (typeof value !== "string") fail(argument, `it must be a string, not ${inWords(value)}`);
  if (value.length > max) fail(argument, `it has ${value.length} characters, more than ${max}`);
  if (!value.isWellFormed()) fail(argument, "it holds half of a surrogate pair");
}

function checkInteger(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  fail(argument, `it must be an integer from ${least}, not ${inWords(value)}`);
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
