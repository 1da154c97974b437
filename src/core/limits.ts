/**
 * The named limits of Hitherto, each with its default. A value beyond a limit is refused with an error that
 * names the limit, before anything is stored.
 */

/**
 * What one append and one event may hold. Lengths of names are counted in UTF-16 code units, sizes in bytes of the
 * encoded JSON. Every store enforces the same numbers, so that what one store accepts each other store accepts too.
 *
 * @example
 * ```ts
 * import { limits } from "hitherto/core";
 * console.log(limits.eventBytesMax); // 4194304
 * ```
 */
export const limits = {
  /** Events in one append, over all its streams. */
  eventsPerAppendMax: 10_000,
  /** Streams in one append. */
  streamsPerAppendMax: 1_000,
  /** Bytes of one event: its data, metadata and tags as JSON in UTF-8. */
  eventBytesMax: 4_194_304,
  /** Length of the JSON of one append's events to one stream. */
  appendBytesMax: 67_108_864,
  /** Length of a stream name. */
  streamNameLengthMax: 512,
  /** Length of an event type. */
  typeLengthMax: 256,
  /** Revision at which an append can make a stream begin; so far below the last safe integer that none ever reaches it. */
  firstRevisionMax: 4_503_599_627_370_496,
  /** Length of an event id: a UUID in its canonical form. */
  eventIdLength: 36,
  /** Tags on one event. */
  tagsPerEventMax: 64,
  /** Length of one tag. */
  tagLengthMax: 256,
  /** Nesting depth of event data and metadata. */
  jsonDepthMax: 200,
  /** Items in a query; also types, tags or categories in one item or filter. */
  queryItemsMax: 1_000,
  /** Events that a store hands over in one page while reading. */
  pageSizeMax: 10_000,
  /** Appends waiting in one process for the store to write them. */
  appendsWaitingMax: 100_000,
  /** Commands in one process waiting for earlier ones on the same stream, over all streams. */
  commandsWaitingMax: 100_000,
  /** Length of an idempotency key. */
  idempotencyKeyLengthMax: 256,
  /** Length of a document key, and of a key that orders deliveries. */
  keyLengthMax: 768,
  /** Length of the space of a record. */
  recordSpaceLengthMax: 64,
  /** Length of the key of a record, and of what is looked for among them. */
  recordKeyLengthMax: 8_192,
  /** Documents that one event may concern in one projection. */
  keysPerEventMax: 1_000,
  /** Length of a document as JSON. */
  documentLengthMax: 16_777_216,
  /** Length of an indexed string; longer ones are compared by this much of their beginning. */
  indexedLengthMax: 256,
  /** Indexes of a projection, and fields of an index. */
  indexesMax: 32,
  /** Documents on a page. */
  findLimitMax: 10_000,
  /** Values in all `in` conditions of a find together; in one of them, at most `queryItemsMax`. */
  findValuesMax: 10_000,
  /** Documents that a live query follows. */
  liveEntriesMax: 10_000,
  /** Partitions of a consumer. */
  partitionsMax: 1_024,
  /** Parked events of one consumer or projection; beyond it, it halts. */
  parkedEventsMax: 100_000,
} as const;

/**
 * The stream that receives events appended without naming a stream; see {@link StreamAppend.stream}.
 *
 * @example
 * ```ts
 * import { defaultStream } from "hitherto/core";
 * console.log(defaultStream); // "$log"
 * ```
 */
export const defaultStream = "$log";
