/**
 * What a large store has to keep of what a small one can do.
 */
import type { Passage, PassageFigures, ProbeFigures } from "./growth-probe.ts";
import { median } from "./statistics.ts";

/** The figures of a store: medians over the rounds, and those of going through all of it once in each way. */
export interface StoreFigures extends ProbeFigures {
  readonly passages: Readonly<Record<Passage, PassageFigures>>;
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
  readonly small: number;
  readonly large: number;
  readonly target: string;
  readonly isMet: boolean;
}

/** A rate may fall to this share of the small store's. */
const shareLeast = 0.8;
const openMsMost = 1_000;
const statsMsMost = 1_000;
/** What the heap's own ups and downs come to; far below the size of the events that are read. */
const memoryMiBMore = 64;

const passageNames: Readonly<Record<Passage, string>> = {
  read: "reading",
  consume: "consuming",
  project: "projecting",
};

/** The medians of several looks at one store. */
export function mergeProbes(
  probes: readonly ProbeFigures[],
  passages: StoreFigures["passages"],
): StoreFigures {
  const of = (figure: keyof ProbeFigures): number => median(probes.map((probe) => probe[figure]));
  return {
    openMs: of("openMs"),
    appendRate: of("appendRate"),
    appendP99: of("appendP99"),
    tailRate: of("tailRate"),
    streamRate: of("streamRate"),
    statsMs: of("statsMs"),
    passages,
  };
}

/** Judges the large store by the small one. */
export function checkGrowth(figures: GrowthFigures): readonly GrowthCheck[] {
  const rate = (what: string, of: (store: StoreFigures) => number): GrowthCheck => {
    const [small, large] = [of(figures.small), of(figures.large)];
    const isMet = large >= shareLeast * small;
    return { what, unit: "events/s", small, large, target: "within 20 % of the small store", isMet };
  };
  const memory = (passage: Passage): GrowthCheck => {
    const [small, large] = [figures.small, figures.large].map((store) => store.passages[passage].memoryMiB);
    const what = `growth.memory: most resident while ${passageNames[passage]} all`;
    const isMet = large! <= small! + memoryMiBMore;
    return { what, unit: "MiB", small: small!, large: large!, target: "at most 64 MiB more", isMet };
  };
  return [
    rate("growth.append: 64 callers", ({ appendRate }) => appendRate),
    rate("growth.tail: read the last 50,000 events", ({ tailRate }) => tailRate),
    rate("growth.stream: read 300 streams of 100 events", ({ streamRate }) => streamRate),
    rate("growth.consume: a consumer that does nothing", ({ passages }) => passages.consume.rate),
    rate("growth.project: a document per stream", ({ passages }) => passages.project.rate),
    {
      what: "growth.open: until the head is known",
      unit: "ms",
      small: figures.small.openMs,
      large: figures.large.openMs,
      target: "≤ 1,000 ms",
      isMet: figures.large.openMs <= openMsMost,
    },
    {
      what: "growth.stats: the figures of the store, its streams counted",
      unit: "ms",
      small: figures.small.statsMs,
      large: figures.large.statsMs,
      target: "≤ 1,000 ms",
      isMet: figures.large.statsMs <= statsMsMost,
    },
    memory("read"),
    memory("consume"),
    memory("project"),
  ];
}
