/**
 * The conformance kit for projections: what runners and read models promise on every store, as tests that any adapter
 * runs.
 */
import { registerWorkTopics } from "../work/work-kit.ts";
import type { WorkConformance, WorkTopic } from "../work/work-kit.ts";
import { asyncTests } from "./async.ts";
import { damageTests } from "./damage.ts";
import { failureTests } from "./failures.ts";
import { flatMemoryTests } from "./flat-memory.ts";
import { inlineTests } from "./inline.ts";
import { lookingAfterTests } from "./looking-after.ts";
import { ownerTests } from "./owners.ts";
import { processTests } from "./processes.ts";
import { readingTests } from "./reading.ts";
import { rebuildingTests } from "./rebuilding.ts";
import { sqlTests } from "./sql.ts";

const common: Readonly<Record<string, WorkTopic>> = {
  async: asyncTests,
  inline: inlineTests,
  owners: ownerTests,
  failures: failureTests,
  damage: damageTests,
  rebuilding: rebuildingTests,
  reading: readingTests,
  "looking after": lookingAfterTests,
  sql: sqlTests,
  "flat memory": flatMemoryTests,
};

/** Without processes to start, there are none to kill. */
function topicsOf({ spawn }: WorkConformance): Readonly<Record<string, WorkTopic>> {
  return spawn === undefined ? common : { ...common, processes: processTests };
}

/**
 * Registers the tests of projections, as they run on a store, with a test runner.
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
 * import { projectionConformance } from "hitherto/testing";
 * projectionConformance({ name: "memory", runner: { describe, test }, open: () => openMemoryStore() });
 * ```
 */
export function projectionConformance(conformance: WorkConformance): void {
  registerWorkTopics(`${conformance.name} runs projections`, conformance, topicsOf(conformance));
}
