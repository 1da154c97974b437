// Names of files, tests and exports, and where decisions are written down.
import { posix } from "node:path";
import {
  isBelow,
  isTest,
  lineAt,
  typescriptPaths,
  type Finding,
  type Project,
  type Rule,
} from "./project.ts";
import type { Node } from "./source.ts";

const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const codeFolders = ["src", "test", "scripts", "bench", "examples", "console", "docs"];

/** Pages whose names the field writes in capitals. */
const capitalPages = new Set([
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "README.md",
  "ROADMAP.md",
  "SECURITY.md",
]);

/** Files and folders are kebab-case. */
export const fileNames: Rule = {
  name: "file names",
  check: (project) =>
    project.paths
      .filter((path) => isBelow(path, codeFolders) && !capitalPages.has(posix.basename(path)))
      .flatMap((path) => {
        const bad = path.split("/").find((part) => !kebab.test(part.replace(/^\./, "").split(".")[0] ?? ""));
        return bad === undefined ? [] : [{ path, line: 1, message: `${bad} is not kebab-case.` }];
      }),
};

/** Exports are named one by one, in one index per sub-path. */
export const exportNames: Rule = {
  name: "export names",
  check: (project) => [
    ...typescriptPaths(project).flatMap((path) =>
      project.source(path).exportStars.map((line) => ({
        path,
        line,
        message: "`export *` hides what is exported; name each export.",
      })),
    ),
    ...typescriptPaths(project, "src")
      .filter((path) => posix.basename(path) === "index.ts" && path.split("/").length > 3)
      .map((path) => ({ path, line: 1, message: "An index below a sub-path's folder is a nested barrel." })),
  ],
};

/** Test names are facts in the present tense. */
export const testNames: Rule = {
  name: "test names",
  check: (project) =>
    typescriptPaths(project)
      .filter(
        (path) => isTest(path) || path.startsWith("src/testing/") || /^examples\/[^/]+\/test\//.test(path),
      )
      .flatMap((path) => {
        const source = project.source(path);
        const found: Finding[] = [];
        source.walk((node) => {
          const name = testName(node, source.text);
          const word = /\b(should|works?|correctly|properly)\b/i.exec(name)?.[1];
          if (word === undefined) return;
          const message = `"${name}" says "${word}": state the fact, such as "refuses an append that …".`;
          found.push({ path, line: source.lineOf(node.start), message });
        });
        return found;
      }),
};

/** The name of a call such as `test("…")`, `test.each(…)("…")`, `describe.concurrent("…")`. */
function testName(node: Node, text: string): string {
  if (node.type !== "CallExpression") return "";
  const [first] = node.arguments;
  if (first === undefined || (first.type !== "Literal" && first.type !== "TemplateLiteral")) return "";
  const callee = text.slice(node.callee.start, node.callee.end);
  return /^(test|it|describe)\b/.test(callee) ? text.slice(first.start + 1, first.end - 1) : "";
}

const adrLinesMax = 60;

/** Decisions are numbered, short, and there is one for each runtime dependency. */
export const decisions: Rule = {
  name: "decisions",
  check: (project) => {
    const adrs = project.paths.filter(
      (path) => posix.dirname(path) === "docs/adr" && posix.basename(path) !== "README.md",
    );
    if (adrs.length === 0) return [];
    return [
      ...adrs.flatMap((path) => adrProblems(project, path, adrs)),
      ...undecidedDependencies(project, adrs),
    ];
  },
};

function adrProblems(project: Project, path: string, adrs: readonly string[]): Finding[] {
  const name = posix.basename(path);
  const lines = project.text(path).trimEnd().split("\n").length;
  const twin = adrs.find((other) => other !== path && posix.basename(other).slice(0, 4) === name.slice(0, 4));
  const problems = [
    /^\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md$/.test(name) ? "" : "is not named NNNN-title.md.",
    lines > adrLinesMax ? `has ${lines} lines; a decision fits in ${adrLinesMax}.` : "",
    twin === undefined ? "" : `has the number of ${posix.basename(twin)}.`,
  ];
  return problems
    .filter((problem) => problem !== "")
    .map((problem) => ({ path, line: 1, message: `${name} ${problem}` }));
}

function undecidedDependencies(project: Project, adrs: readonly string[]): Finding[] {
  const text = project.text("package.json");
  if (text === "") return [];
  const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
  const decided = adrs.map((path) => project.text(path)).join("\n");
  return Object.keys(dependencies)
    .filter((name) => !decided.includes(name))
    .map((name) => ({
      path: "package.json",
      line: lineAt(text, text.indexOf(`"${name}"`)),
      message: `No decision in docs/adr names the runtime dependency ${name}.`,
    }));
}
