/**
 * The process that the kits for projections and consumers start on an embedded store: `node worker.ts FILE`.
 */
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { conformanceWorker } from "../../../src/testing/conformance/work/worker.ts";

await conformanceWorker(await openSqliteStore(process.argv[2]!));
