/**
 * The way in: checks an append completely and encodes it, before any store sees it.
 *
 * One stream's events become one JSON array of records, which is also the stored form of the embedded store. A record
 * holds `type` and `data` (or `bytes`, in base64), and only where they are not the default: `id`, `schemaVersion`,
 * `metadata`, `tags`, `recordedAt`. This is the hot path of every append; it makes one pass over the events and
 * calls JSON.stringify once per stream.
 */
import { constants } from "node:buffer";
import { HithertoError } from "../core/errors.ts";
import type { EventMetadata, NewEvent } from "../core/event.ts";
import { findJsonFault } from "../core/json-check.ts";
import { defaultStream, limits } from "../core/limits.ts";
import type { AppendCondition } from "../core/query.ts";
import { checkDefined } from "../core/selections.ts";
import { checkExpectation, checkName, momentMs, planCondition, uuidPattern, inWords } from "./check-input.ts";
import type { AppendOptions, Expectation, StreamAppend } from "./event-store.ts";
import { checkOptions } from "./read-options.ts";

/** One event as it is stored within its append. */
export interface EventRecord {
  id?: string;
  type: string;
  schemaVersion?: number;
  data?: unknown;
  /** Base64 of the data, when it is bytes. */
  bytes?: string;
  metadata?: EventMetadata;
  tags?: readonly string[];
  recordedAt?: string;
}

/** The records of one stream as a store takes them. */
export interface EncodedBody<Body> {
  readonly body: Body;
  /** Characters, at least about as many as a JSON array of the records has; limits go by it. */
  readonly length: number;
}

/** Gives the records of one stream a store's own form. */
export type EncodeRecords<Body> = (records: readonly EventRecord[]) => EncodedBody<Body>;

/** The checked and encoded events of one append to one stream. */
export interface EncodedStream<Body = string> {
  readonly stream: string;
  readonly expect: Expectation;
  /** The revision that the first event must get; undefined for the next one. */
  readonly firstRevision: number | undefined;
  readonly count: number;
  /** JSON array of {@link EventRecord}, unless the store has a form of its own. */
  readonly body: Body;
  /** The one moment that all events were given, in milliseconds since 1970; then no record repeats it. */
  readonly recordedAtMs: number | undefined;
  /** Lower-case ids in the order of the events; undefined when no event names one. */
  readonly ids: readonly (string | undefined)[] | undefined;
  /** Distinct types, tags and correlation ids, for indexes. */
  readonly types: readonly string[];
  readonly tags: readonly string[];
  readonly correlationIds: readonly string[];
}

/** A checked and encoded append. */
export interface EncodedAppend<Body = string> {
  readonly streams: readonly EncodedStream<Body>[];
  /** Events in all. */
  readonly count: number;
  readonly condition: AppendCondition | undefined;
}

/** Checks and encodes an append; each stream's records become a JSON array. For what it throws see {@link encodeAppendBy}. */
export function encodeAppend(
  batch: StreamAppend | readonly StreamAppend[],
  options: AppendOptions | undefined,
): EncodedAppend {
  return encodeAppendBy(encodeBody, batch, options);
}

/**
 * Checks an append, and encodes each stream's records by a function of the store's own.
 *
 * @throws `APPEND_EMPTY`, `APPEND_TOO_LARGE`, `STREAM_REPEATED`, `NAME_INVALID`, `EVENT_INVALID`, `EVENT_NOT_JSON`,
 * `EVENT_TOO_LARGE`, `EVENT_ID_CONFLICT` (an id twice in the append), `ARGUMENT_INVALID`.
 */
export function encodeAppendBy<Body>(
  encode: EncodeRecords<Body>,
  batch: StreamAppend | readonly StreamAppend[],
  options: AppendOptions | undefined,
): EncodedAppend<Body> {
  const appends: readonly StreamAppend[] = Array.isArray(batch) ? batch : [batch as StreamAppend];
  const count = checkShape(appends);
  const condition = planOptions(options);
  const streams: EncodedStream<Body>[] = [];
  let firstIndex = 0;
  for (const append of appends) {
    streams.push(encodeStream(append, firstIndex, encode));
    firstIndex += append.events.length;
  }
  checkIdsDistinct(streams);
  return { streams, count, condition };
}

function planOptions(options: AppendOptions = {}): AppendCondition | undefined {
  checkOptions(options);
  checkDefined(options, ["condition"]);
  return options.condition === undefined ? undefined : planCondition(options.condition);
}

function checkShape(appends: readonly StreamAppend[]): number {
  if (appends.length === 0) throw new HithertoError("APPEND_EMPTY", {});
  checkLimit("streamsPerAppendMax", appends.length);
  const names = new Set<string>();
  let count = 0;
  for (const append of appends) {
    if (typeof append !== "object" || append === null || !Array.isArray(append.events)) {
      throw new HithertoError("ARGUMENT_INVALID", {
        argument: "batch",
        problem: "each entry needs an events array",
      });
    }
    checkDefined(append, ["stream", "expect", "firstRevision"]);
    const { stream = defaultStream } = append;
    if (names.has(stream)) throw new HithertoError("STREAM_REPEATED", { stream });
    names.add(stream);
    if (append.events.length === 0) throw new HithertoError("APPEND_EMPTY", { stream });
    count += append.events.length;
  }
  checkLimit("eventsPerAppendMax", count);
  return count;
}

function checkLimit(limit: "eventsPerAppendMax" | "streamsPerAppendMax", actual: number): void {
  if (actual > limits[limit]) {
    throw new HithertoError("APPEND_TOO_LARGE", { limit, max: limits[limit], actual });
  }
}

function checkFirstRevision(revision: unknown): void {
  const max = limits.firstRevisionMax;
  const isRevision = Number.isInteger(revision) && (revision as number) >= 0 && (revision as number) <= max;
  if (revision === undefined || isRevision) return;
  throw new HithertoError("ARGUMENT_INVALID", {
    argument: "firstRevision",
    problem: `it must be a revision from 0 to ${max}, not ${inWords(revision)}`,
  });
}

/** Collects what one stream's events have in common while they are encoded. */
interface Collected {
  ids: (string | undefined)[] | undefined;
  readonly types: string[];
  readonly tags: Set<string>;
  readonly correlationIds: Set<string>;
}

function encodeStream<Body>(
  append: StreamAppend,
  firstIndex: number,
  encode: EncodeRecords<Body>,
): EncodedStream<Body> {
  const { events, stream = defaultStream, expect = "any", firstRevision } = append;
  if (stream !== defaultStream) checkName("stream", stream);
  checkExpectation(expect);
  checkFirstRevision(firstRevision);
  const collected: Collected = { ids: undefined, types: [], tags: new Set(), correlationIds: new Set() };
  const records: EventRecord[] = [];
  for (let index = 0; index < events.length; index++) {
    records.push(encodeEvent(events[index], firstIndex + index, index, collected));
  }
  if (collected.ids !== undefined) collected.ids.length = events.length;
  const recordedAtMs = hoistMoment(records);
  const body = encodeRecords(records, firstIndex, encode);
  return {
    stream,
    expect,
    firstRevision,
    count: events.length,
    body,
    recordedAtMs,
    ids: collected.ids,
    types: collected.types,
    tags: collected.tags.size === 0 ? none : [...collected.tags],
    correlationIds: collected.correlationIds.size === 0 ? none : [...collected.correlationIds],
  };
}

const none: readonly string[] = [];

function encodeEvent(
  event: NewEvent | undefined,
  index: number,
  ordinal: number,
  collected: Collected,
): EventRecord {
  if (typeof event !== "object" || event === null) {
    throw new HithertoError("EVENT_INVALID", { index, field: "event", problem: "it must be an object" });
  }
  const { type, data } = event;
  if (!collected.types.includes(type)) {
    checkName("type", type);
    collected.types.push(type);
  }
  const record: EventRecord = { type };
  if (event.id !== undefined) {
    record.id = checkId(event.id, index);
    collected.ids ??= [];
    collected.ids[ordinal] = record.id;
  }
  if (event.schemaVersion !== undefined) encodeSchemaVersion(record, event.schemaVersion, index);
  encodeData(record, data, index);
  if (event.metadata !== undefined) encodeMetadata(record, event.metadata, index, collected);
  if (event.tags !== undefined) encodeTags(record, event.tags, index, collected);
  if (event.recordedAt !== undefined) encodeMoment(record, event.recordedAt, index);
  return record;
}

function checkId(id: unknown, index: number): string {
  if (typeof id === "string" && uuidPattern.test(id)) return id.toLowerCase();
  throw new HithertoError("EVENT_INVALID", { index, field: "id", problem: "it must be a UUID" });
}

function encodeSchemaVersion(record: EventRecord, version: unknown, index: number): void {
  if (!Number.isInteger(version) || (version as number) < 1 || (version as number) > 65_535) {
    const problem = "it must be an integer from 1 to 65,535";
    throw new HithertoError("EVENT_INVALID", { index, field: "schemaVersion", problem });
  }
  if (version !== 1) record.schemaVersion = version as number;
}

function encodeData(record: EventRecord, data: unknown, index: number): void {
  if (data instanceof Uint8Array) {
    record.bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
    return;
  }
  const fault = findJsonFault(data, "data");
  if (fault !== undefined) throw new HithertoError("EVENT_NOT_JSON", { index, ...fault });
  record.data = data;
}

function encodeMetadata(
  record: EventRecord,
  metadata: EventMetadata,
  index: number,
  collected: Collected,
): void {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) {
    throw new HithertoError("EVENT_INVALID", { index, field: "metadata", problem: "it must be an object" });
  }
  const fault = findJsonFault(metadata, "metadata");
  if (fault !== undefined) throw new HithertoError("EVENT_NOT_JSON", { index, ...fault });
  const { correlationId } = metadata;
  for (const key of ["correlationId", "causationId", "userId"] as const) {
    if (metadata[key] !== undefined && typeof metadata[key] !== "string") {
      throw new HithertoError("EVENT_INVALID", {
        index,
        field: `metadata.${key}`,
        problem: "it must be a string",
      });
    }
  }
  if (correlationId !== undefined) collected.correlationIds.add(correlationId);
  for (const key in metadata) {
    if (metadata[key] === undefined) continue;
    record.metadata = metadata;
    return;
  }
}

function encodeTags(record: EventRecord, tags: readonly string[], index: number, collected: Collected): void {
  if (!Array.isArray(tags)) {
    throw new HithertoError("EVENT_INVALID", {
      index,
      field: "tags",
      problem: "they must be an array of strings",
    });
  }
  for (const tag of tags) checkName("tag", tag);
  const distinct: readonly string[] = tags.length < 2 ? tags : [...new Set<string>(tags)];
  if (distinct.length > limits.tagsPerEventMax) {
    const problem = `at most ${limits.tagsPerEventMax} are allowed, not ${distinct.length}`;
    throw new HithertoError("EVENT_INVALID", { index, field: "tags", problem });
  }
  for (const tag of distinct) collected.tags.add(tag);
  if (distinct.length > 0) record.tags = distinct;
}

function encodeMoment(record: EventRecord, recordedAt: unknown, index: number): void {
  const ms = typeof recordedAt === "string" ? momentMs(recordedAt) : undefined;
  if (ms === undefined) {
    const problem = "it must be an ISO 8601 moment with its time zone, in the years 1970 to 9999";
    throw new HithertoError("EVENT_INVALID", { index, field: "recordedAt", problem });
  }
  record.recordedAt = new Date(ms).toISOString();
}

/** When all events were given the same moment, it is kept once for all of them. */
function hoistMoment(records: EventRecord[]): number | undefined {
  const moment = records[0]?.recordedAt;
  if (moment === undefined) return undefined;
  for (const record of records) {
    if (record.recordedAt !== moment) return undefined;
  }
  for (const record of records) delete record.recordedAt;
  return Date.parse(moment);
}

function encodeBody(records: readonly EventRecord[]): EncodedBody<string> {
  const body = JSON.stringify(records);
  return { body, length: body.length };
}

function encodeRecords<Body>(
  records: readonly EventRecord[],
  firstIndex: number,
  encode: EncodeRecords<Body>,
): Body {
  try {
    const { body, length } = encode(records);
    if (length * 3 > limits.eventBytesMax) checkSizes(records, length, firstIndex);
    return body;
  } catch (error) {
    // The one RangeError left, since depth is limited: the text would be longer than a string can be.
    if (error instanceof RangeError) assertBelowStringLimit(constants.MAX_STRING_LENGTH + 1);
    throw error;
  }
}

function checkSizes(records: readonly EventRecord[], length: number, firstIndex: number): void {
  if (length > limits.appendBytesMax) assertBelowStringLimit(JSON.stringify(records).length);
  for (const [index, record] of records.entries()) {
    const bytes = Buffer.byteLength(JSON.stringify(record));
    if (bytes > limits.eventBytesMax) {
      throw new HithertoError("EVENT_TOO_LARGE", {
        index: firstIndex + index,
        bytes,
        max: limits.eventBytesMax,
      });
    }
  }
}

/** One append of a stream is stored as one text, whose size the engine bounds. */
function assertBelowStringLimit(length: number): void {
  const max = limits.appendBytesMax;
  if (length > max) {
    throw new HithertoError("APPEND_TOO_LARGE", { limit: "appendBytesMax", max, actual: length });
  }
}

function checkIdsDistinct(streams: ReadonlyArray<Pick<EncodedStream, "ids">>): void {
  const seen = new Set<string>();
  for (const { ids } of streams) {
    for (const id of ids ?? none) {
      if (id === undefined) continue;
      if (seen.has(id)) {
        throw new HithertoError("EVENT_ID_CONFLICT", { id, problem: "the append names it twice" });
      }
      seen.add(id);
    }
  }
}
