/**
 * What the kits for projections and consumers must know about the embedded store.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import type { WorkConformance } from "../../../src/testing/conformance/work/work-kit.ts";
import { makeScratch } from "./scratch.ts";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Each store in a folder of its own, opened again by its path. */
export const embedded: Omit<WorkConformance, "runner"> = {
  name: "the embedded store",
  open: () => openSqliteStore(makeScratch().path()),
  openAgain: (url) => openSqliteStore(pathOf(url)),
  dispose: (url) => rmSync(dirname(pathOf(url)), { recursive: true }),
  spawn: (url) => spawn(process.execPath, [worker, pathOf(url)], { stdio: ["pipe", "pipe", "pipe"] }),
};

function pathOf(url: string): string {
  return url.slice("sqlite:".length);
}
