// The documentation check as a whole, on pages made for it.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { root } from "../../../scripts/lib/workspace.ts";

const folder = `tmp/house-docs-${process.pid}`;

function check(name: string, ...lines: string[]): { status: number | null; output: string } {
  const path = join(folder, name);
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), lines.join("\n"));
  const { status, stderr, stdout } = spawnSync("node", ["scripts/docs.ts", path], {
    cwd: root,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

afterAll(() => {
  rmSync(join(root, folder), { recursive: true, force: true });
});

test("accepts a page whose blocks compile, run and print what it says", () => {
  const text = [
    "```ts file=one.ts",
    "export const one: number = 1;",
    "```",
    "```ts",
    'import { one } from "./one.ts";',
  ];
  const rest = ["console.log(one);", "```", "```text output", "1", "```"];
  expect(check("docs/guide/good.md", ...text, ...rest)).toEqual({
    status: 0,
    output: "2 modules compiled, 2 run, 0 problems.\n",
  });
});

test("names the line of a block that does not compile", () => {
  const { output, status } = check(
    "docs/bad.md",
    "# Bad",
    "",
    "```ts",
    "const a = 1;",
    'const b: number = "b";',
    "```",
  );
  expect(status).toBe(1);
  expect(output).toContain(`${folder}/docs/bad.md:5: error TS2322`);
});

test("names the line where a block fails", () => {
  const { output, status } = check(
    "docs/tutorial/bad.md",
    "",
    "```ts",
    "",
    'throw new Error("no such luck");',
    "```",
  );
  expect(status).toBe(1);
  expect(output).toContain("This block fails when it is run (exit 1)");
  expect(output).toContain(`${folder}/docs/tutorial/bad.md:4:`);
});

test("refuses a block that prints something else than the page says", () => {
  const { output, status } = check(
    "docs/guide/a.md",
    "```ts",
    "console.log(2);",
    "```",
    "```text output",
    "1",
    "```",
  );
  expect(status).toBe(1);
  expect(output).toContain("docs/guide/a.md:2: This block prints something else than the page says:\n  2");
});
