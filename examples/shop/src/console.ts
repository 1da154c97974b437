/** Small helpers for what people read at a terminal. Colours only where the terminal has them (`NO_COLOR` counts). */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Puts a style on a text for standard output; plain where that is no terminal. */
export function paint(style: Style, text: string): string {
  return styleText(style, text);
}

/** Writes a whole number with its thousands apart: `171,999`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-GB");
}

/** Writes a decimal with its thousands apart: `2,983,494.131`. */
export function withThousands(decimal: string): string {
  const [whole = "", fraction] = decimal.split(".");
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}
