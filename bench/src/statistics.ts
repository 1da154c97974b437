/**
 * Percentiles and medians, of raw samples only: nothing is averaged before it is looked at.
 */

/** The smallest sample that at least `share` of all samples do not exceed (nearest rank); NaN when there is none. */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Collects samples without limit, in typed memory, so that collecting them does not disturb what is measured. */
export class Samples {
  #values = new Float64Array(4_096);
  #count = 0;

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const grown = new Float64Array(2 * this.#count);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#count++] = value;
  }

  get count(): number {
    return this.#count;
  }

  /** In ascending order. */
  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort();
  }
}
