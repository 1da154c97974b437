/**
 * The conformance kit of the read side: what every store promises of records, read models, commits and transactions, as
 * tests that any adapter runs.
 */
import { registerTopics } from "../kit.ts";
import type { StoreConformance, Topic } from "../kit.ts";
import { commitTests } from "./commits.ts";
import { documentTests } from "./documents.ts";
import { closingTests, readSideReopeningTests, watchTests } from "./endings.ts";
import { readSideEventLoopTests } from "./event-loop.ts";
import { modelTests } from "./models.ts";
import { queryTests } from "./queries.ts";
import { randomCommitTests } from "./random-commits.ts";
import { recordTests } from "./records.ts";
import { readSideSharingTests } from "./sharing.ts";
import { noSqlTests, sqlTests } from "./sql.ts";
import { transactedAppendTests } from "./transacted-appends.ts";
import { transactionTests } from "./transactions.ts";

/** What the kit must know about a store to test its read side. */
export interface ReadSideConformance extends StoreConformance {
  /** Whether it runs SQL; if not, the kit tests that it says so. Default false. */
  readonly supportsSql?: boolean | undefined;
}

const common: Readonly<Record<string, Topic>> = {
  records: recordTests,
  commits: commitTests,
  "read models": modelTests,
  documents: documentTests,
  queries: queryTests,
  transactions: transactionTests,
  "transacted appends": transactedAppendTests,
  "event loop": readSideEventLoopTests,
  watching: watchTests,
  closing: closingTests,
  model: randomCommitTests,
};

/** A capability that is missing brings its negative tests. */
function topicsOf({ openAgain, supportsSql = false }: ReadSideConformance): Readonly<Record<string, Topic>> {
  const topics = { ...common, sql: supportsSql ? sqlTests : noSqlTests };
  if (openAgain === undefined) return topics;
  return { ...topics, reopening: readSideReopeningTests, sharing: readSideSharingTests };
}

/**
 * Registers the tests that the read side of every store must pass with a test runner. Run it beside `storeConformance`.
 *
 * Random tests print their seed when they fail; run them again with `HITHERTO_SEED` in the environment.
 *
 * @throws an `Error` when `skip` names a test that does not exist.
 *
 * @example
 * ```ts
 * import { describe, test } from "node:test";
 * import { openMemoryStore } from "hitherto/store";
 * import { readSideConformance } from "hitherto/testing";
 * readSideConformance({ name: "memory", runner: { describe, test }, open: () => openMemoryStore() });
 * ```
 */
export function readSideConformance(conformance: ReadSideConformance): void {
  registerTopics(`the read side of ${conformance.name} conforms`, conformance, topicsOf(conformance));
}
