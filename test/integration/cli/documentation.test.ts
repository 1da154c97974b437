import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createProgram } from "../../../src/cli/program.ts";
import { cliPage, examplesOf, withoutChance } from "./examples.ts";
import { finished, scratchFolder, start } from "./hitherto-process.ts";

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

test("shows in each example what the command really says", { timeout: 60_000 }, async () => {
  const at = scratchFolder();
  for (const { command, args, output } of examplesOf(cliPage)) {
    const child = start(args, {}, at("."));
    child.stdin.end();
    const { out, err } = await finished(child);
    expect(`$ ${command}\n${withoutChance(out + err, at("").replace(/\/$/, ""))}`).toBe(
      `$ ${command}\n${withoutChance(output, "/data")}`,
    );
  }
});

test.each(program.commands.map((command) => [command.name(), command] as const))(
  "documents %s with every option and an example",
  (name, command) => {
    const section = page.split(/^## /m).find((part) => part.startsWith(`${name}\n`)) ?? "";
    for (const option of command.options) expect(section).toContain(`${option.long ?? option.short}`);
    expect(section).toContain(`$ hitherto ${name}`);
  },
);

test("documents the options that every command has, and the exit codes", () => {
  for (const { long } of program.options) expect(page).toContain(`| \`${long}`);
  for (const code of [0, 1, 2, 130]) expect(page).toMatch(new RegExp(`^\\| ${code} +\\|`, "m"));
});
