/**
 * How much memory plain JSON takes, about.
 */

/** Bytes that a value takes in memory, to the nearest guess: two for a character, and some for each value around it. */
export function sizeOf(value: unknown): number {
  if (typeof value === "string") return 16 + 2 * value.length;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 32;
  for (const key in value) bytes += 8 + sizeOf((value as Record<string, unknown>)[key]);
  return bytes;
}
