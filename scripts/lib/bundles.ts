// The package in bundles: `docs/guide/bundlers.md` says what is promised.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./workspace.ts";

/** Pinned: what a newer one does differently is to be found out on purpose. */
const bundlers = ["esbuild@0.28.2", "rolldown@1.3.2"];

const program = `
import { open } from "hitherto";
import { openSqliteStore } from "hitherto/sqlite";
async function main() {
  const memory = await open("memory:");
  console.log(await memory.head());
  const store = await open("bundle.db");
  for (let n = 0; n < 60; n++) await store.append({ stream: "thing-1", events: [{ type: "ThingDone", data: n }] });
  console.log((await store.verify()).events);
  await store.close();
  const again = await openSqliteStore("bundle.db", { mode: "read" });
  console.log(await again.head());
  await again.close();
}
main().catch((error) => console.log(error.code));
`;

const bundle = `
import { build } from "esbuild";
import { rolldown } from "rolldown";
for (const [format, extension] of [["esm", "mjs"], ["cjs", "cjs"]]) {
  for (const [name, external] of [["inside", ["pg"]], ["outside", ["hitherto"]]]) {
    const file = (bundler) => bundler + "-" + name + "." + extension;
    await build({ entryPoints: ["app.mjs"], bundle: true, platform: "node", format, external, outfile: file("esbuild") });
    const input = { input: "app.mjs", platform: "node", external: external.map((id) => new RegExp("^" + id + "(/|$)")) };
    const output = { format, file: file("rolldown"), codeSplitting: false };
    await (await rolldown(input)).write(output);
  }
}
`;

/** Bundles a program in a project that has the package, and runs the results. Throws where one does not do as promised. */
export function checkBundles(folder: string, need: (what: string, args: readonly string[]) => void): void {
  writeFileSync(join(folder, "app.mjs"), program);
  writeFileSync(join(folder, "bundle.mjs"), bundle);
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  need(`installs ${bundlers.join(" and ")}`, ["npm", "install", ...quiet, ...bundlers]);
  need("bundles a program", ["node", "bundle.mjs"]);
  for (const bundler of ["esbuild", "rolldown"]) {
    for (const extension of ["mjs", "cjs"]) {
      expectOutput(folder, `${bundler}-outside.${extension}`, "0\n60\n60\n");
      expectOutput(folder, `${bundler}-inside.${extension}`, "0\nTHREAD_NOT_STARTED\n");
    }
  }
}

function expectOutput(folder: string, file: string, expected: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `bundle.db${suffix}`), { force: true });
  const { output, stdout } = run("node", ["--no-warnings", file], { cwd: folder });
  if (stdout !== expected) {
    throw new Error(`The bundle ${file} was to print ${expected}, but printed:\n${output}`);
  }
  console.log(`  runs the bundle ${file}`);
}
