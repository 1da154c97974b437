/**
 * Figures for people.
 */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three significant digits below 1,000; whole numbers with separators above. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1_000) return grouped.format(value);
  return String(Number(value.toPrecision(3)));
}

/** Such as `1.2 ×`. */
export function formatRatio(ratio: number): string {
  return `${formatFigure(Number(ratio.toPrecision(ratio < 10 ? 2 : 3)))} ×`;
}
