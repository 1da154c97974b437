// Compiles src/ to dist/ (ES modules, declarations, source maps) from a clean folder.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const { status } = spawnSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
const cli = `${root}dist/cli/main.js`;
if (existsSync(cli)) chmodSync(cli, 0o755);
process.exitCode = status ?? 1;
