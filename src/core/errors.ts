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

const registry = {
  // Arguments
  ARGUMENT_INVALID: caller<{ argument: string; problem: string }>(
    (d) => `The argument ${d.argument} is not valid: ${d.problem}.`,
  ),
  DEFINITION_INVALID: caller<{ definition: string; problem: string }>(
    (d) => `The definition "${d.definition}" is not valid: ${d.problem}.`,
  ),
  ABORTED: caller<{ operation: string }>((d) => `The ${d.operation} was aborted by its signal.`),

  // Appending
  APPEND_EMPTY: caller<{ stream?: string | undefined }>((d) =>
    d.stream === undefined
      ? "An append needs at least one event."
      : `The append to stream "${d.stream}" has no events.`,
  ),
  APPEND_TOO_LARGE: caller<{ limit: string; max: number; actual: number }>(
    (d) => `The append holds ${d.actual} where ${d.limit} allows ${d.max}.`,
  ),
  STREAM_REPEATED: caller<{ stream: string }>(
    (d) => `The append names stream "${d.stream}" twice; put its events into one entry.`,
  ),
  NAME_INVALID: caller<{ kind: "stream" | "type" | "tag"; name: string; problem: string }>(
    (d) => `The ${d.kind} ${JSON.stringify(d.name)} is not valid: ${d.problem}.`,
  ),
  EVENT_INVALID: caller<{ index: number; field: string; problem: string }>(
    (d) => `Event ${d.index} of the append has an invalid ${d.field}: ${d.problem}.`,
  ),
  EVENT_NOT_JSON: caller<{ index: number; path: string; found: string }>(
    (d) => `Event ${d.index} of the append holds ${d.found} at ${d.path}, which JSON cannot carry.`,
  ),
  EVENT_TOO_LARGE: caller<{ index: number; bytes: number; max: number }>(
    (d) => `Event ${d.index} of the append takes ${d.bytes} bytes; at most ${d.max} are allowed.`,
  ),
  EVENT_ID_CONFLICT: caller<{ id: string; problem: string; event?: BlockingEvent | undefined }>(
    (d) => `The event id ${d.id} cannot be appended: ${d.problem}.`,
  ),
  REVISION_CONFLICT: retryable<{
    stream: string;
    expected: "none" | "exists" | number;
    /** Revision of the last event, or `"none"` when the stream has no events. */
    actual: number | "none";
    event?: BlockingEvent | undefined;
  }>((d) => {
    const found = d.actual === "none" ? "has no events" : `is at revision ${d.actual}`;
    const way = d.event === undefined ? "" : `; in the way: ${d.event.type} at revision ${d.event.revision}`;
    return `Stream "${d.stream}" was expected ${expectationInWords(d.expected)} but ${found}${way}.`;
  }),
  CONDITION_CONFLICT: retryable<{ condition: AppendCondition; event: BlockingEvent }>(
    (d) =>
      `An event after position ${d.condition.after ?? 0} matches the append condition: ` +
      `${d.event.type} at position ${d.event.position} (stream "${d.event.stream}", revision ${d.event.revision}).`,
  ),
  STREAM_TOMBSTONED: caller<{ stream: string }>(
    (d) => `Stream "${d.stream}" has a tombstone: nothing can be appended to it any more.`,
  ),
  QUEUE_FULL: retryable<{ queue: string; max: number }>(
    (d) => `The queue of ${d.queue} is full (${d.max} waiting).`,
  ),

  // Events and their versions
  SCHEMA_VIOLATION: caller<{ type: string; issues: readonly string[] }>(
    (d) => `The data of ${d.type} does not fit its schema: ${d.issues.join("; ")}.`,
  ),
  EVENT_TYPE_UNKNOWN: caller<{ type: string; definition: string; stream?: string; revision?: number }>(
    (d) =>
      `"${d.definition}" has no evolve function for events of type ${d.type}${placeInWords(d.stream, d.revision)}.`,
  ),
  EVENT_NEWER_THAN_CODE: caller<{
    type: string;
    schemaVersion: number;
    knownVersion: number;
    stream?: string;
    revision?: number;
  }>(
    (d) =>
      `Event ${d.type}${placeInWords(d.stream, d.revision)} has schema version ${d.schemaVersion}, ` +
      `but this code knows only up to ${d.knownVersion}.`,
  ),
  UPCASTER_MISSING: caller<{ type: string; fromVersion: number; knownVersion: number }>(
    (d) =>
      `No upcaster lifts ${d.type} from schema version ${d.fromVersion} to ${d.fromVersion + 1} ` +
      `(the code is at ${d.knownVersion}).`,
  ),
  UPCASTER_FAILED: caller<{
    type: string;
    fromVersion: number;
    stream?: string;
    revision?: number;
    /** What it did, when it did not throw. */
    problem?: string;
  }>(
    (d) =>
      `The upcaster of ${d.type} from schema version ${d.fromVersion} ${d.problem ?? "threw"}` +
      `${placeInWords(d.stream, d.revision)}.`,
  ),
  EVOLVE_FAILED: caller<{
    definition: string;
    type: string;
    stream: string;
    revision: number;
    /** What it did, when it did not throw. */
    problem?: string;
  }>(
    (d) =>
      `The evolve function of "${d.definition}" for events of type ${d.type} ${d.problem ?? "threw"}` +
      `${placeInWords(d.stream, d.revision)}.`,
  ),

  // Commands
  COMMAND_UNKNOWN: caller<{ decider: string; command: string; known: readonly string[] }>(
    (d) => `The decider "${d.decider}" has no command "${d.command}"; it knows ${d.known.join(", ")}.`,
  ),
  DECISION_INVALID: caller<{ definition: string; command: string; problem: string }>(
    (d) => `The decision of "${d.definition}" on "${d.command}" is not valid: ${d.problem}.`,
  ),
  RETRIES_EXHAUSTED: retryable<{ operation: string; attempts: number }>(
    (d) => `The ${d.operation} met a conflict on each of its ${d.attempts} attempts.`,
  ),
  IDEMPOTENCY_KEY_REUSED: caller<{ key: string; stream: string; problem: string }>(
    (d) => `The idempotency key "${d.key}" cannot be used on stream "${d.stream}": ${d.problem}.`,
  ),
  SNAPSHOT_NOT_FAITHFUL: caller<{ definition: string; stream: string; problem: string }>(
    (d) =>
      `The state of "${d.definition}" on stream "${d.stream}" cannot be kept as a snapshot: ${d.problem}.`,
  ),
  SNAPSHOT_DAMAGED: operator<{ definition: string; stream: string; revision: number; problem: string }>(
    (d) =>
      `The snapshot of "${d.definition}" on stream "${d.stream}" at revision ${d.revision} is damaged: ${d.problem}.`,
  ),

  // The store itself
  STORE_CLOSED: caller<{ store: string }>((d) => `The store ${d.store} is closed.`),
  STORE_URL_UNKNOWN: caller<{ url: string; known: readonly string[] }>(
    (d) => `No store answers to the URL "${d.url}"; known are ${d.known.join(", ")}.`,
  ),
  STORE_NOT_FOUND: caller<{ store: string; problem: string }>(
    (d) => `There is no store at ${d.store}: ${d.problem}.`,
  ),
  STORE_NOT_A_STORE: operator<{ store: string; problem: string }>(
    (d) => `${d.store} is not a Hitherto store: ${d.problem}.`,
  ),
  STORE_FORMAT_NEWER: operator<{ store: string; format: number; known: number }>(
    (d) => `${d.store} has format ${d.format}; this version of Hitherto knows formats up to ${d.known}.`,
  ),
  STORE_DAMAGED: operator<{ store: string; problem: string; stream?: string; position?: number }>(
    (d) =>
      `${d.store} is damaged${d.position === undefined ? "" : ` at position ${d.position}`}` +
      `${d.stream === undefined ? "" : ` (stream "${d.stream}")`}: ${d.problem}.`,
  ),
  STORE_FULL: {
    ...operator<{ store: string }>((d) => `No space is left to write to ${d.store}.`),
    isRetryable: true,
  },
  STORE_BUSY: retryable<{ store: string; waitedMs: number }>(
    (d) => `${d.store} stayed locked by another process for ${d.waitedMs} ms.`,
  ),
  STORE_READ_ONLY: operator<{ store: string }>((d) => `${d.store} cannot be written to.`),
  STORE_IO: {
    ...operator<{ store: string; problem: string }>((d) => `${d.store} failed: ${d.problem}.`),
    isRetryable: true,
  },

  // Exchange
  LINE_INVALID: caller<{ source: string; line: number; problem: string }>(
    (d) => `Line ${d.line} of ${d.source} is not valid: ${d.problem}.`,
  ),
  IMPORT_CONFLICT: caller<{ source: string; line: number; stream: string; problem: string }>(
    (d) => `Line ${d.line} of ${d.source} cannot be imported into stream "${d.stream}": ${d.problem}.`,
  ),
  FILE_UNREADABLE: operator<{ file: string; problem: string }>(
    (d) => `The file ${d.file} cannot be read: ${d.problem}.`,
  ),
  FILE_UNWRITABLE: operator<{ file: string; problem: string }>(
    (d) => `The file ${d.file} cannot be written: ${d.problem}.`,
  ),
} as const satisfies Record<string, ErrorDefinition<never>>;

/** The code of a {@link HithertoError}: a stable string literal. */
export type ErrorCode = keyof typeof registry;

/** The details that come with an error code. */
export type ErrorDetails<Code extends ErrorCode> = Parameters<(typeof registry)[Code]["message"]>[0];

/** Every error code, for tools and tests. */
export const errorCodes: readonly ErrorCode[] = Object.freeze(Object.keys(registry) as ErrorCode[]);

const brand = Symbol.for("hitherto.error");

/**
 * The only error class of Hitherto. Made by the library; recognise it with {@link isHithertoError}.
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
