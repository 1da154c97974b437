/**
 * The process that the kits for projections and consumers start on an embedded store: `node worker.ts FILE`.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { conformanceWorker } from "../../../src/testing/conformance/work/worker.ts";

const script = fileURLToPath(import.meta.url);

/** Where the file of a store is. */
export function pathOf(url: string): string {
  return url.slice("sqlite:".length);
}

/** Starts this file as a process. */
export function spawnWorker(url: string): ChildProcess {
  return spawn(process.execPath, [script, pathOf(url)], { stdio: ["pipe", "pipe", "pipe"] });
}

if (process.argv[1] === script) await conformanceWorker(await openSqliteStore(process.argv[2]!));
