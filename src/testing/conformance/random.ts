/**
 * A small seeded generator, so that a random test that fails can be run again.
 */

/** Random choices, the same for the same seed. */
export interface Random {
  /** An integer from 0 to `below - 1`. */
  readonly integer: (below: number) => number;
  /** One of the values. */
  readonly pick: <Value>(values: readonly Value[]) => Value;
  /** True once in `times`. */
  readonly once: (times: number) => boolean;
  /** A version-4 UUID. */
  readonly uuid: () => string;
}

/** Makes a generator: mulberry32 by Tommy Ettinger (public domain), 32 bits of state. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => integer(16).toString(16)).join("");
  return {
    integer,
    pick: (values) => values[integer(values.length)] as (typeof values)[number],
    once: (times) => integer(times) === 0,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}
