/**
 * Prefixes as ranges, which an index can be asked for.
 */

/**
 * The least text that comes after all that begin so, by code point; undefined when there is none.
 *
 * Adding one to the last code point is enough, unless it is the very last one; the surrogates are no code points of texts.
 */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (char) => char.codePointAt(0)!);
  while (points.at(-1) === 0x10_ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
