import fc from "fast-check";
import type { EventMetadata, NewEvent, StoredEvent } from "../../../src/core/event.ts";

/** Text that names may consist of. */
const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  // oxlint-disable-next-line no-control-regex -- what names may not hold
  .map((text) => text.replaceAll(/[\u0000-\u001f\u007f]/g, "").replace(/^\$/, "") || "a");

const data = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
);

const text = fc.string({ unit: "binary", maxLength: 10 });

const metadata = fc
  .record(
    {
      correlationId: text,
      causationId: text,
      userId: text,
      traceparent: text,
      tracestate: text,
      own: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.parse(JSON.stringify(value)) as EventMetadata);

const moment = fc
  .date({ min: new Date(0), max: new Date(Date.UTC(9999, 11, 31)), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Any event that a store can hold. */
export const anyStoredEvent: fc.Arbitrary<StoredEvent> = fc.record({
  id: fc.uuid(),
  stream: name,
  revision: fc.nat(),
  position: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  type: name,
  schemaVersion: fc.integer({ min: 1, max: 65_535 }),
  data,
  metadata,
  tags: fc.uniqueArray(name, { maxLength: 4 }),
  recordedAt: moment,
});

/** Any history of a few streams: events in the order in which they are appended, and how many at once. */
export const anyHistory: fc.Arbitrary<ReadonlyArray<{ stream: string; events: NewEvent[] }>> = fc.array(
  fc.record({
    stream: fc.constantFrom("order-1", "order-2", "customer ä/7", "x"),
    events: fc.array(
      fc.record({
        type: name,
        data,
        metadata,
        tags: fc.uniqueArray(name, { maxLength: 3 }),
        recordedAt: moment,
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  { maxLength: 15 },
);
