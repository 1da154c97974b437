// Public: what tests of applications and of stores are written with.
export { storeConformance } from "./conformance/index.ts";
export type { RegisterTest, StoreConformance, TestRunner } from "./conformance/kit.ts";
