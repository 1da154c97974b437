/**
 * Checks of what the read side is called with, shared by the stores. Plans hold values as JSON and share nothing with the
 * caller's objects.
 */
import { HithertoError } from "../core/errors.ts";
import { findJsonFault } from "../core/json-check.ts";
import { limits } from "../core/limits.ts";
import { inWords } from "./check-input.ts";
import { checkOptions, unbounded } from "./read-options.ts";
import type {
  CommitOptions,
  DocumentWrite,
  ListRecordsOptions,
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
    removeAll: listOf(changes.removeAll, "removeAll").map(({ space, prefix, to }, index) => {
      checkText(`removeAll[${index}].space`, space);
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
  checkText(`${argument}.space`, space);
  checkText(`${argument}.key`, key);
  return { space, key };
}

/** Checks a listing of records. @throws `ARGUMENT_INVALID` */
export function planListRecords(space: string, options: ListRecordsOptions = {}): ListRecordsPlan {
  checkText("space", space);
  checkOptions(options);
  const { prefix = "", after, limit = unbounded } = options;
  checkText("prefix", prefix);
  if (after !== undefined) checkText("after", after);
  checkInteger("limit", limit, 0);
  return { space, prefix, after, limit };
}

/** The error of a call to a transaction that is over. */
export function transactionEnded(): HithertoError {
  return new HithertoError("ARGUMENT_INVALID", { argument: "transaction", problem: "it has ended" });
}

/** The longest that a timer can wait. */
const timerMsMax = 2 ** 31 - 1;

function planStep(step: ReadModelStep, argument: string): ReadModelStep {
  checkOptions(step, argument);
  checkInteger(`${argument}.generation`, step.generation, 1);
  switch (step.step) {
    case "create":
      checkText(`${argument}.name`, step.name);
      checkInteger(`${argument}.version`, step.version, 1);
      return { ...step, shape: structuredClone(step.shape) };
    case "advance":
      checkInteger(`${argument}.from`, step.from, 0);
      checkInteger(`${argument}.to`, step.to, step.from);
      return { ...step, documents: planDocuments(step.documents, `${argument}.documents`) };
    case "activate":
    case "clear":
    case "drop":
      return { ...step };
    default:
      fail(`${argument}.step`, `there is no step ${inWords((step as { step: unknown }).step)}`);
  }
}

function planDocuments(
  documents: readonly DocumentWrite[] | undefined,
  argument: string,
): readonly DocumentWrite[] {
  const list = listOf(documents, argument);
  for (const [index, { key, json, indexed, position }] of list.entries()) {
    checkText(`${argument}[${index}].key`, key);
    if (json !== null && typeof json !== "string") fail(`${argument}[${index}].json`, "it must be JSON text");
    if (!Array.isArray(indexed)) fail(`${argument}[${index}].indexed`, "it must be an array");
    checkInteger(`${argument}[${index}].position`, position, 0);
  }
  return [...list];
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

function checkText(argument: string, value: unknown): asserts value is string {
  if (typeof value !== "string") fail(argument, `it must be a string, not ${inWords(value)}`);
  const max = limits.recordKeyLengthMax;
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
