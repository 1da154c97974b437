/**
 * The events of an append as text that PostgreSQL takes apart quickest: by columns, and in each a line for every event.
 *
 * A line holds nothing where an event has no such value, and JSON and names never hold a line feed or a tab of their own.
 * So `string_to_array` finds the values, and each is parsed once, by the column that it is stored in.
 */
import type { EncodedBody, EventRecord } from "../store/encode-append.ts";
import { toStored } from "./json-text.ts";
import { storedText } from "./stored-text.ts";

/** One line for each event in every column; undefined where no event has such a value. */
export interface EventColumns {
  readonly types: string;
  readonly schemaVersions: string | undefined;
  /** JSON; nothing for null, and where there are bytes. */
  readonly data: string;
  /** Base64. */
  readonly bytes: string | undefined;
  readonly metadata: string | undefined;
  /** With tabs in between. */
  readonly tags: string | undefined;
  readonly moments: string | undefined;
  /** Characters in all. */
  readonly length: number;
}

/** The name of a column. */
export type ColumnName = Exclude<keyof EventColumns, "length">;

/** Names of the columns. */
export const columnNames: readonly ColumnName[] = [
  "types",
  "schemaVersions",
  "data",
  "bytes",
  "metadata",
  "tags",
  "moments",
];

/** Turns the records of one stream into columns. */
export function encodeColumns(records: readonly EventRecord[]): EncodedBody<EventColumns> {
  const columns = {
    types: storedText(records.map(({ type }) => type).join("\n")),
    schemaVersions: linesOf(records, ({ schemaVersion }) => schemaVersion?.toString()),
    data: toStored(records.map(dataOf).join("\n")),
    // The blank, over which `decode` reads, tells bytes of which there are none from no bytes.
    bytes: linesOf(records, ({ bytes }) => (bytes === undefined ? undefined : ` ${bytes}`)),
    metadata: linesOf(records, ({ metadata }) => metadata && toStored(JSON.stringify(metadata))),
    tags: linesOf(records, ({ tags }) => tags && storedText(tags.join("\t"))),
    moments: linesOf(records, ({ recordedAt }) => recordedAt),
  };
  const length = columnNames.reduce((sum, name) => sum + (columns[name]?.length ?? 0), 0);
  return { body: { ...columns, length }, length: length + records.length * recordLength };
}

/** One column of several appends, whose counts of events are needed where an append has nothing in it; null where none has. */
export function joinColumn(
  parts: ReadonlyArray<{ readonly body: EventColumns; readonly count: number }>,
  name: ColumnName,
): string | null {
  if (parts.every(({ body }) => body[name] === undefined)) return null;
  return parts.map(({ body, count }) => body[name] ?? "\n".repeat(count - 1)).join("\n");
}

/** What the names and quotes of a record take in JSON, at most. */
const recordLength = 200;

/** As it is stored: null for JSON's null too. */
function dataOf({ data }: EventRecord): string {
  return data === null || data === undefined ? "" : JSON.stringify(data);
}

function linesOf(
  records: readonly EventRecord[],
  textOf: (record: EventRecord) => string | undefined,
): string | undefined {
  const lines = records.map(textOf);
  return lines.every((line) => line === undefined) ? undefined : lines.map((line) => line ?? "").join("\n");
}
