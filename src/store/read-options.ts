/**
 * Checks what callers say about reads, subscriptions, policies and listings, and fills in the defaults, so that a store
 * works on complete plans only. Plans share nothing with the caller's objects.
 */
import { HithertoError } from "../core/errors.ts";
import type { EventFilter } from "../core/query.ts";
import { checkDefined, definedParts } from "../core/selections.ts";
import {
  checkExpectation,
  checkName,
  inWords,
  isMoment,
  momentMs,
  planQuery,
  planStrings,
} from "./check-input.ts";
import type {
  BackupOptions,
  Expectation,
  ListStreamsOptions,
  ReadOptions,
  ReclaimOptions,
  Snapshot,
  SnapshotStore,
  StreamPolicy,
  SubscribeOptions,
  VerifyOptions,
} from "./event-store.ts";

/** A checked read; bounds are inclusive and always there. */
export interface ReadPlan {
  readonly from: number;
  readonly to: number;
  /** Milliseconds since 1970. */
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  readonly backwards: boolean;
  readonly limit: number;
  /** Undefined when every event passes. */
  readonly filter: EventFilter | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A checked subscription. */
export interface SubscriptionPlan {
  readonly stream: string | undefined;
  /** Undefined for everything from the beginning. */
  readonly after: number | "end" | undefined;
  readonly filter: EventFilter | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A checked listing of streams. */
export interface ListPlan {
  readonly prefix: string;
  readonly category: string | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/** The bound that bounds nothing: no position, revision or limit is greater. */
export const unbounded: number = Number.MAX_SAFE_INTEGER;

/** Checks the options of `read` and `readStream`. @throws `ARGUMENT_INVALID` */
export function planRead(options: ReadOptions = {}): ReadPlan {
  checkOptions(options);
  checkDefined(options, readBounds);
  const { from = 0, to = unbounded, limit = unbounded, backwards = false, signal } = options;
  checkInteger("from", from, 0);
  checkInteger("to", to, 0);
  checkInteger("limit", limit, 0);
  if (typeof backwards !== "boolean") {
    fail("backwards", `it must be true or false, not ${inWords(backwards)}`);
  }
  checkSignal(signal);
  const [sinceMs, untilMs] = [planMoment("since", options.since), planMoment("until", options.until)];
  return { from, to, limit, backwards, sinceMs, untilMs, filter: planFilter(options), signal };
}

/** Checks the options of `subscribe`. @throws `ARGUMENT_INVALID`, `NAME_INVALID` */
export function planSubscription(options: SubscribeOptions = {}): SubscriptionPlan {
  checkOptions(options);
  checkDefined(options, ["stream", "after"]);
  const { stream, after, signal } = options;
  if (stream !== undefined) checkStreamName(stream);
  if (after !== undefined && after !== "end") checkInteger("after", after, 0);
  checkSignal(signal);
  return { stream, after, signal, filter: planFilter(options) };
}

/** Checks a policy. @throws `ARGUMENT_INVALID` */
export function planPolicy(policy: StreamPolicy): StreamPolicy {
  checkOptions(policy, "policy");
  const parts = ["maxCount", "maxAgeMs", "truncateBefore"] as const;
  checkDefined(policy, parts, "policy");
  const planned: { -readonly [Part in keyof StreamPolicy]: number } = {};
  for (const part of parts) {
    const value = policy[part];
    if (value === undefined) continue;
    checkInteger(part, value, part === "truncateBefore" ? 0 : 1);
    planned[part] = value;
  }
  return planned;
}

/** Checks the options of `listStreams`. @throws `ARGUMENT_INVALID` */
export function planList(options: ListStreamsOptions = {}): ListPlan {
  checkOptions(options);
  checkDefined(options, ["prefix", "category"]);
  const { prefix = "", category, after, limit = unbounded } = options;
  checkText("prefix", prefix);
  checkText("category", category);
  checkText("after", after);
  checkInteger("limit", limit, 0);
  return { prefix, category, after, limit };
}

/** Checks the options of `deleteStream` and `tombstoneStream`. @throws `ARGUMENT_INVALID` */
export function planRemoval(options: { readonly expect?: Expectation } = {}): Expectation {
  checkOptions(options);
  checkDefined(options, ["expect"]);
  const { expect = "any" } = options;
  checkExpectation(expect);
  return expect;
}

/** A moment in milliseconds since 1970; undefined if none is given. @throws `ARGUMENT_INVALID` */
export function planMoment(argument: string, moment: unknown): number | undefined {
  if (moment === undefined) return undefined;
  const ms = moment instanceof Date ? moment.getTime() : typeof moment === "string" && momentMs(moment);
  if (typeof ms === "number" && isMoment(ms)) return ms;
  const problem = "it must be a Date or an ISO 8601 moment with its time zone, in the years 1970 to 9999";
  fail(argument, `${problem}, not ${inWords(moment)}`);
}

/** How many snapshots of one stream and name are kept unless the caller says otherwise. */
export const snapshotsKeptDefault = 3;

/** Checks a snapshot to save and says how many to keep. @throws `ARGUMENT_INVALID`, `NAME_INVALID` */
export function checkSnapshot(
  snapshot: Snapshot,
  options: { readonly keep?: number | undefined } = {},
): number {
  checkOptions(snapshot, "snapshot");
  checkOptions(options);
  checkStreamName(snapshot.stream);
  if (typeof snapshot.name !== "string") fail("snapshot.name", "it must be a string");
  if (typeof snapshot.takenAt !== "string" || momentMs(snapshot.takenAt) === undefined) {
    const problem = "it must be an ISO 8601 moment with its time zone, in the years 1970 to 9999";
    fail("snapshot.takenAt", `${problem}, not ${inWords(snapshot.takenAt)}`);
  }
  checkInteger("snapshot.stateVersion", snapshot.stateVersion, 0);
  checkInteger("snapshot.revision", snapshot.revision, 0);
  if (!(snapshot.state instanceof Uint8Array)) fail("snapshot.state", "it must be a Uint8Array");
  const { keep = snapshotsKeptDefault } = options;
  checkInteger("keep", keep, 1);
  return keep;
}

/** Refuses a snapshot of events that its stream never had; `last` is -1 for no events. @throws `ARGUMENT_INVALID` */
export function checkSnapshotReached({ stream, revision }: Omit<Snapshot, "state">, last: number): void {
  if (revision <= last) return;
  const end = last < 0 ? "which has no events" : `whose last revision is ${last}`;
  fail("snapshot.revision", `revision ${revision} lies beyond the end of the stream "${stream}", ${end}`);
}

/** Checks what a snapshot is looked for by. @throws `ARGUMENT_INVALID` */
export function checkSnapshotKey(key: Parameters<SnapshotStore["find"]>[1]): void {
  checkOptions(key, "key");
  if (typeof key.name !== "string") fail("key.name", "it must be a string");
  checkInteger("key.stateVersion", key.stateVersion, 0);
  checkDefined(key, ["atRevision"], "key");
  if (key.atRevision !== undefined) checkInteger("key.atRevision", key.atRevision, 0);
}

/** Checks the options of `verify`. @throws `ARGUMENT_INVALID`, `ABORTED` */
export function checkVerifyOptions(
  options: Pick<VerifyOptions, "signal"> & { readonly onProgress?: unknown },
  operation: string = "verify",
): void {
  checkOptions(options);
  checkSignal(options.signal);
  const { onProgress } = options;
  if (onProgress !== undefined && typeof onProgress !== "function") {
    fail("onProgress", `it must be a function, not ${inWords(onProgress)}`);
  }
  throwIfAborted(options.signal, operation);
}

/** Checks the options of `reclaim`. @throws `ARGUMENT_INVALID`, `ABORTED` */
export function planReclaim(options: ReclaimOptions = {}): {
  readonly erase: boolean;
  readonly signal: AbortSignal | undefined;
} {
  checkOptions(options);
  const { erase = false, signal } = options;
  if (typeof erase !== "boolean") fail("erase", `it must be true or false, not ${inWords(erase)}`);
  checkSignal(signal);
  throwIfAborted(signal, "reclaim");
  return { erase, signal };
}

/** Checks the options of a backup, or of its way back. @throws `ARGUMENT_INVALID`, `ABORTED` */
export function checkBackupOptions(options: BackupOptions, operation: "backup" | "restore"): void {
  checkVerifyOptions(options, operation);
  const { overwrite } = options;
  if (overwrite !== undefined && typeof overwrite !== "boolean") {
    fail("overwrite", `it must be true or false, not ${inWords(overwrite)}`);
  }
}

/**
 * Checks the name of a stream that a caller wants to read or manage. Unlike an append, it may be one of Hitherto's own.
 *
 * @throws `NAME_INVALID`
 */
export function checkStreamName(stream: unknown): asserts stream is string {
  checkName("stream", typeof stream === "string" && /^\$./.test(stream) ? stream.slice(1) : stream);
}

/** Refuses what cannot be the path of a file. @throws `ARGUMENT_INVALID` */
export function checkFilePath(argument: string, path: unknown): asserts path is string {
  // Of half of a surrogate pair, the system would make another name.
  if (typeof path !== "string" || path === "" || path.includes("\0") || !path.isWellFormed()) {
    fail(argument, "it must be the path of a file");
  }
  // Or a file of that name would be made. The URL itself is not repeated: it may hold a password.
  if (/^:memory:/i.test(path)) fail(argument, 'it names no file: open("memory:") opens a store in memory');
  const isUrl = urlOfStore.test(path);
  if (isUrl) fail(argument, "it is a URL, where the path of a file is needed; open takes both");
}

/** Schemes that are written before the path of a database. */
const urlOfStore = /^(?:file|sqlite3?|libsql|better-sqlite3|jdbc|memory|postgres(?:ql)?):/i;

/** Refuses what is no store. @throws `ARGUMENT_INVALID` */
export function checkStore(store: unknown): void {
  const isStore = typeof (store as { readonly read?: unknown } | null | undefined)?.read === "function";
  if (!isStore) fail("store", `it must be an open store, not ${inWords(store)}`);
}

/** Refuses options that are no object. @throws `ARGUMENT_INVALID` */
export function checkOptions(options: unknown, argument: string = "options"): void {
  if (typeof options !== "object" || options === null) {
    fail(argument, `it must be an object, not ${inWords(options)}`);
  }
}

/** Refuses an event id that is no text; a text that is no UUID is merely the id of no event. @throws `ARGUMENT_INVALID` */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string") fail("id", `it must be a string, not ${inWords(id)}`);
}

/** Refuses anything but a function or undefined. @throws `ARGUMENT_INVALID` */
export function checkFunction(argument: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  fail(argument, `it must be a function, not ${inWords(value)}`);
}

/** Refuses anything but a function. @throws `ARGUMENT_INVALID` */
export function checkListener(listener: unknown): void {
  if (typeof listener !== "function") fail("listener", `it must be a function, not ${inWords(listener)}`);
}

/** Refuses anything but an AbortSignal or undefined. @throws `ARGUMENT_INVALID` */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return;
  fail("signal", `it must be an AbortSignal, not ${inWords(signal)}`);
}

/** Ends an operation whose signal has been aborted. @throws `ABORTED`, with the signal's reason as its cause. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted === true) throw new HithertoError("ABORTED", { operation }, { cause: signal.reason });
}

const readBounds = ["from", "to", "since", "until"] as const;
const filterParts = ["types", "categories", "streamPrefix", "tags", "correlationId", "query"] as const;

function planFilter(asked: EventFilter): EventFilter | undefined {
  checkDefined(asked, filterParts);
  const { streamPrefix, correlationId, query } = asked;
  checkText("streamPrefix", streamPrefix);
  checkText("correlationId", correlationId);
  const filter = definedParts({
    types: planStrings(asked.types, "types"),
    categories: planStrings(asked.categories, "categories"),
    streamPrefix,
    tags: planStrings(asked.tags, "tags"),
    correlationId,
    query: query === undefined ? undefined : planQuery(query, "query"),
  });
  return Object.keys(filter).length === 0 ? undefined : filter;
}

function checkInteger(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  fail(argument, `it must be an integer from ${least}, not ${inWords(value)}`);
}

function checkText(argument: string, value: unknown): void {
  if (value !== undefined && typeof value !== "string") {
    fail(argument, `it must be a string, not ${inWords(value)}`);
  }
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
