// Where things are in this repository, and how scripts start programs.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder, without a slash at its end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Scratch space that git ignores. It lies inside the repository so that `import "hitherto"` resolves from it. */
export const scratch: string = join(root, "tmp");

/** The sub-paths that the package exports, each with the source folder it stands for. */
export const subPaths: ReadonlyArray<{ readonly name: string; readonly folder: string }> = [
  { name: "index", folder: "" },
  { name: "core", folder: "core" },
  { name: "store", folder: "store" },
  { name: "sqlite", folder: "sqlite" },
  { name: "postgres", folder: "postgres" },
  { name: "testing", folder: "testing" },
];

/** What a program did. */
export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  /** Standard output and standard error together, and why it could not be started or was killed. */
  readonly output: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  /** Working directory; default the repository's root. */
  readonly cwd?: string;
  /** Milliseconds after which the program is killed; default 10 minutes. */
  readonly timeoutMs?: number;
}

const timeoutMsDefault = 10 * 60_000;
const outputBytesMax = 64 * 1024 * 1024;

/** Runs a program to its end and returns its exit status and output; never throws because of a failure of it. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const { error, status, stderr, stdout } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    encoding: "utf8",
    maxBuffer: outputBytesMax,
    timeout: options.timeoutMs ?? timeoutMsDefault,
  });
  const cause = error === undefined ? "" : `${error.message}\n`;
  return { status: status ?? 1, stdout: stdout ?? "", output: `${stdout ?? ""}${stderr ?? ""}${cause}` };
}

/** Runs a program with this process's terminal and returns its exit status. */
export function runVisibly(command: string, args: readonly string[]): number {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status ?? 1;
}

/** Builds `dist/` unless it is newer than every source file. Returns whether `dist/` is usable. */
export function ensureBuilt(): boolean {
  const inputs = ["tsconfig.base.json", "tsconfig.build.json", ...globSync("src/**/*.ts", { cwd: root })];
  const builtAt = modifiedAt("dist/index.js");
  if (inputs.every((file) => modifiedAt(file) <= builtAt)) return true;
  return runVisibly("node", ["scripts/build.ts"]) === 0;
}

/** The repository's file as text. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function modifiedAt(path: string): number {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
