// The shop as a process of its own, as `npm run shop` starts it, on the built package.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureBuilt } from "../../../../scripts/lib/workspace.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** What a run of the shop left behind. */
export interface ShopRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Builds the package if its sources are newer. */
export function buildPackage(): void {
  if (!ensureBuilt()) throw new Error("The package does not build.");
}

/** Runs the shop to its end. */
export function runShop(args: readonly string[]): ShopRun {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/** Starts the shop and leaves it running. */
export function startShop(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: "ignore" });
}
