import { readFileSync, writeFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import type { Command } from "commander";
import { expect, onTestFinished, test } from "vitest";
import { createProgram } from "../../../src/cli/program.ts";
import { open } from "../../../src/runtime/open.ts";
import { runCli } from "../../unit/cli/run-cli.ts";
import { cliPage, installHitherto, pageOf, stepsOf, withoutChance } from "./examples.ts";
import type { Example, ExampleModule } from "./examples.ts";
import { finished, scratchFolder, start, startNode } from "./hitherto-process.ts";

const page = readFileSync(cliPage, "utf8");

const program = createProgram({
  open: () => Promise.reject(new Error("not opened here")),
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  signal: new AbortController().signal,
  version: "1.2.3",
});

/**
 * What a command writes in a folder, which is also the one of this process; of a program of the reader's, not the warnings.
 * Processes take long to start, so only what loads modules of the reader's runs in one of its own.
 */
async function outputOf([name = "", ...args]: readonly string[], folder: string): Promise<string> {
  const isProgram = name === "node";
  if (!isProgram && !args.includes("--definitions")) {
    const { out, err } = await runCli(args, { open, env: { NO_COLOR: "1" } });
    return out + err;
  }
  const child = isProgram ? startNode(args, folder) : start(args, {}, folder);
  child.stdin.end();
  const { out, err } = await finished(child);
  return isProgram ? out : out + err;
}

/** What a page shows, command by command, and what is really there. */
async function compare(steps: ReadonlyArray<Example | ExampleModule>, isRun: boolean): Promise<void> {
  const folder = scratchFolder()("").replace(/\/$/, "");
  installHitherto(folder);
  const home = process.cwd();
  process.chdir(folder);
  onTestFinished(() => process.chdir(home));
  for (const step of steps) {
    const isModule = "file" in step;
    if (isModule) writeFileSync(`${folder}/${step.file}`, step.code);
    if (isModule && !isRun) continue;
    const [args, shown] = isModule ? [["node", step.file], `node ${step.file}`] : [step.args, step.command];
    const output = withoutChance(await outputOf(args, folder), folder);
    expect(`$ ${shown}\n${output}`).toBe(`$ ${shown}\n${withoutChance(step.output ?? "", "/data")}`);
  }
}

test("shows in each example what the command really says", { timeout: 300_000 }, async () => {
  await compare(stepsOf(cliPage), false);
});

test.each(["mend-a-projection", "parked-events"])(
  "shows in the guide %s what really happens",
  { timeout: 300_000 },
  async (name) => {
    await compare(stepsOf(pageOf(`guide/${name}.md`)), true);
  },
);

const sectionOf = (name: string): string =>
  page.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? "";

const leaves = program.commands.flatMap((command): Array<readonly [string, Command]> =>
  command.commands.length === 0
    ? [[command.name(), command]]
    : command.commands.map((inner) => [`${command.name()} ${inner.name()}`, inner]),
);

test.each(leaves)("documents %s with every option and an example", (name, command) => {
  const section = sectionOf(name.split(" ")[0]!);
  for (const option of command.options) expect(section).toContain(`${option.long ?? option.short}`);
  expect(section).toMatch(new RegExp(`^(\\$ )?hitherto ${name}\\b`, "m"));
});

test("documents the options that every command has, and the exit codes", () => {
  for (const { long } of program.options) expect(page).toContain(`| \`${long}`);
  for (const code of [0, 1, 2, 130]) expect(page).toMatch(new RegExp(`^\\| ${code} +\\|`, "m"));
});
