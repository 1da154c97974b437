/**
 * The process that the kits for projections and consumers start on a store on PostgreSQL: `node worker.ts URL`.
 */
import { openPostgresStore } from "../../../src/postgres/index.ts";
import { conformanceWorker } from "../../../src/testing/conformance/work/worker.ts";

await conformanceWorker(await openPostgresStore(process.argv[2]!));
