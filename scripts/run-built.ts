import { spawnSync } from "node:child_process";
// `node scripts/run-built.ts FILE [ARGUMENTS]` builds the package if dist/ is older than the sources, then runs FILE,
// which imports the package by its name.
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureBuilt, root } from "./lib/workspace.ts";

const [file = "", ...args] = process.argv.slice(2);
const path = join(root, file);
if (!existsSync(path)) {
  console.error(`There is no ${relative(root, path)} to run.`);
  process.exitCode = 1;
} else if (ensureBuilt()) {
  // The caller's folder, so that file names among the arguments mean what they mean at the prompt.
  const cwd = process.env["INIT_CWD"] ?? process.cwd();
  process.exitCode = spawnSync("node", [path, ...args], { cwd, stdio: "inherit" }).status ?? 1;
} else {
  process.exitCode = 1;
}
