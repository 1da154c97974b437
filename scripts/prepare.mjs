// Builds the package when it is being developed (`npm ci`, `npm install`, `npm pack`). Plain JavaScript that any
// supported Node reads, because without the devDependencies there is neither a compiler nor Node 24, and then
// there is nothing to do. While installing, sources that do not compile are told and no reason to install nothing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const hasCompiler = existsSync(`${root}node_modules/typescript/package.json`);
const hasSources = existsSync(`${root}src/index.ts`);

if (hasCompiler && hasSources) {
  const { status } = spawnSync("node", ["scripts/build.ts"], { cwd: root, stdio: "inherit" });
  const isInstalling = ["ci", "install"].includes(process.env["npm_command"] ?? "");
  if (status !== 0 && isInstalling) console.error("dist/ could not be built; `npm run build` says why.");
  else process.exitCode = status ?? 1;
}
