/**
 * Documents of one generation as its owner knows them, those used last. What has been folded but not committed is only
 * here, so it stays, whatever the limits, until `trim` is called with what is still under way.
 */

/** A document, or null where there is none. */
export interface CachedDocument {
  readonly document: unknown;
  /** Length of its JSON, or nearly. */
  readonly length: number;
}

/** Documents kept at most, and characters of their JSON. */
const countMax = 20_000;
const lengthMax = 8_388_608;

/** A cache by key, in order of use. */
export class DocumentCache {
  readonly #entries = new Map<string, CachedDocument>();
  #length = 0;

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): CachedDocument | undefined {
    return this.#entries.get(key);
  }

  /** Keeps it as the one used last. */
  set(key: string, cached: CachedDocument): void {
    const before = this.#entries.get(key);
    if (before !== undefined) {
      this.#length -= before.length;
      this.#entries.delete(key);
    }
    this.#entries.set(key, cached);
    this.#length += cached.length;
  }

  clear(): void {
    this.#entries.clear();
    this.#length = 0;
  }

  /** Forgets what was used first, except these keys. */
  trim(isNeeded: (key: string) => boolean): void {
    for (const [key, { length }] of this.#entries) {
      if (this.#entries.size <= countMax && this.#length <= lengthMax) return;
      if (isNeeded(key)) continue;
      this.#entries.delete(key);
      this.#length -= length;
    }
  }
}
