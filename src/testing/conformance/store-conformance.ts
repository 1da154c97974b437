/**
 * The conformance kit: what every store promises, as tests that any adapter runs.
 */
import { appendTests } from "./append.ts";
import { badInputTests } from "./bad-input.ts";
import { conditionTests } from "./conditions.ts";
import { dataTests } from "./data.ts";
import { emptyTailTests } from "./empty-tail.ts";
import { eventLoopTests } from "./event-loop.ts";
import { expectationTests } from "./expectations.ts";
import { filterTests } from "./filters.ts";
import { flatMemoryTests } from "./flat-memory.ts";
import { idempotencyTests } from "./idempotency.ts";
import { registerTopics } from "./kit.ts";
import type { StoreConformance, Topic } from "./kit.ts";
import { lifecycleTests } from "./lifecycle.ts";
import { modelTests } from "./model-tests.ts";
import { racingTests } from "./racing.ts";
import { readTests } from "./reads.ts";
import { reopeningTests, volatileTests } from "./reopening.ts";
import { sharingTests } from "./sharing.ts";
import { snapshotTests } from "./snapshots.ts";
import { subscriptionTests } from "./subscriptions.ts";
import { takenAwayTests } from "./taken-away.ts";

const common: Readonly<Record<string, Topic>> = {
  append: appendTests,
  data: dataTests,
  "bad input": badInputTests,
  expectations: expectationTests,
  idempotency: idempotencyTests,
  conditions: conditionTests,
  reads: readTests,
  "reads at an empty tail while batches are appended": emptyTailTests,
  filters: filterTests,
  lifecycle: lifecycleTests,
  snapshots: snapshotTests,
  subscriptions: subscriptionTests,
  "event loop": eventLoopTests,
  "flat memory": flatMemoryTests,
  racing: racingTests,
  model: modelTests,
};

/** A capability that is missing brings its negative tests. */
function topicsOf({ openAgain, takeAway }: StoreConformance): Readonly<Record<string, Topic>> {
  if (openAgain === undefined) return { ...common, volatility: volatileTests };
  const lasting = { ...common, reopening: reopeningTests, sharing: sharingTests };
  return takeAway === undefined ? lasting : { ...lasting, "taken away": takenAwayTests };
}

/**
 * Registers the tests that every store must pass with a test runner.
 *
 * Random tests print their seed when they fail; run them again with `HITHERTO_SEED` in the environment.
 *
 * @throws an `Error` when `skip` names a test that does not exist.
 *
 * @example
 * ```ts
 * import { describe, test } from "node:test";
 * import { openMemoryStore } from "hitherto/store";
 * import { storeConformance } from "hitherto/testing";
 * storeConformance({ name: "memory", runner: { describe, test }, open: () => openMemoryStore() });
 * ```
 */
export function storeConformance(conformance: StoreConformance): void {
  registerTopics(`${conformance.name} conforms`, conformance, topicsOf(conformance));
}
