/**
 * The way out: turns the stored records of one append back into events.
 */
import type { EventMetadata, StoredEvent } from "../core/event.ts";
import type { EventRecord } from "./encode-append.ts";

/** Where the records of a body stand. */
export interface RecordsPlace {
  readonly stream: string;
  /** Revision of the first record. */
  readonly revision: number;
  /** Position of the first record. */
  readonly position: number;
  /** For records without a moment of their own. */
  readonly recordedAt: string;
  /** Makes the id of a record that has none of its own, from its position. */
  readonly idAt: (position: number) => string;
}

const noMetadata: EventMetadata = Object.freeze({});
const noTags: readonly string[] = Object.freeze([]);

/**
 * Decodes the records, adding their events to `events`. The body must be one that `encodeAppend` made; a record that was
 * erased since is null, and has no event.
 */
export function decodeEvents(
  records: ReadonlyArray<EventRecord | null>,
  place: RecordsPlace,
  events: StoredEvent[],
): void {
  const { stream, revision, position, recordedAt, idAt } = place;
  for (let index = 0; index < records.length; index++) {
    const record = records[index];
    if (record === null || record === undefined) continue;
    events.push({
      id: record.id ?? idAt(position + index),
      stream,
      revision: revision + index,
      position: position + index,
      type: record.type,
      schemaVersion: record.schemaVersion ?? 1,
      data: record.bytes === undefined ? record.data : Uint8Array.from(Buffer.from(record.bytes, "base64")),
      metadata: record.metadata ?? noMetadata,
      tags: record.tags ?? noTags,
      recordedAt: record.recordedAt ?? recordedAt,
    });
  }
}
