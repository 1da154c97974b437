#!/usr/bin/env node
/**
 * Entry of the `hitherto` command. Everything else is loaded when the Node at hand is known to be new enough for it.
 */
import { readFileSync } from "node:fs";
import { nodeProblem } from "./node-version.ts";

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

const problem = nodeProblem(process.version, manifest.engines.node);
if (problem === undefined) {
  const { runCommand } = await import("./command.ts");
  await runCommand(manifest.version);
} else {
  console.error(problem);
  process.exitCode = 1;
}
