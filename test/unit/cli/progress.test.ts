import { expect, test } from "vitest";
import { line } from "../exchange/support.ts";
import { cliOn } from "./run-cli.ts";

const env = { HITHERTO_STORE: "memory:", NO_COLOR: "1" };

test("counts events on standard error while an import of unknown size runs, and leaves a clean line", async () => {
  const { err, out } = await cliOn().run(["import", "-"], { stdin: line(), isTerminal: true, env });
  expect(err).toMatch(/Importing \d events · \d+\/s · /);
  expect(err.endsWith("\u001b[1G\u001b[2K")).toBe(true);
  expect(out).toMatch(/^Imported 1 event/);
});

test("shows a bar with percentage, rate and what is left where the end is known", async () => {
  const { run } = cliOn();
  await run(["append", "order-1", "--type", "A"]);
  const { err } = await run(["verify"], { isTerminal: true, env });
  expect(err).toMatch(/Verifying [█░]{20} \d+ % · \d events · \d+\/s · .+ left/);
});

test.each([
  ["nobody watches", { isTerminal: false, args: [] }],
  ["the output is for programs", { isTerminal: true, args: ["--json"] }],
])("shows nothing when %s", async (_when, { isTerminal, args }) => {
  expect((await cliOn().run(["import", "-", ...args], { stdin: line(), isTerminal, env })).err).toBe("");
});
