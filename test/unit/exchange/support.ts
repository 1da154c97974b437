import type { NewEvent } from "../../../src/core/event.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { exportEvents } from "../../../src/store/exchange/export-events.ts";
import type { ExportOptions } from "../../../src/store/exchange/export-events.ts";
import { importEvents } from "../../../src/store/exchange/import-events.ts";
import type { ImportOptions, ImportReport } from "../../../src/store/exchange/import-events.ts";

/** Text as it arrives from a file: in chunks that know nothing of lines or characters. */
export async function* chunksOf(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let begin = 0; begin < bytes.length; begin += size) yield bytes.subarray(begin, begin + size);
}

/** The whole export of a store. */
export async function exported(store: EventStore, options: ExportOptions = {}): Promise<string> {
  let text = "";
  for await (const chunk of exportEvents(store, options)) text += chunk.text;
  return text;
}

/** Imports text. */
export function imported(
  store: EventStore,
  text: string,
  options: ImportOptions = {},
): Promise<ImportReport> {
  return importEvents(store, chunksOf(text, 4_096), { source: "events.ndjson", ...options });
}

/** The nth event id of the tests. */
export function idOf(n: number): string {
  return `00000000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** A line of our own format, with a default for all that is not given. */
export function line(fields: Record<string, unknown> & { n?: number } = {}): string {
  const { n = 1, ...rest } = fields;
  return JSON.stringify({ id: idOf(n), stream: "order-1", type: "OrderPlaced", data: { n }, ...rest });
}

/** A new event with a visible default for all that is not given. */
export function anEvent(n: number, fields: Partial<NewEvent> = {}): NewEvent {
  return { id: idOf(n), type: "OrderPlaced", data: { n }, ...fields };
}
