/**
 * Events as they come out of the database.
 */
import type { EventMetadata, StoredEvent } from "../core/event.ts";
import { fromStored } from "./json-text.ts";
import { givenText } from "./stored-text.ts";

/** The columns that `page-sql.ts` selects. */
export type EventRow = readonly [
  position: number,
  stream: string,
  revision: number,
  type: string,
  id: string,
  schemaVersion: number,
  data: string | null,
  bytes: Uint8Array | null,
  metadata: string | null,
  tags: string | null,
  recordedAtMs: number,
  /** Where the log or the stream ended when the page was read; only in a page that was not told where to end. */
  end?: number,
];

const noMetadata: EventMetadata = Object.freeze({});
const noTags: readonly string[] = Object.freeze([]);

/** Decodes the rows of a page. */
export function decodeRows(rows: readonly EventRow[]): StoredEvent[] {
  // The events of one append share their moment, and writing it out is not cheap.
  let [lastMs, lastMoment] = [Number.NaN, ""];
  return rows.map((row) => {
    const [position, stream, revision, type, id, schemaVersion, , , metadata, tags, recordedAtMs] = row;
    if (recordedAtMs !== lastMs) [lastMs, lastMoment] = [recordedAtMs, new Date(recordedAtMs).toISOString()];
    return {
      id,
      stream: givenText(stream),
      revision,
      position,
      type: givenText(type),
      schemaVersion,
      data: decodeData(row),
      metadata: metadata === null ? noMetadata : (JSON.parse(fromStored(metadata)) as EventMetadata),
      tags: tags === null ? noTags : (JSON.parse(fromStored(tags)) as readonly string[]),
      recordedAt: lastMoment,
    };
  });
}

/** What rows take in memory, roughly. */
export function lengthOf(rows: readonly EventRow[]): number {
  let length = 0;
  for (const [, stream, , , , , data, bytes, metadata, tags] of rows) {
    length += 200 + stream.length + (data ?? "").length + (bytes ?? []).length;
    length += (metadata ?? "").length + (tags ?? "").length;
  }
  return length;
}

function decodeData([, , , , , , data, bytes]: EventRow): unknown {
  if (bytes !== null) return Uint8Array.from(bytes);
  return data === null ? null : (JSON.parse(fromStored(data)) as unknown);
}
