/**
 * Writes events as lines, a page at a time.
 */
import type { StoredEvent } from "../../core/event.ts";
import type { EventStore, ReadOptions } from "../event-store.ts";
import { checkOptions, checkStore } from "../read-options.ts";
import { toCloudEvent } from "./cloud-event.ts";
import type { CloudEventOptions } from "./cloud-event.ts";
import type { ExchangeFormat } from "./decode-line.ts";
import { encodeEventLine } from "./event-line.ts";

/** Which events are exported, and how they are written. */
export interface ExportOptions extends ReadOptions, CloudEventOptions {
  /** Default `hitherto`. */
  readonly format?: ExchangeFormat | undefined;
}

/** Some lines of an export. */
export interface ExportChunk {
  /** Whole lines, each with its line end. */
  readonly text: string;
  readonly events: number;
  /** Position of the last event in them. */
  readonly position: number;
}

/** Characters of a chunk, beyond which it ends with the line at hand. */
const chunkLength = 64 * 1024;

/**
 * The events of a store as lines, in order of position. What readers see is exported: events that a policy, a deletion or
 * a tombstone hides are not, and neither are policies and tombstones themselves.
 *
 * @throws what {@link EventStore.read} throws
 * @example
 * ```ts
 * import { exportEvents, openMemoryStore } from "hitherto/store";
 * for await (const chunk of exportEvents(openMemoryStore(), { format: "cloudevents" })) process.stdout.write(chunk.text);
 * ```
 */
export async function* exportEvents(
  store: Pick<EventStore, "read">,
  options: ExportOptions = {},
): AsyncGenerator<ExportChunk, void> {
  checkStore(store);
  checkOptions(options);
  const { format = "hitherto", source, ...read } = options;
  const encode =
    format === "hitherto"
      ? encodeEventLine
      : (event: StoredEvent) => JSON.stringify(toCloudEvent(event, { source }));
  for await (const page of store.read(read).pages()) yield* chunksOf(page, encode);
}

function* chunksOf(
  page: readonly StoredEvent[],
  encode: (event: StoredEvent) => string,
): Generator<ExportChunk, void> {
  let text = "";
  let events = 0;
  for (const event of page) {
    text += `${encode(event)}\n`;
    events += 1;
    if (text.length < chunkLength) continue;
    yield { text, events, position: event.position };
    text = "";
    events = 0;
  }
  const last = page.at(-1);
  if (events > 0 && last !== undefined) yield { text, events, position: last.position };
}
