// Public: what tests of applications and of stores are written with.
export { consumerConformance } from "./conformance/consumers/consumer-conformance.ts";
export { projectionConformance } from "./conformance/projections/projection-conformance.ts";
export { conformanceWorker } from "./conformance/work/worker.ts";
export type { WorkConformance } from "./conformance/work/work-kit.ts";
export { readSideConformance } from "./conformance/read-side/read-side-conformance.ts";
export type { ReadSideConformance } from "./conformance/read-side/read-side-conformance.ts";
export { storeConformance } from "./conformance/store-conformance.ts";
export type { RegisterTest, StoreConformance, TestRunner } from "./conformance/kit.ts";
export { ExpectationError } from "./expectation-error.ts";
export { given } from "./given-when-then.ts";
export type {
  Case,
  DeciderCase,
  Expectations,
  GivenDecider,
  GivenModel,
  ModelCase,
  ModelDecision,
  PastEvent,
  PastExpectations,
  WhenArguments,
  WhenContext,
} from "./given-when-then.ts";
export type { GivenProjection } from "./given-projection.ts";
export type { PastEventIn } from "./scenario.ts";
