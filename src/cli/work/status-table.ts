/**
 * A table of things that change while one looks at them. Its columns grow with what is shown and never shrink, so that
 * numbers do not jump about. What does not fit the line is left out: first the ends of long names, then whole columns.
 */
import type { Paint, Style } from "../colours.ts";
import { shorten } from "../format.ts";

/** A column of statuses. */
export interface Column<Status> {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (status: Status) => string;
  /** Default: plain. */
  readonly style?: (status: Status) => Style | undefined;
  /** Columns of the highest rank are the first to be left out. 0: never. */
  readonly rank: number;
  /** Text may be cut down to this width. Default: it is shown as a whole or not at all. */
  readonly widthMin?: number;
}

/** What a table shows. */
export interface StatusTableOptions<Status> {
  readonly columns: ReadonlyArray<Column<Status>>;
  /** Lines below a row, each with its style. */
  readonly details: (status: Status) => ReadonlyArray<{ readonly text: string; readonly style: Style }>;
  readonly paint: Paint;
}

const gap = "  ";

/** Formats statuses as rows, remembering the widths of the columns. */
export class StatusTable<Status> {
  readonly #options: StatusTableOptions<Status>;
  readonly #widths: number[];

  constructor(options: StatusTableOptions<Status>) {
    this.#options = options;
    this.#widths = options.columns.map(({ title }) => title.length);
  }

  /** The table, line by line. `lineWidth` undefined: nothing is left out. */
  lines(statuses: readonly Status[], lineWidth: number | undefined): string[] {
    for (const status of statuses) this.#widen(status);
    const shown = this.#fit(lineWidth);
    return [this.#head(shown), ...statuses.flatMap((status) => this.#row(status, shown, lineWidth))];
  }

  #widen(status: Status): void {
    for (const [index, { text }] of this.#options.columns.entries()) {
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, text(status).length);
    }
  }

  /** Which columns are shown, by index, and how wide each of them is. */
  #fit(lineWidth = Number.POSITIVE_INFINITY): ReadonlyMap<number, number> {
    const { columns } = this.#options;
    const byRank = [...columns.keys()].filter((index) => columns[index]!.rank > 0);
    byRank.sort((a, b) => columns[b]!.rank - columns[a]!.rank);
    const shown = new Set(columns.keys());
    for (;;) {
      const widths = this.#shrunk([...shown], lineWidth);
      const next = byRank.shift();
      if (next === undefined || lineLength(widths) <= lineWidth) return widths;
      shown.delete(next);
    }
  }

  /** The widths of these columns, those that can be cut being cut evenly as far as it takes. */
  #shrunk(shown: readonly number[], lineWidth: number): ReadonlyMap<number, number> {
    const widths = new Map(shown.map((index) => [index, this.#widths[index]!]));
    while (lineLength(widths) > lineWidth) {
      const cuttable = shown.filter((index) => widths.get(index)! > this.#widthMin(index));
      if (cuttable.length === 0) break;
      const widest = cuttable.reduce((one, other) => (widths.get(other)! > widths.get(one)! ? other : one));
      widths.set(widest, widths.get(widest)! - 1);
    }
    return widths;
  }

  #widthMin(index: number): number {
    const { title, widthMin } = this.#options.columns[index]!;
    return widthMin === undefined ? Number.POSITIVE_INFINITY : Math.max(widthMin, title.length);
  }

  #head(shown: ReadonlyMap<number, number>): string {
    const cells = [...shown].map(([index, width]) => {
      const { title, align } = this.#options.columns[index]!;
      const paint = this.#options.paint;
      return pad(title.toUpperCase(), { width, align, paint: (text) => paint("bold", text) });
    });
    return cells.join(gap).trimEnd();
  }

  #row(status: Status, shown: ReadonlyMap<number, number>, lineWidth: number | undefined): string[] {
    const { columns, details, paint } = this.#options;
    const cells = [...shown].map(([index, width]) => {
      const { text, style, align } = columns[index]!;
      const look = style?.(status);
      const painted = (cell: string): string => (look === undefined ? cell : paint(look, cell));
      return pad(shorten(text(status), width), { width, align, paint: painted });
    });
    const below = details(status).map(({ text, style }) =>
      paint(style, lineWidth === undefined ? `  ${text}` : shorten(`  ${text}`, lineWidth)),
    );
    return [cells.join(gap).trimEnd(), ...below];
  }
}

function lineLength(widths: ReadonlyMap<number, number>): number {
  return [...widths.values()].reduce((sum, width) => sum + width + gap.length, -gap.length);
}

interface Cell {
  readonly width: number;
  readonly align: "left" | "right";
  readonly paint: (text: string) => string;
}

/** Fills up with spaces, which stay unpainted, so that those at the end of a line can be cut off. */
function pad(text: string, { width, align, paint }: Cell): string {
  const spaces = " ".repeat(Math.max(0, width - text.length));
  return align === "left" ? paint(text) + spaces : spaces + paint(text);
}
