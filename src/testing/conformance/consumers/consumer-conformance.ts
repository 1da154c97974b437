/**
 * The conformance kit for consumers: what durable subscriptions promise on every store, as tests that any adapter runs.
 */
import { registerWorkTopics } from "../work/work-kit.ts";
import type { WorkConformance, WorkTopic } from "../work/work-kit.ts";
import { damageTests } from "./damage.ts";
import { deliveryTests } from "./delivery.ts";
import { failureTests } from "./failures.ts";
import { lookingAfterTests } from "./looking-after.ts";
import { memberTests } from "./members.ts";
import { onceTests } from "./once.ts";
import { parkedTests } from "./parked.ts";
import { processTests } from "./processes.ts";

const common: Readonly<Record<string, WorkTopic>> = {
  delivery: deliveryTests,
  members: memberTests,
  failures: failureTests,
  damage: damageTests,
  parked: parkedTests,
  once: onceTests,
  "looking after": lookingAfterTests,
};

/** Without processes to start, there are none to kill. */
function topicsOf({ spawn }: WorkConformance): Readonly<Record<string, WorkTopic>> {
  return spawn === undefined ? common : { ...common, processes: processTests };
}

/**
 * Registers the tests of consumers, as they run on a store, with a test runner.
 *
 * Several handles on the store stand for several processes; where `openAgain` is given, each opens the data for itself.
 * With `spawn`, processes are killed and made to stand still.
 *
 * Random tests print their seed when they fail; run them again with `HITHERTO_SEED` in the environment.
 *
 * @throws an `Error` when `skip` names a test that does not exist.
 *
 * @example
 * ```ts
 * import { describe, test } from "node:test";
 * import { openMemoryStore } from "hitherto/store";
 * import { consumerConformance } from "hitherto/testing";
 * consumerConformance({ name: "memory", runner: { describe, test }, open: () => openMemoryStore() });
 * ```
 */
export function consumerConformance(conformance: WorkConformance): void {
  registerWorkTopics(`${conformance.name} runs consumers`, conformance, topicsOf(conformance));
}
