// Compiles src/ to dist/: ES modules, declarations and source maps. The new folder replaces the old one only when it
// is whole, so that whoever imports dist/ meanwhile never sees half of it.
import { chmodSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, runVisibly } from "./lib/workspace.ts";

const dist = join(root, "dist");
const fresh = join(root, `.dist-${process.pid}`);

rmSync(fresh, { recursive: true, force: true });
const status = runVisibly("tsc", ["-p", "tsconfig.build.json", "--outDir", fresh]);
if (status === 0) {
  const cli = join(fresh, "cli/main.js");
  if (existsSync(cli)) chmodSync(cli, 0o755);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
} else {
  rmSync(fresh, { recursive: true, force: true });
}
process.exitCode = status;
