/**
 * What a benchmark has to reach, and whether it does.
 */
import type { Figure } from "./benchmark.ts";
import { formatFigure } from "./format.ts";

/** The figures of one runner. */
export interface Figures {
  /** Units per second. */
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

/** The figures of everyone that a target can look at. */
export interface Standings {
  readonly ours: Figures;
  readonly floor: Figures | undefined;
  readonly peers: readonly Figures[];
}

/** Something to reach. */
export interface Target {
  readonly text: string;
  /** Undefined when what it compares with did not run. */
  isMet(standings: Standings): boolean | undefined;
}

/** A time that is not exceeded. */
export function atMost(figure: Exclude<Figure, "rate">, bound: number, unit: string): Target {
  return {
    text: `${figure} ≤ ${formatFigure(bound)} ${unit}`,
    isMet: ({ ours }) => ours[figure] <= bound,
  };
}

/** A rate that is reached. */
export function atLeast(figure: "rate", bound: number, unit: string): Target {
  return { text: `≥ ${formatFigure(bound)} ${unit}`, isMet: ({ ours }) => ours[figure] >= bound };
}

/** A time that is within so many times the floor's. */
export function atMostTimesFloor(figure: Exclude<Figure, "rate">, times: number): Target {
  return {
    text: `${figure} ≤ ${times} × floor`,
    isMet: ({ ours, floor }) => (floor === undefined ? undefined : ours[figure] <= times * floor[figure]),
  };
}

/** A rate that is so many times that of each peer. */
export function atLeastTimesPeers(times: number): Target {
  return {
    text: `≥ ${times} × each peer`,
    isMet: ({ ours, peers }) =>
      peers.length === 0 ? undefined : peers.every((peer) => ours.rate >= times * peer.rate),
  };
}
