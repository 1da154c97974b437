/**
 * Events one a line, in columns. The columns grow with what is shown, page by page, and never shrink, so that the log can be
 * of any length.
 */
import type { StoredEvent } from "../core/event.ts";
import type { Paint } from "./colours.ts";
import { formatData, printable, shorten } from "./format.ts";

const streamWidthMax = 32;
const typeWidthMax = 28;
const dataWidthMin = 16;

/** Formats events as rows, remembering the widths of the columns. */
export class EventRows {
  readonly #paint: Paint;
  /** Characters in a line; data is cut to fit. Undefined: nothing is cut. */
  readonly #columns: number | undefined;
  #positionWidth = 1;
  #placeWidth = 1;
  #typeWidth = 1;

  constructor(paint: Paint, columns: number | undefined) {
    this.#paint = paint;
    this.#columns = columns;
  }

  /** The rows of some events, each with its line end. */
  format(events: readonly StoredEvent[]): string {
    for (const event of events) this.#widen(event);
    return events.map((event) => `${this.#row(event)}\n`).join("");
  }

  #widen(event: StoredEvent): void {
    this.#positionWidth = Math.max(this.#positionWidth, String(event.position).length);
    this.#placeWidth = Math.max(this.#placeWidth, Math.min(placeOf(event).length, streamWidthMax));
    this.#typeWidth = Math.max(this.#typeWidth, Math.min(printable(event.type).length, typeWidthMax));
  }

  #row(event: StoredEvent): string {
    const position = String(event.position).padStart(this.#positionWidth);
    const time = event.recordedAt.replace("T", " ").replace("Z", "");
    const place = placeOf(event).padEnd(this.#placeWidth);
    const type = printable(event.type).padEnd(this.#typeWidth);
    const used = [position, time, place, type].reduce((sum, cell) => sum + cell.length + 2, 0);
    const data = formatData(event.data);
    const shown =
      this.#columns === undefined ? data : shorten(data, Math.max(dataWidthMin, this.#columns - used));
    const paint = this.#paint;
    return [
      paint("dim", position),
      paint("dim", time),
      paint("cyan", place),
      paint("green", type),
      shown,
    ].join("  ");
  }
}

function placeOf({ stream, revision }: StoredEvent): string {
  return `${printable(stream)}@${revision}`;
}
