/**
 * Index terms: what an event can be found by, as 53-bit numbers.
 *
 * A term is a hash of its kind and text. Two terms may share a number: the index then names a commit too many, which
 * the reader drops when it looks at the events themselves; it never names one too few.
 */

import { crc32 } from "node:zlib";
import { mix } from "./commit-row.ts";

/** The kinds of terms. Tags and correlation ids are indexed exactly, types and categories by block. */
export type TermKind = "tag" | "correlation" | "type" | "category";

/** Positions per block of `term_blocks`. */
export const blockSize = 256;

/** The block that a commit belongs to by the position of its first event. */
export function blockOf(position: number): number {
  return Math.floor(position / blockSize);
}

const kindSeeds: Record<TermKind, number> = { tag: 1, correlation: 2, type: 3, category: 4 };

/**
 * The number of a term: cyrb53, a 53-bit variant of the MurmurHash3 and xxHash mixing steps
 * (https://github.com/bryc/code/blob/master/jshash/experimental/cyrb53.js, public domain).
 */
export function termOf(kind: TermKind, text: string): number {
  let high = 0xdeadbeef ^ kindSeeds[kind];
  let low = 0x41c6ce57 ^ kindSeeds[kind];
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/**
 * What an entry of an index says about itself, in 16 bits: an entry whose mark does not fit has changed. No more, since
 * there are many entries; of 65,000 that change, one passes.
 */
export function termMark(term: number, place: number): number {
  return markOf(mix(mix(0, term), place));
}

/** The mark of an entry of the index of event ids. */
export function idMark(id: string, position: number): number {
  return markOf(mix(crc32(id), position));
}

/** Signed, so that SQLite stores it in two bytes. */
function markOf(hash: number): number {
  return ((hash ^ (hash >>> 16)) << 16) >> 16;
}
