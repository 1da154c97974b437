/**
 * A table of things that change while one looks at them. Its columns grow with what is shown and never shrink, so that
 * numbers do not jump about. What does not fit the line is left out: first the end of long names, then whole columns.
 */
import type { Paint, Style } from "../colours.ts";
import { shorten } from "../format.ts";

/** A column of statuses. The first one names the row. */
export interface Column<Status> {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (status: Status) => string;
  /** Default: plain. */
  readonly style?: (status: Status) => Style | undefined;
  /** Columns of the highest rank are the first to be left out. 0: never. */
  readonly rank: number;
}

/** What a table shows. */
export interface StatusTableOptions<Status> {
  readonly columns: ReadonlyArray<Column<Status>>;
  /** Lines below a row, each with its style. */
  readonly details: (status: Status) => ReadonlyArray<{ readonly text: string; readonly style: Style }>;
  readonly paint: Paint;
}

const gap = "  ";
const nameWidthMin = 16;

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
  #fit(lineWidth = Number.POSITIVE_INFINITY): Map<number, number> {
    const { columns } = this.#options;
    const shown = new Map(this.#widths.entries());
    const excess = (): number => {
      const widths = [...shown.values()];
      return widths.reduce((sum, width) => sum + width + gap.length, -gap.length) - lineWidth;
    };
    const nameWidth = this.#widths[0] ?? 0;
    shown.set(0, Math.min(nameWidth, Math.max(nameWidthMin, nameWidth - excess())));
    const byRank = [...columns.keys()].toSorted((a, b) => columns[b]!.rank - columns[a]!.rank);
    for (const index of byRank) {
      if (excess() <= 0 || columns[index]!.rank === 0) break;
      shown.delete(index);
    }
    // A column that was left out may have made more room than was missing.
    shown.set(0, Math.min(nameWidth, (shown.get(0) ?? 0) + Math.max(0, -excess())));
    return shown;
  }

  #head(shown: ReadonlyMap<number, number>): string {
    const cells = [...shown].map(([index, width]) => {
      const { title, align } = this.#options.columns[index]!;
      return this.#options.paint("bold", pad(title.toUpperCase(), width, align));
    });
    return cells.join(gap).trimEnd();
  }

  #row(status: Status, shown: ReadonlyMap<number, number>, lineWidth: number | undefined): string[] {
    const { columns, details, paint } = this.#options;
    const cells = [...shown].map(([index, width]) => {
      const { text, style, align } = columns[index]!;
      const cell = pad(shorten(text(status), width), width, align);
      const look = style?.(status);
      return look === undefined ? cell : paint(look, cell);
    });
    const below = details(status).map(({ text, style }) =>
      paint(style, lineWidth === undefined ? `  ${text}` : shorten(`  ${text}`, lineWidth)),
    );
    return [cells.join(gap).trimEnd(), ...below];
  }
}

function pad(text: string, width: number, align: "left" | "right"): string {
  return align === "left" ? text.padEnd(width) : text.padStart(width);
}
