/**
 * What a large store has to keep of what a small one can do.
 */
import type { ProbeFigures } from "./growth-probe.ts";
import { median } from "./statistics.ts";

/** The figures of a store: medians over the rounds, and the most memory. */
export interface StoreFigures extends ProbeFigures {
  readonly memoryMiB: number;
}

/** The figures of both stores. */
export interface GrowthFigures {
  readonly small: StoreFigures;
  readonly large: StoreFigures;
}

/** A figure, what it has to reach in the large store, and whether it does. */
export interface GrowthCheck {
  readonly what: string;
  readonly unit: string;
  readonly figure: keyof StoreFigures;
  readonly target: string;
  readonly isMet: boolean;
}

/** A rate may fall to this share of the small store's. */
const shareLeast = 0.8;
const openMsMost = 1_000;
/** What the heap's own ups and downs come to; far below the size of the events that are read. */
const memoryMiBMore = 64;

/** The medians of several looks at one store. */
export function mergeProbes(probes: readonly ProbeFigures[], memoryMiB: number): StoreFigures {
  const of = (figure: keyof ProbeFigures): number => median(probes.map((probe) => probe[figure]));
  return {
    openMs: of("openMs"),
    appendRate: of("appendRate"),
    appendP99: of("appendP99"),
    tailRate: of("tailRate"),
    memoryMiB,
  };
}

/** Judges the large store by the small one. */
export function checkGrowth({ small, large }: GrowthFigures): readonly GrowthCheck[] {
  const rate = (what: string, figure: "appendRate" | "tailRate"): GrowthCheck => {
    const isMet = large[figure] >= shareLeast * small[figure];
    return { what, unit: "events/s", figure, target: "within 20 % of the small store", isMet };
  };
  const isFlat = large.memoryMiB <= small.memoryMiB + memoryMiBMore;
  return [
    rate("growth.append: 64 callers", "appendRate"),
    rate("growth.tail: read the last 50,000 events", "tailRate"),
    {
      what: "growth.open: until the head is known",
      unit: "ms",
      figure: "openMs",
      target: "≤ 1,000 ms",
      isMet: large.openMs <= openMsMost,
    },
    {
      what: "growth.memory: most resident while reading all",
      unit: "MiB",
      figure: "memoryMiB",
      target: "at most 64 MiB more",
      isMet: isFlat,
    },
  ];
}
