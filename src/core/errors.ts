/**
 * Every error that Hitherto raises, in one registry: its code, its sentence, whether trying again can help, and who
 * must act. Codes are never renamed or reused; each has its section in `docs/errors.md` and a test that provokes it.
 *
 * Recognise an error by {@link isHithertoError} and its code, never by `instanceof`: two copies of the package may be
 * loaded at once.
 */
import type { AppendCondition } from "./query.ts";

/** Who can mend the cause: the code that called, or whoever runs the machine. */
export type ErrorActor = "caller" | "operator";

/** The event that stands in the way of an append. */
export interface BlockingEvent {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
}

/** The details that come with each error code. */
export interface ErrorDetailsByCode {
  readonly ARGUMENT_INVALID: { argument: string; problem: string };
  readonly DEFINITION_INVALID: { definition: string; problem: string };
  readonly ABORTED: { operation: string };
  readonly APPEND_EMPTY: { stream?: string | undefined };
  readonly APPEND_TOO_LARGE: { limit: string; max: number; actual: number };
  readonly STREAM_REPEATED: { stream: string };
  readonly NAME_INVALID: { kind: "stream" | "type" | "tag"; name: string; problem: string };
  readonly EVENT_INVALID: { index: number; field: string; problem: string };
  readonly EVENT_NOT_JSON: { index: number; path: string; found: string };
  readonly EVENT_TOO_LARGE: { index: number; bytes: number; max: number };
  readonly EVENT_ID_CONFLICT: { id: string; problem: string; event?: BlockingEvent | undefined };
  readonly REVISION_CONFLICT: {
    stream: string;
    expected: "none" | "exists" | number;
    /** Revision of the last event, or `"none"` when the stream has no events. */
    actual: number | "none";
    event?: BlockingEvent | undefined;
  };
  readonly CONDITION_CONFLICT: { condition: AppendCondition; event: BlockingEvent };
  readonly STREAM_TOMBSTONED: { stream: string };
  readonly QUEUE_FULL: { queue: string; max: number };
  readonly SCHEMA_VIOLATION: { type: string; issues: readonly string[] };
  readonly EVENT_TYPE_UNKNOWN: { type: string; definition: string; stream?: string; revision?: number };
  readonly EVENT_NEWER_THAN_CODE: {
    type: string;
    schemaVersion: number;
    knownVersion: number;
    stream?: string;
    revision?: number;
  };
  readonly UPCASTER_MISSING: { type: string; fromVersion: number; knownVersion: number };
  readonly UPCASTER_FAILED: {
    type: string;
    fromVersion: number;
    stream?: string;
    revision?: number;
    /** What it did, such as `returned nothing`, or `threw` and the error. */
    problem: string;
  };
  readonly EVOLVE_FAILED: {
    definition: string;
    type: string;
    stream: string;
    revision: number;
    /** What it did, such as `returned nothing`, or `threw` and the error. */
    problem: string;
  };
  readonly COMMAND_UNKNOWN: { decider: string; command: string; known: readonly string[] };
  readonly DECISION_INVALID: { definition: string; command: string; problem: string };
  readonly RETRIES_EXHAUSTED: { operation: string; attempts: number };
  readonly IDEMPOTENCY_KEY_REUSED: { key: string; stream: string; problem: string };
  readonly SNAPSHOT_NOT_FAITHFUL: { definition: string; stream: string; problem: string };
  readonly SNAPSHOT_DAMAGED: { definition: string; stream: string; revision: number; problem: string };
  readonly RECORD_CONFLICT: { space: string; key: string; expected: number; actual: number };
  readonly MODEL_CONFLICT: { generation: number; problem: string };
  readonly TRANSACTION_TIMEOUT: { store: string; timeoutMs: number };
  readonly JOIN_UNSUPPORTED: { store: string };
  /** `instead` says what to do, as the end of a sentence. */
  readonly BACKUP_UNSUPPORTED: { store: string; instead: string };
  readonly SQL_UNSUPPORTED: { store: string; operation: string };
  readonly SQL_FAILED: { sql: string; problem: string };
  readonly DEFINITION_REPEATED: { kind: "projection" | "consumer"; name: string };
  readonly PROJECTION_UNKNOWN: { projection: string; known: readonly string[] };
  readonly PROJECTION_OUTDATED: { projection: string; version: number; stored: number };
  readonly PROJECTION_FAILED: {
    projection: string;
    type: string;
    stream: string;
    revision: number;
    position: number;
    /** What it did, such as `returned nothing`, or `threw` and the error. */
    problem: string;
  };
  readonly READ_MODEL_NOT_READY: {
    readModel: string;
    /** How far the first build is; undefined when none has begun. */
    position?: number | undefined;
  };
  readonly INDEX_MISSING: { readModel: string; field: string; known: readonly string[] };
  readonly CURSOR_INVALID: { readModel: string; problem: string };
  readonly WAIT_TIMEOUT: { work: string; position: number; reached: number; waitedMs: number };
  readonly CONSUMER_UNKNOWN: { consumer: string; known: readonly string[] };
  readonly CONSUMER_STOPPED: { consumer: string; position: number; problem: string };
  readonly DELIVERY_TIMEOUT: { consumer: string; position: number; timeoutMs: number };
  readonly OWNERSHIP_LOST: { work: string };
  readonly PARKED_UNKNOWN: { owner: string; key?: string | undefined; position?: number | undefined };
  readonly PARKED_FULL: { owner: string; max: number };
  readonly STORE_CLOSED: { store: string };
  /** `instead` says how the store that is probably meant is written. */
  readonly STORE_URL_UNKNOWN: { url: string; known: readonly string[]; instead?: string };
  readonly STORE_DRIVER_MISSING: { store: string; driver: string; install: string };
  readonly STORE_NOT_FOUND: { store: string; problem: string };
  readonly STORE_UNREACHABLE: { store: string; problem: string };
  readonly STORE_LOGIN_REFUSED: { store: string; problem: string };
  readonly STORE_RIGHTS_MISSING: { store: string; problem: string };
  readonly STORE_SERVER_UNSUPPORTED: { store: string; problem: string };
  readonly STORE_NOT_A_STORE: { store: string; problem: string };
  readonly STORE_FORMAT_NEWER: { store: string; format: number; known: number };
  readonly STORE_FORMAT_OLDER: { store: string; format: number; known: number };
  readonly STORE_DAMAGED: { store: string; problem: string; stream?: string; position?: number };
  /** `problem` says what became of which file. */
  readonly STORE_REPLACED: { store: string; problem: string };
  /** `names`: how many the file has. */
  readonly STORE_HARD_LINKED: { store: string; names: number };
  readonly STORE_FULL: { store: string };
  /** `problem` says what it was busy with, where that was not another writer. */
  readonly STORE_BUSY: { store: string; waitedMs: number; problem?: string };
  readonly STORE_TIMEOUT: { store: string; waitedMs: number; problem: string };
  /** `problem`: why, where it is more than a missing right. */
  readonly STORE_READ_ONLY: { store: string; problem?: string | undefined };
  readonly STORE_IO: { store: string; problem: string };
  readonly OUT_OF_MEMORY: { store: string; thread: string };
  readonly SQLITE_UNSOUND: { store: string; version: string; node: string };
  readonly THREAD_NOT_STARTED: {
    store: string;
    thread: "writer" | "checkpoint" | "verify" | "backup";
    problem: string;
  };
  readonly LINE_INVALID: { source: string; line: number; problem: string };
  readonly IMPORT_CONFLICT: { source: string; line: number; stream: string; problem: string };
  readonly FILE_UNREADABLE: { file: string; problem: string };
  readonly FILE_UNWRITABLE: { file: string; problem: string };
}

/** The code of a {@link HithertoError}: a stable string literal. */
export type ErrorCode = keyof ErrorDetailsByCode;

/** The details that come with an error code. */
export type ErrorDetails<Code extends ErrorCode> = ErrorDetailsByCode[Code];

interface ErrorDefinition<Details> {
  readonly message: (details: Details) => string;
  readonly isRetryable: boolean;
  readonly actor: ErrorActor;
}

function caller<Details>(message: (details: Details) => string): ErrorDefinition<Details> {
  return { message, isRetryable: false, actor: "caller" };
}

function retryable<Details>(message: (details: Details) => string): ErrorDefinition<Details> {
  return { message, isRetryable: true, actor: "caller" };
}

function operator<Details>(message: (details: Details) => string): ErrorDefinition<Details> {
  return { message, isRetryable: false, actor: "operator" };
}

function inList(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

const registry: { readonly [Code in ErrorCode]: ErrorDefinition<ErrorDetailsByCode[Code]> } = {
  // Arguments
  ARGUMENT_INVALID: caller((d) => `The argument ${d.argument} is not valid: ${d.problem}.`),
  DEFINITION_INVALID: caller((d) => `The definition "${d.definition}" is not valid: ${d.problem}.`),
  ABORTED: caller((d) => `The ${d.operation} was aborted by its signal.`),

  // Appending
  APPEND_EMPTY: caller((d) =>
    d.stream === undefined
      ? "An append needs at least one event."
      : `The append to stream "${d.stream}" has no events.`,
  ),
  APPEND_TOO_LARGE: caller((d) => `The append holds ${d.actual} where ${d.limit} allows ${d.max}.`),
  STREAM_REPEATED: caller(
    (d) => `The append names stream "${d.stream}" twice; put its events into one entry.`,
  ),
  NAME_INVALID: caller((d) => `The ${d.kind} ${JSON.stringify(d.name)} is not valid: ${d.problem}.`),
  EVENT_INVALID: caller((d) => `Event ${d.index} of the append has an invalid ${d.field}: ${d.problem}.`),
  EVENT_NOT_JSON: caller(
    (d) => `Event ${d.index} of the append holds ${d.found} at ${d.path}, which JSON cannot carry.`,
  ),
  EVENT_TOO_LARGE: caller(
    (d) => `Event ${d.index} of the append takes ${d.bytes} bytes; at most ${d.max} are allowed.`,
  ),
  EVENT_ID_CONFLICT: caller((d) => `The event id ${d.id} cannot be appended: ${d.problem}.`),
  REVISION_CONFLICT: retryable((d) => {
    const found = d.actual === "none" ? "has no events" : `is at revision ${d.actual}`;
    const way = d.event === undefined ? "" : `; in the way: ${d.event.type} at revision ${d.event.revision}`;
    return `Stream "${d.stream}" was expected ${expectationInWords(d.expected)} but ${found}${way}.`;
  }),
  CONDITION_CONFLICT: retryable(
    (d) =>
      `An event after position ${d.condition.after ?? 0} matches the append condition: ` +
      `${d.event.type} at position ${d.event.position} (stream "${d.event.stream}", revision ${d.event.revision}).`,
  ),
  STREAM_TOMBSTONED: caller(
    (d) => `Stream "${d.stream}" has a tombstone: nothing can be appended to it any more.`,
  ),
  QUEUE_FULL: retryable((d) => `The queue of ${d.queue} is full (${d.max} waiting).`),

  // Events and their versions
  SCHEMA_VIOLATION: caller((d) => `The data of ${d.type} does not fit its schema: ${d.issues.join("; ")}.`),
  EVENT_TYPE_UNKNOWN: caller(
    (d) =>
      `"${d.definition}" has no function for events of type ${d.type}${placeInWords(d.stream, d.revision)}.`,
  ),
  EVENT_NEWER_THAN_CODE: caller(
    (d) =>
      `Event ${d.type}${placeInWords(d.stream, d.revision)} has schema version ${d.schemaVersion}, ` +
      `but this code knows only up to ${d.knownVersion}.`,
  ),
  UPCASTER_MISSING: caller(
    (d) =>
      `No upcaster lifts ${d.type} from schema version ${d.fromVersion} to ${d.fromVersion + 1} ` +
      `(the code is at ${d.knownVersion}).`,
  ),
  UPCASTER_FAILED: caller(
    (d) =>
      `The upcaster of ${d.type} from schema version ${d.fromVersion} ${d.problem}` +
      `${placeInWords(d.stream, d.revision)}.`,
  ),
  EVOLVE_FAILED: caller(
    (d) =>
      `The evolve function of "${d.definition}" for events of type ${d.type} ${d.problem}` +
      `${placeInWords(d.stream, d.revision)}.`,
  ),

  // Commands
  COMMAND_UNKNOWN: caller(
    (d) => `The decider "${d.decider}" has no command "${d.command}"; it knows ${d.known.join(", ")}.`,
  ),
  DECISION_INVALID: caller(
    (d) => `The decision of "${d.definition}" on "${d.command}" is not valid: ${d.problem}.`,
  ),
  RETRIES_EXHAUSTED: retryable(
    (d) => `The ${d.operation} met a conflict on each of its ${d.attempts} attempts.`,
  ),
  IDEMPOTENCY_KEY_REUSED: caller(
    (d) => `The idempotency key "${d.key}" cannot be used on stream "${d.stream}": ${d.problem}.`,
  ),
  SNAPSHOT_NOT_FAITHFUL: caller(
    (d) =>
      `The state of "${d.definition}" on stream "${d.stream}" cannot be kept as a snapshot: ${d.problem}.`,
  ),
  SNAPSHOT_DAMAGED: operator(
    (d) =>
      `The snapshot of "${d.definition}" on stream "${d.stream}" at revision ${d.revision} is damaged: ${d.problem}.`,
  ),

  // The read side
  RECORD_CONFLICT: retryable(
    (d) =>
      `The record ${d.key} of ${d.space} has version ${d.actual}, not ${d.expected}: it was changed meanwhile.`,
  ),
  MODEL_CONFLICT: retryable(
    (d) => `Generation ${d.generation} of a read model can not be changed: ${d.problem}.`,
  ),
  TRANSACTION_TIMEOUT: caller(
    (d) => `A transaction on ${d.store} took longer than ${d.timeoutMs} ms and was undone.`,
  ),
  JOIN_UNSUPPORTED: caller((d) => `${d.store} can take part in no transaction but its own.`),
  SQL_UNSUPPORTED: caller((d) => `${d.store} runs no SQL, which ${d.operation} needs.`),
  SQL_FAILED: caller((d) => `The statement ${JSON.stringify(d.sql)} failed: ${d.problem}.`),
  DEFINITION_REPEATED: caller((d) => `There are two definitions of the ${d.kind} "${d.name}".`),
  PROJECTION_UNKNOWN: caller(
    (d) => `The store knows no projection "${d.projection}"; it knows ${inList(d.known)}.`,
  ),
  PROJECTION_OUTDATED: caller(
    (d) =>
      `The projection "${d.projection}" has version ${d.version} here, but its read model was built by version ${d.stored}.`,
  ),
  PROJECTION_FAILED: caller(
    (d) =>
      `The projection "${d.projection}" failed at position ${d.position} ` +
      `(${d.type}, revision ${d.revision} of stream "${d.stream}"): ${d.problem}.`,
  ),
  READ_MODEL_NOT_READY: retryable((d) =>
    d.position === undefined
      ? `The read model "${d.readModel}" has not been built: no process has run its projection.`
      : `The read model "${d.readModel}" is being built and has reached position ${d.position}.`,
  ),
  INDEX_MISSING: caller(
    (d) => `The read model "${d.readModel}" has no index on "${d.field}"; indexed are ${inList(d.known)}.`,
  ),
  CURSOR_INVALID: caller(
    (d) => `The cursor can not be used on the read model "${d.readModel}": ${d.problem}.`,
  ),
  WAIT_TIMEOUT: retryable(
    (d) =>
      `${d.work} did not reach position ${d.position} within ${d.waitedMs} ms; it is at position ${d.reached}.`,
  ),
  CONSUMER_UNKNOWN: caller(
    (d) => `The store knows no consumer "${d.consumer}"; it knows ${inList(d.known)}.`,
  ),
  CONSUMER_STOPPED: operator(
    (d) => `The consumer "${d.consumer}" stopped at position ${d.position}: ${d.problem}.`,
  ),
  DELIVERY_TIMEOUT: retryable(
    (d) =>
      `The handler of the consumer "${d.consumer}" did not finish position ${d.position} within ${d.timeoutMs} ms.`,
  ),
  OWNERSHIP_LOST: retryable((d) => `Another process has taken over ${d.work}.`),
  PARKED_UNKNOWN: caller(
    (d) =>
      `${d.owner} has no parked event${d.key === undefined ? "" : ` of key "${d.key}"`}` +
      `${d.position === undefined ? "" : ` at position ${d.position}`}.`,
  ),
  PARKED_FULL: operator((d) => `${d.owner} has ${d.max} parked events, the most there can be.`),

  // The store itself
  STORE_CLOSED: caller((d) => `The store ${d.store} is closed.`),
  STORE_URL_UNKNOWN: caller(
    (d) => `No store answers to the URL "${d.url}": ${d.instead ?? `known are ${d.known.join(", ")}`}.`,
  ),
  STORE_DRIVER_MISSING: operator(
    (d) => `${d.store} needs the driver ${d.driver}, which is not installed: run ${d.install}.`,
  ),
  STORE_NOT_FOUND: caller((d) => `There is no store at ${d.store}: ${d.problem}.`),
  STORE_UNREACHABLE: {
    ...operator((d) => `The server of ${d.store} can not be reached: ${d.problem}.`),
    isRetryable: true,
  },
  STORE_LOGIN_REFUSED: operator((d) => `The server of ${d.store} refused the login: ${d.problem}.`),
  STORE_RIGHTS_MISSING: operator((d) => `A right is missing on ${d.store}: ${d.problem}.`),
  STORE_SERVER_UNSUPPORTED: operator((d) => `The server of ${d.store} can not hold a store: ${d.problem}.`),
  STORE_NOT_A_STORE: operator((d) => `${d.store} is not a Hitherto store: ${d.problem}.`),
  STORE_FORMAT_NEWER: operator(
    (d) => `${d.store} has format ${d.format}; this version of Hitherto knows formats up to ${d.known}.`,
  ),
  STORE_FORMAT_OLDER: operator(
    (d) => `${d.store} has format ${d.format}; open it once for writing, which lifts it to ${d.known}.`,
  ),
  STORE_DAMAGED: operator(
    (d) =>
      `${d.store} is damaged${d.position === undefined ? "" : ` at position ${d.position}`}` +
      `${d.stream === undefined ? "" : ` (stream "${d.stream}")`}: ${d.problem}.`,
  ),
  STORE_REPLACED: operator(
    (d) =>
      `${d.store} is not the store that was opened: ${d.problem}. Close this handle, check the file, and open it again.`,
  ),
  STORE_HARD_LINKED: operator(
    (d) =>
      `The file of ${d.store} has ${d.names} names (hard links), and each would get a write-ahead log of its own: remove the others.`,
  ),
  STORE_FULL: {
    ...operator((d) => `No space is left to write to ${d.store}.`),
    isRetryable: true,
  },
  STORE_BUSY: retryable((d) =>
    d.problem === undefined
      ? `${d.store} stayed locked by another process for ${d.waitedMs} ms.`
      : `${d.store} was busy for ${d.waitedMs} ms: ${d.problem}.`,
  ),
  STORE_TIMEOUT: {
    ...operator(
      (d) => `The server of ${d.store} ended a statement that was tried for ${d.waitedMs} ms: ${d.problem}.`,
    ),
    isRetryable: true,
  },
  STORE_READ_ONLY: operator(
    (d) => `${d.store} cannot be written to${d.problem === undefined ? "" : `: ${d.problem}`}.`,
  ),
  STORE_IO: {
    ...operator((d) => `${d.store} failed: ${d.problem}.`),
    isRetryable: true,
  },
  SQLITE_UNSOUND: operator(
    (d) =>
      `SQLite ${d.version}, which Node ${d.node} brings, can damage ${d.store}: two connections that commit and ` +
      `checkpoint at one moment lose pages. Run Node 22.22.3, 24.15.0, 25.9.0 or a later one of the same line, or a newer line.`,
  ),
  THREAD_NOT_STARTED: caller(
    (d) =>
      `The ${d.thread} thread of ${d.store} did not start: ${d.problem}. A bundle must leave hitherto out (mark it ` +
      `as external), and what the process preloads (--import, --require) runs in its threads too.`,
  ),

  BACKUP_UNSUPPORTED: caller((d) => `${d.store} is not in a file that can be copied: ${d.instead}.`),
  OUT_OF_MEMORY: operator(
    (d) =>
      `The ${d.thread} thread of ${d.store} ran out of memory: ` +
      `start Node with a larger heap (NODE_OPTIONS=--max-old-space-size=MEGABYTES).`,
  ),

  // Exchange
  LINE_INVALID: caller((d) => `Line ${d.line} of ${d.source} is not valid: ${d.problem}.`),
  IMPORT_CONFLICT: caller(
    (d) => `Line ${d.line} of ${d.source} cannot be imported into stream "${d.stream}": ${d.problem}.`,
  ),
  FILE_UNREADABLE: operator((d) => `The file ${d.file} cannot be read: ${d.problem}.`),
  FILE_UNWRITABLE: operator((d) => `The file ${d.file} cannot be written: ${d.problem}.`),
};

/**
 * Every error code, for tools and tests.
 *
 * @example
 * ```ts
 * import { errorCodes } from "hitherto/core";
 * errorCodes.includes("REVISION_CONFLICT"); // true
 * ```
 */
export const errorCodes: readonly ErrorCode[] = Object.freeze(Object.keys(registry) as ErrorCode[]);

const brand = Symbol.for("hitherto.error");

/**
 * The only error class of Hitherto. Made by the library; recognise it with {@link isHithertoError}.
 *
 * @example
 * ```ts
 * import type { HithertoError } from "hitherto/core";
 * const isWorthRetrying = (error: HithertoError): boolean => error.isRetryable && error.actor === "caller";
 * ```
 */
export class HithertoError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "HithertoError";
  /** What went wrong; never renamed. */
  readonly code: Code;
  /** What and where, typed by the code. */
  readonly details: ErrorDetails<Code>;
  /** Whether the same call can succeed later without a change to it. */
  readonly isRetryable: boolean;
  /** Who can mend the cause. */
  readonly actor: ErrorActor;

  constructor(code: Code, details: ErrorDetails<Code>, options?: ErrorOptions) {
    const definition: ErrorDefinition<never> = registry[code];
    super(definition.message(details as never), options);
    this.code = code;
    this.details = details;
    this.isRetryable = definition.isRetryable;
    this.actor = definition.actor;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The error as plain JSON, for logs and wires. */
  toJSON(): { name: string; code: Code; message: string; details: ErrorDetails<Code>; isRetryable: boolean } {
    const { name, code, message, details, isRetryable } = this;
    return { name, code, message, details, isRetryable };
  }
}

/**
 * Whether a caught value is an error of Hitherto, and of one of the given codes if any are named.
 *
 * @example
 * ```ts
 * import { isHithertoError } from "hitherto/core";
 * function explain(error: unknown): string {
 *   if (isHithertoError(error, "REVISION_CONFLICT")) return `someone was faster on ${error.details.stream}`;
 *   throw error;
 * }
 * ```
 */
export function isHithertoError<Code extends ErrorCode = ErrorCode>(
  value: unknown,
  ...codes: readonly Code[]
): value is { [C in Code]: HithertoError<C> }[Code] {
  if (typeof value !== "object" || value === null || !(brand in value)) return false;
  return codes.length === 0 || codes.includes((value as { readonly code?: unknown }).code as Code);
}

function expectationInWords(expected: "none" | "exists" | number): string {
  if (expected === "none") return "to have no events";
  return expected === "exists" ? "to exist" : `at revision ${expected}`;
}

function placeInWords(stream: string | undefined, revision: number | undefined): string {
  if (stream === undefined) return "";
  return ` (stream "${stream}"${revision === undefined ? "" : `, revision ${revision}`})`;
}
