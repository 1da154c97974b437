// Each rule of style is shown a bad sample and a good one: a check that cannot fail is a defect.
import { describe, expect, test } from "vitest";
import { docComments } from "../../scripts/tidy/doc-comments.ts";
import { errorParity } from "../../scripts/tidy/error-parity.ts";
import { layers } from "../../scripts/tidy/layers.ts";
import { leftovers } from "../../scripts/tidy/leftovers.ts";
import { links } from "../../scripts/tidy/markdown.ts";
import { decisions, exportNames, fileNames, testNames } from "../../scripts/tidy/names.ts";
import { projectOf, type Rule } from "../../scripts/tidy/project.ts";
import { purity } from "../../scripts/tidy/purity.ts";
import { neededRatchet, sizes } from "../../scripts/tidy/sizes.ts";
import { words } from "../../scripts/tidy/words.ts";

/** What the rule finds, as `path:line message`. */
function findingsOf(rule: Rule, files: Record<string, string>): string[] {
  return rule.check(projectOf(files)).map(({ line, message, path }) => `${path}:${line} ${message}`);
}

function linesOf(count: number, of = "  count += 1;"): string {
  return Array.from({ length: count }, () => of).join("\n");
}

describe("layers", () => {
  const importing = (path: string, specifier: string): string[] =>
    findingsOf(layers, { [path]: `import { x } from "${specifier}";\nexport { x };\n` });

  test.each([
    ["src/core/event.ts", "../store/event-store.ts", "src/core may not import src/store"],
    ["src/core/event.ts", "node:crypto", "runs in a browser"],
    ["src/core/event.ts", "commander", "may not import the package commander"],
    ["src/store/reader.ts", "../sqlite/driver.ts", "src/store may not import src/sqlite"],
    ["src/sqlite/driver.ts", "../postgres/driver.ts", "src/sqlite may not import src/postgres"],
    ["src/relay/outbox.ts", "../cdc/sink.ts", "src/relay may not import src/cdc"],
    ["src/runtime/open.ts", "../server/http.ts", "src/runtime may not import src/server"],
    ["src/testing/given.ts", "../sqlite/driver.ts", "src/testing may not import src/sqlite"],
    ["src/client/http.ts", "node:http", "runs in a browser"],
    ["src/index.ts", "./cli/main.ts", "does not import the command line"],
    ["src/store/reader.ts", "../core/index.ts", "not an index"],
    ["src/store/reader.ts", "../index.ts", "not an index"],
    ["src/store/reader.ts", "hitherto/core", "by its own name"],
    ["src/store/reader.ts", "../../scripts/tidy.ts", "from outside of src/"],
    ["src/attic/box.ts", "../core/event.ts", "has no place in the layers"],
  ])("refuses that %s imports %s", (path, specifier, message) => {
    expect(importing(path, specifier)).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    ["src/store/reader.ts", "../core/event.ts"],
    ["src/runtime/open.ts", "../sqlite/store.ts"],
    ["src/cli/main.ts", "../server/http.ts"],
    ["src/testing/given.ts", "../runtime/open.ts"],
    ["src/core/schema.ts", "@standard-schema/spec"],
    ["src/index.ts", "./sqlite/store.ts"],
    ["src/sqlite/store.test.ts", "../testing/conformance.ts"],
  ])("lets %s import %s", (path, specifier) => {
    expect(importing(path, specifier)).toEqual([]);
  });

  test("sees dynamic imports and re-exports", () => {
    const files = {
      "src/core/a.ts": 'export const load = (): unknown => import("../store/b.ts");\n',
      "src/core/c.ts": '\nexport { b } from "../store/b.ts";\n',
    };
    expect(findingsOf(layers, files)).toEqual([
      expect.stringContaining("src/core/a.ts:1 src/core may not import src/store"),
      expect.stringContaining("src/core/c.ts:2 src/core may not import src/store"),
    ]);
  });
});

describe("purity", () => {
  test.each([
    "Date.now()",
    "new Date()",
    "Math.random()",
    "crypto.randomUUID()",
    "process.env",
    "setTimeout(f, 1)",
  ])("refuses %s in core", (expression) => {
    const files = { "src/core/a.ts": `declare const g: unknown;\nexport const x = ${expression};\n` };
    expect(findingsOf(purity, files)).toEqual([expect.stringMatching(/^src\/core\/a\.ts:2 /)]);
  });

  test("lets core bind such a name itself, and parse a date", () => {
    const text = `
      export const parse = (text: string): Date => new Date(text);
      export const nameOf = (process: { name: string }): string => process.name;
      export const kinds = { process: 1, fetch: 2 };
      export interface Kept { readonly console: string }`;
    expect(
      findingsOf(purity, { "src/core/a.ts": text, "src/store/b.ts": "export const x = Date.now();" }),
    ).toEqual([]);
  });
});

describe("sizes", () => {
  const none = { files: {}, functions: {} };
  const long = `export function long(): void {\n${linesOf(80)}\n}\n`;
  const ratchet = (functions: object, files: object = {}): string =>
    JSON.stringify({ files, functions }, null, 2);

  test("refuses a function over 70 lines and a file over 600", () => {
    expect(findingsOf(sizes(none), { "src/a.ts": long, "src/b.ts": linesOf(601, "// line") })).toEqual([
      expect.stringContaining("src/b.ts:1 File src/b.ts has 601 lines; allowed are at most 600"),
      expect.stringContaining("src/a.ts:1 Function src/a.ts#long has 82 lines; allowed are at most 70"),
    ]);
  });

  test("names a method after its class", () => {
    const text = `class Box {\n  fill(): void {\n${linesOf(80)}\n  }\n}\n`;
    expect(findingsOf(sizes(none), { "src/a.ts": text })).toEqual([
      expect.stringContaining("src/a.ts#Box.fill"),
    ]);
  });

  test("allows what the list allows, exactly", () => {
    const list = ratchet({ "src/a.ts#long": 82 });
    expect(findingsOf(sizes(none), { "src/a.ts": long, "scripts/tidy-ratchet.json": list })).toEqual([]);
  });

  test("refuses an entry that the code has outgrown", () => {
    const list = ratchet({ "src/a.ts#long": 81 });
    expect(findingsOf(sizes(none), { "src/a.ts": long, "scripts/tidy-ratchet.json": list })).toEqual([
      expect.stringContaining("81 in scripts/tidy-ratchet.json, which only shrinks"),
    ]);
  });

  test("refuses an entry that is too generous, stale, or grew", () => {
    const list = ratchet({ "src/a.ts#long": 90, "src/a.ts#gone": 80 });
    expect(findingsOf(sizes(none), { "src/a.ts": long, "scripts/tidy-ratchet.json": list })).toEqual([
      expect.stringContaining("src/a.ts#long allows 90 lines where the code has 82"),
      expect.stringContaining("src/a.ts#gone is no longer needed"),
    ]);
    const before = { files: {}, functions: { "src/a.ts#long": 81 } };
    const grown = ratchet({ "src/a.ts#long": 82 });
    expect(findingsOf(sizes(before), { "src/a.ts": long, "scripts/tidy-ratchet.json": grown })).toEqual([
      "scripts/tidy-ratchet.json:4 Entry src/a.ts#long grew from 81 to 82; the list only shrinks.",
    ]);
  });

  test.each(["describe", "describe.each(stores)"])(
    "counts a test's body, but not the %s block around the tests",
    (describing) => {
      const suite = `${describing}("a", () => {\n  test("b", () => {\n${linesOf(75)}\n  });\n});\n`;
      expect(findingsOf(sizes(none), { "src/a.test.ts": suite })).toEqual([
        expect.stringContaining("src/a.test.ts:2 Function src/a.test.ts#anonymous has 77 lines"),
      ]);
    },
  );

  test("computes the list that the code needs", () => {
    expect(neededRatchet(projectOf({ "src/a.ts": long }))).toEqual({
      files: {},
      functions: { "src/a.ts#long": 82 },
    });
  });
});

describe("words", () => {
  const glossary = [
    "# Glossary",
    "",
    "## Words we do not use",
    "",
    "| Not | But | May stand in |",
    "| --- | --- | --- |",
    "| aggregate version, sequence number | revision | |",
    "| `dead letter` | parked event | |",
    "| offset | position | docs/adr |",
    "",
    "## After",
    "",
    "Nothing.",
  ].join("\n");

  test.each([
    ["src/a.ts", "// The sequence number of an event.", 'say "revision"'],
    ["src/a.ts", "export const deadLetterQueue = 1;", 'say "parked event"'],
    ["README.md", "Read from an offset.", 'say "position"'],
    ["docs/guide/a.md", "Aggregate versions grow.", 'say "revision"'],
  ])("refuses in %s: %s", (path, text, message) => {
    const found = findingsOf(words, { "docs/glossary.md": glossary, [path]: `\n${text}\n` });
    expect(found).toEqual([expect.stringMatching(new RegExp(`^${path}:2 .*${message}`))]);
  });

  test("lets a word stand where the table says so, and inside of other words", () => {
    const files = {
      "docs/glossary.md": glossary,
      "docs/adr/0001-log.md": "Kafka has an offset.",
      "src/a.ts": "const byteOffsets = 1;",
    };
    expect(findingsOf(words, files)).toEqual([]);
  });

  test("refuses a glossary without the section, and tolerates that there is none yet", () => {
    expect(findingsOf(words, { "docs/glossary.md": "# Glossary\n" })).toEqual([
      expect.stringContaining('has no section "Words we do not use"'),
    ]);
    expect(findingsOf(words, { "README.md": "offset" })).toEqual([]);
  });

  test("looks at the rest of the glossary", () => {
    expect(findingsOf(words, { "docs/glossary.md": `${glossary}\nAn offset.\n` })).toEqual([
      expect.stringContaining("docs/glossary.md:14 "),
    ]);
  });
});

describe("leftovers", () => {
  test.each(["TODO", "FIXME", "XXX", "HACK"])("refuses %s", (mark) => {
    expect(findingsOf(leftovers, { "src/a.ts": `// ${mark}: later\n` })).toEqual([
      expect.stringContaining(`src/a.ts:1 ${mark} is left over`),
    ]);
  });

  test("lets words stand that only contain such a mark", () => {
    expect(findingsOf(leftovers, { "src/a.ts": "// a todo list, HACKNEY, TODOS_TABLE\n" })).toEqual([]);
  });
});

describe("doc comments", () => {
  const index = 'export { append, type Event, limits } from "./event.ts";\n';

  test("refuses a public name without one, or with tags alone", () => {
    const event = [
      "export function append(): void {}",
      "// No doc comment.",
      "export interface Event { readonly id: string }",
      "/** @internal */",
      "const limits = 1;",
      "export { limits };",
    ].join("\n");
    expect(findingsOf(docComments, { "src/core/index.ts": index, "src/core/event.ts": event })).toEqual([
      "src/core/event.ts:1 append is public and has no doc comment.",
      "src/core/event.ts:3 Event is public and has no doc comment.",
      "src/core/event.ts:5 limits is public and has no doc comment.",
    ]);
  });

  test("accepts a sentence above each, also through several modules and new names", () => {
    const files = {
      "src/index.ts": 'export { add as append } from "./core/event.ts";\n',
      "src/core/event.ts": 'import { plus } from "./plus.ts";\nexport { plus as add };\n',
      "src/core/plus.ts": "/** Adds. */\n// Why it is so.\nexport const plus = 1;\n",
    };
    expect(findingsOf(docComments, files)).toEqual([]);
  });

  test("refuses a name that is not there", () => {
    const files = {
      "src/index.ts": 'export { a, b } from "./core/event.ts";\n',
      "src/core/event.ts": "/** One. */\nexport const a = 1;\n",
    };
    expect(findingsOf(docComments, files)).toEqual(["src/index.ts:1 ./core/event.ts does not export b."]);
  });
});

describe("error parity", () => {
  const registry =
    "const registry = {\n  LOST: caller(),\n  FOUND: caller(),\n} satisfies object;\nexport { registry };\n";
  const files = {
    "src/core/errors.ts": registry,
    "docs/errors.md": "# Errors\n\n## LOST\n\n## `FOUND`\n",
    "test/unit/errors.test.ts": 'expect(code).toBe("LOST"); expect(code).toBe("FOUND");',
  };

  test("accepts codes that are documented and provoked", () => {
    expect(findingsOf(errorParity, files)).toEqual([]);
  });

  test("refuses a code without a heading, a heading without a code, and a code without a test", () => {
    const changed = {
      ...files,
      "docs/errors.md": "# Errors\n\n## LOST\n\n## STOLEN\n",
      "test/unit/errors.test.ts": 'expect(code).toBe("FOUND");',
    };
    expect(findingsOf(errorParity, changed)).toEqual([
      "src/core/errors.ts:3 FOUND has no heading in docs/errors.md.",
      "docs/errors.md:5 STOLEN is no code in src/core/errors.ts.",
      "src/core/errors.ts:2 No test provokes LOST.",
    ]);
  });

  test("refuses a registry that it cannot read", () => {
    expect(findingsOf(errorParity, { "src/core/errors.ts": "export const codes = new Map();\n" })).toEqual([
      expect.stringContaining("could be read"),
    ]);
  });
});

describe("links", () => {
  test("refuses a dead file, a dead anchor and a dead reference", () => {
    const readme = "# Top\n[a](docs/gone.md)\n[b](#nowhere)\n[c](docs/a.md#nope)\n\n[d]: ./lost.md\n";
    expect(findingsOf(links, { "README.md": readme, "docs/a.md": "# A\n" })).toEqual([
      expect.stringContaining("README.md:2 The link to docs/gone.md is dead"),
      expect.stringContaining("README.md:3 The link to #nowhere is dead"),
      expect.stringContaining("README.md:4 The link to docs/a.md#nope is dead"),
      expect.stringContaining("README.md:6 The link to ./lost.md is dead"),
    ]);
  });

  test("accepts files, folders, anchors, web addresses and code", () => {
    const readme = [
      "# Quick start: `open()`",
      "[a](docs/) [b](docs/a.md#the-a) [c](#quick-start-open) [d](https://example.org/x)",
      "`[e](gone.md)`",
      "```md",
      "[f](gone.md)",
      "```",
    ].join("\n");
    expect(
      findingsOf(links, { "README.md": readme, "docs/a.md": "# A\n## The *A*\n[up](../README.md)\n" }),
    ).toEqual([]);
  });
});

describe("names", () => {
  test("refuses `export *` and a barrel below a barrel", () => {
    const files = {
      "src/core/index.ts": 'export * from "./a.ts";\n',
      "src/core/deep/index.ts": "export {};\n",
    };
    expect(findingsOf(exportNames, files)).toEqual([
      expect.stringContaining("src/core/index.ts:1 `export *`"),
      expect.stringContaining("src/core/deep/index.ts:1 An index below"),
    ]);
  });

  test.each(["src/core/eventStore.ts", "src/Core/a.ts", "docs/guide/Read_Me.md", "test/unit/a_b.test.ts"])(
    "refuses the file name %s",
    (path) => {
      expect(findingsOf(fileNames, { [path]: "" })).toEqual([expect.stringContaining("is not kebab-case")]);
    },
  );

  test.each([
    "src/core/event-store.ts",
    "docs/ARCHITECTURE.md",
    "test/types/a.test-d.ts",
    "docs/adr/0001-a.md",
  ])("accepts the file name %s", (path) => {
    expect(findingsOf(fileNames, { [path]: "" })).toEqual([]);
  });

  test.each([
    'test("should append")',
    'it("works")',
    'test.each([1])("it works with %s")',
    "describe(`a should`)",
  ])("refuses the test name of %s", (call) => {
    expect(findingsOf(testNames, { "test/unit/a.test.ts": `\n${call};\n` })).toEqual([
      expect.stringContaining("test/unit/a.test.ts:2 "),
    ]);
  });

  test("accepts a fact as a test's name", () => {
    expect(
      findingsOf(testNames, { "src/a.test.ts": 'test("refuses a workshop");\nlog("it should");' }),
    ).toEqual([]);
  });
});

describe("decisions", () => {
  test("refuses a wrong name, a used number, a long text and an undecided dependency", () => {
    const files = {
      "docs/adr/0001-log.md": "# Log\n",
      "docs/adr/0001-sqlite.md": linesOf(61, "text"),
      "docs/adr/commander.md": "We use commander.\n",
      "package.json": '{\n  "dependencies": { "commander": "1.0.0", "left-pad": "1.0.0" }\n}\n',
    };
    expect(findingsOf(decisions, files)).toEqual([
      expect.stringContaining("0001-log.md has the number of 0001-sqlite.md"),
      expect.stringContaining("0001-sqlite.md has 61 lines"),
      expect.stringContaining("0001-sqlite.md has the number of 0001-log.md"),
      expect.stringContaining("commander.md is not named NNNN-title.md"),
      expect.stringContaining("package.json:2 No decision in docs/adr names the runtime dependency left-pad"),
    ]);
  });

  test("asks for nothing before the first decision", () => {
    expect(findingsOf(decisions, { "package.json": '{ "dependencies": { "left-pad": "1.0.0" } }' })).toEqual(
      [],
    );
  });
});
