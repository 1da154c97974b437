/**
 * What the kits must know about the store on PostgreSQL: a schema of its own for each store.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openPostgresStore } from "../../../src/postgres/index.ts";
import type { WorkConformance } from "../../../src/testing/conformance/work/work-kit.ts";
import { dropSchemaOf, freshSchema, postgresUrl } from "../../support/postgres.ts";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/** For every kit. */
export const onServer: Omit<WorkConformance, "runner"> = {
  name: "the store on PostgreSQL",
  open: () => openPostgresStore(freshSchema().url),
  openAgain: (url) => openPostgresStore(withPassword(url)),
  dispose: dropSchemaOf,
  spawn: (url) => spawn(process.execPath, [worker, withPassword(url)], { stdio: ["pipe", "pipe", "pipe"] }),
};

/** The URL of a store holds no password. */
function withPassword(url: string): string {
  return postgresUrl() + new URL(url).search;
}
