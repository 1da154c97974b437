/**
 * Deals out keys to partitions. Which partition a key belongs to is part of what is stored, for the positions of all
 * partitions depend on it: this function never changes.
 *
 * The hash is 32-bit FNV-1a over the key's UTF-16 code units, each taken as one step
 * (http://www.isthe.com/chongo/tech/comp/fnv/), mixed by MurmurHash3's finalizer, since the low bits of FNV alone
 * are unevenly spread over short, similar keys. The partition is its remainder by the number of partitions.
 */

/** Hash of a key: an integer from 0 to 2^32 - 1. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The partition of a key with this hash. */
export function partitionOf(hash: number, partitions: number): number {
  return hash % partitions;
}
