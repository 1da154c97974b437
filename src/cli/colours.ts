/**
 * Colours, where they are wanted.
 */
import { styleText } from "node:util";
import type { OutputStream } from "./surroundings.ts";

/** A colour, or how a text stands out. */
export type Style = Parameters<typeof styleText>[0];

/** Puts a style on a text. */
export type Paint = (style: Style, text: string) => string;

/**
 * Paints for the given stream: plainly unless it is a terminal. `NO_COLOR` (https://no-color.org) turns colours off
 * everywhere, `FORCE_COLOR` on, or off when it is `0`; the first of them that is set decides.
 */
export function paintFor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!wantsColour(stream, env)) return (_style, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** Whether a stream is to have colours. */
export function wantsColour(
  stream: OutputStream,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const { NO_COLOR: never, FORCE_COLOR: always, TERM: terminal } = env;
  if (never !== undefined && never !== "") return false;
  if (always !== undefined) return always !== "0" && always !== "false";
  return stream.isTTY === true && terminal !== "dumb";
}
