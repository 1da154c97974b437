/**
 * What indexes hold, as text that sorts by its bytes as {@link compareIndexValues} sorts the values: null, then numbers
 * by value, then strings by code point. So equality, ranges, orders and pages are plain comparisons of texts under
 * `COLLATE "C"`, which compares UTF-8 byte by byte.
 *
 * - null is the empty text;
 * - a number is `1` and 16 hexadecimal digits: the bits of the float, its sign bit turned over, and all the others too where
 *   it is negative, so that they sort as the numbers do;
 * - a string is `2` and the string, in which U+0000, which no text of PostgreSQL holds, is written as two others.
 */
import type { IndexValue } from "../../store/read-side.ts";

/** Every string is at or above it, every number below. */
export const firstString = "2";
/** Every number is at or above it, null below. */
export const firstNumber = "1";

/** An indexed value as text. */
export function encodeIndexValue(value: IndexValue): string {
  if (value === null) return "";
  return typeof value === "number" ? firstNumber + encodeNumber(value) : firstString + orderedText(value);
}

/** The value that {@link encodeIndexValue} was given. */
export function decodeIndexValue(text: string): IndexValue {
  if (text === "") return null;
  const rest = text.slice(1);
  return text.startsWith(firstNumber) ? decodeNumber(rest) : givenText(rest);
}

/** A well-formed string as text that PostgreSQL can hold. Order and common beginnings stay as they are. */
export function orderedText(text: string): string {
  return text.replaceAll("\u0001", "\u0001\u0002").replaceAll("\u0000", "\u0001\u0001");
}

/** The string that {@link orderedText} was given. */
export function givenText(text: string): string {
  return text.replaceAll("\u0001\u0001", "\u0000").replaceAll("\u0001\u0002", "\u0001");
}

const bits = new DataView(new ArrayBuffer(8));
const signBit = 1n << 63n;
const allBits = (1n << 64n) - 1n;

/** `+ 0` makes 0 of -0. */
function encodeNumber(value: number): string {
  bits.setFloat64(0, value + 0);
  const raw = bits.getBigUint64(0);
  return (raw >= signBit ? raw ^ allBits : raw | signBit).toString(16).padStart(16, "0");
}

function decodeNumber(digits: string): number {
  const ordered = BigInt(`0x${digits}`);
  bits.setBigUint64(0, ordered >= signBit ? ordered ^ signBit : ordered ^ allBits);
  return bits.getFloat64(0);
}
