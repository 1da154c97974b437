import { describe, expect, test } from "vitest";
import { blocksOfMarkdown, blocksOfSource } from "../../scripts/docs/blocks.ts";
import { modulesOf, placeOf } from "../../scripts/docs/modules.ts";
import { parseSource } from "../../scripts/tidy/source.ts";

const fence = "```";

function page(...lines: string[]): string {
  return lines.join("\n");
}

describe("blocks of a page", () => {
  test("are found with their line, in lists as well", () => {
    const text = page(
      "# A",
      `${fence}ts`,
      "one();",
      fence,
      "- item",
      `  ${fence}ts`,
      "  two();",
      `  ${fence}`,
    );
    expect(blocksOfMarkdown("docs/a.md", text)).toEqual({
      problems: [],
      blocks: [
        { path: "docs/a.md", line: 3, indent: 0, code: "one();", continues: false, isRun: false },
        { path: "docs/a.md", line: 7, indent: 2, code: "two();", continues: false, isRun: false },
      ],
    });
  });

  test("of other languages, and inside of longer fences, are not ours", () => {
    const text = page(`${fence}sh`, "ls", fence, `${fence}\`md`, `${fence}ts`, "x", fence, `${fence}\``);
    expect(blocksOfMarkdown("docs/a.md", text).blocks).toEqual([]);
  });

  test.each([
    ["docs/tutorial/first.md", "# Any", true],
    ["docs/guide/first.md", "# Any", true],
    ["docs/guides/first.md", "# Any", true],
    ["docs/tutorial.md", "# Any", true],
    ["docs/explanation/guide.md", "# Any", false],
    ["README.md", "## Quick start", true],
    ["README.md", "## Why", false],
  ])("in %s below %s: run is %s", (path, heading, isRun) => {
    const { blocks } = blocksOfMarkdown(path, page(heading, `${fence}ts`, "one();", fence));
    expect(blocks.map((block) => block.isRun)).toEqual([isRun]);
  });

  test("may say no-run, and no-check with a reason", () => {
    const text = page(
      `${fence}ts no-run`,
      "one();",
      fence,
      `${fence}ts no-check a library's own API`,
      "two(",
      fence,
    );
    const { blocks, problems } = blocksOfMarkdown("docs/guide/a.md", text);
    expect(blocks.map(({ code, isRun }) => [code, isRun])).toEqual([["one();", false]]);
    expect(problems).toEqual([]);
  });

  test.each([
    ["ts no-check", "needs a reason"],
    ["ts norun", '"norun" is no flag'],
    ["ts continues", "no block before"],
    ["ts file=../up.ts", "is no flag"],
  ])("with the fence %s are refused", (info, message) => {
    const { blocks, problems } = blocksOfMarkdown("docs/a.md", page("", fence + info, "one();", fence));
    expect(blocks).toEqual([]);
    expect(problems).toEqual([{ path: "docs/a.md", line: 2, message: expect.stringContaining(message) }]);
  });

  test("know what they print", () => {
    const text = page(`${fence}ts`, 'console.log("a");', fence, "prints", `${fence}text output`, "a", fence);
    expect(blocksOfMarkdown("docs/guide/a.md", text).blocks[0]?.output).toBe("a");
  });
});

describe("blocks of doc comments", () => {
  const comment = (...lines: string[]): string =>
    page("// Header.", "", "/**", ...lines, " */", "export const a = 1;");

  test("are found with their line and column", () => {
    const text = comment(
      " * A.",
      " *",
      " * @example",
      ` * ${fence}ts`,
      " * one();",
      " *   two();",
      ` * ${fence}`,
    );
    expect(blocksOfSource(parseSource("src/a.ts", text)).blocks).toEqual([
      { path: "src/a.ts", line: 8, indent: 3, code: "one();\n  two();", continues: false, isRun: false },
    ]);
  });

  test("must be fenced", () => {
    expect(blocksOfSource(parseSource("src/a.ts", comment(" * @example one()"))).problems).toEqual([
      { path: "src/a.ts", line: 3, message: expect.stringContaining("needs a ```ts block") },
    ]);
  });
});

describe("modules", () => {
  const text = page(
    `${fence}ts file=bank.ts`,
    "one();",
    "two();",
    fence,
    `${fence}ts continues`,
    "three();",
    fence,
    `${fence}ts`,
    "four();",
    fence,
  );

  test("join the blocks that continue, and are named after their file", () => {
    const modules = modulesOf(blocksOfMarkdown("docs/guide/a.md", text).blocks, "../..");
    expect(modules.map(({ path, text: code }) => [path, code])).toEqual([
      ["docs-guide-a-md/bank.ts", "one();\ntwo();\nthree();"],
      ["docs-guide-a-md/block-2.ts", "four();"],
    ]);
  });

  test("lead back to the place on the page", () => {
    const [module] = modulesOf(blocksOfMarkdown("docs/guide/a.md", text).blocks, "../..");
    expect(module && [1, 2, 3].map((line) => placeOf(module, line, 5).line)).toEqual([2, 3, 6]);
  });

  test("of doc comments may import relative to their file", () => {
    const code = page(
      "/**",
      ` * ${fence}ts`,
      ' * import { b } from "./b.ts";',
      ` * ${fence}`,
      " */",
      "export const a = 1;",
    );
    const [module] = modulesOf(blocksOfSource(parseSource("src/core/a.ts", code)).blocks, "../../..");
    expect(module?.text).toBe('import { b } from "../../../src/core/b.ts";');
  });
});
