import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

/** What a finished process left behind. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A folder that goes when the test ends; gives paths within it. */
export function scratchFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Starts the command as a process of its own, in a folder. */
export function start(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): ChildProcessWithoutNullStreams {
  return startNode([main, ...args], cwd, env);
}

/** Starts a program of Node in a folder. */
export function startNode(
  args: readonly string[],
  cwd?: string,
  env: Record<string, string> = {},
): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", HITHERTO_STORE: "", ...env },
  });
  // A process that ended early does not read what is still being written to it.
  child.stdin.on("error", () => undefined);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Waits for a started command. */
export async function finished(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const [out, err, [exitCode, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { exitCode, signal, out, err };
}

/** Runs the command to its end. */
export async function hitherto(args: readonly string[], options: { stdin?: string } = {}): Promise<Outcome> {
  const child = start(args);
  child.stdin.end(options.stdin ?? "");
  return finished(child);
}
