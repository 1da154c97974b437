// Functions over 70 lines and files over 600 stand in a committed list with their exact size. The list only shrinks:
// an entry that is larger than it was committed last, larger than the code, or no longer needed is a finding.
import { isTest, typescriptPaths, type Finding, type Project, type Rule } from "./project.ts";
import type { Node, Source } from "./source.ts";

/** Where the list of exceptions is. */
export const ratchetPath = "scripts/tidy-ratchet.json";

/** Lines that a function may have without an entry. */
const functionLinesMax = 70;

/** Lines that a file may have without an entry. */
const fileLinesMax = 600;

/** The exceptions: lines by path, and lines by `path#function`. */
export interface Ratchet {
  readonly files: Readonly<Record<string, number>>;
  readonly functions: Readonly<Record<string, number>>;
}

interface Measured {
  readonly key: string;
  readonly path: string;
  readonly line: number;
  readonly lines: number;
}

/** The size rule. `before` is the list as it was committed last. */
export function sizes(before: Ratchet): Rule {
  return {
    name: "sizes",
    check: (project) => {
      const now = ratchetOf(project.text(ratchetPath));
      const { files, functions } = measure(project);
      return [
        ...compare(project, "File", {
          entries: now.files,
          before: before.files,
          measured: files,
          max: fileLinesMax,
        }),
        ...compare(project, "Function", {
          entries: now.functions,
          before: before.functions,
          measured: functions,
          max: functionLinesMax,
        }),
      ];
    },
  };
}

/** The exact list that the project needs now: `npm run tidy -- --update-ratchet` writes it, smaller sizes only. */
export function neededRatchet(project: Project): Ratchet {
  const { files, functions } = measure(project);
  const over = (measured: readonly Measured[], max: number): Record<string, number> =>
    Object.fromEntries(measured.filter(({ lines }) => lines > max).map(({ key, lines }) => [key, lines]));
  return { files: over(files, fileLinesMax), functions: over(functions, functionLinesMax) };
}

/** Reads the list; an empty text is an empty list. */
export function ratchetOf(text: string): Ratchet {
  const parsed = (text.trim() === "" ? {} : JSON.parse(text)) as Partial<Ratchet>;
  return { files: parsed.files ?? {}, functions: parsed.functions ?? {} };
}

interface Comparison {
  readonly entries: Readonly<Record<string, number>>;
  readonly before: Readonly<Record<string, number>>;
  readonly measured: readonly Measured[];
  readonly max: number;
}

function compare(project: Project, kind: string, { before, entries, max, measured }: Comparison): Finding[] {
  const byKey = new Map(measured.map((item) => [item.key, item]));
  const tooLong = measured.flatMap(({ key, line, lines, path }): Finding[] => {
    const limit = entries[key] ?? max;
    if (lines <= limit) return [];
    const bound =
      entries[key] === undefined ? `at most ${max}` : `${limit} in ${ratchetPath}, which only shrinks`;
    return [{ path, line, message: `${kind} ${key} has ${lines} lines; allowed are ${bound}.` }];
  });
  const wrongEntries = Object.entries(entries).flatMap(([key, size]): Finding[] => {
    const problem = entryProblem({ lines: byKey.get(key)?.lines ?? 0, max, size, sizeBefore: before[key] });
    if (problem === undefined) return [];
    const line =
      project
        .text(ratchetPath)
        .split("\n")
        .findIndex((text) => text.includes(`"${key}"`)) + 1;
    return [{ path: ratchetPath, line: Math.max(line, 1), message: `Entry ${key} ${problem}` }];
  });
  return [...tooLong, ...wrongEntries];
}

interface Entry {
  readonly lines: number;
  readonly max: number;
  readonly size: number;
  readonly sizeBefore: number | undefined;
}

function entryProblem({ lines, max, size, sizeBefore }: Entry): string | undefined {
  if (lines <= max) return "is no longer needed; delete it.";
  if (size > lines) return `allows ${size} lines where the code has ${lines}; lower it.`;
  if (sizeBefore !== undefined && size > sizeBefore) {
    return `grew from ${sizeBefore} to ${size}; the list only shrinks.`;
  }
  return undefined;
}

function measure(project: Project): { files: Measured[]; functions: Measured[] } {
  const sources = typescriptPaths(project).map((path) => project.source(path));
  return {
    files: sources.map(({ path, text }) => ({
      key: path,
      path,
      line: 1,
      lines: text.trimEnd().split("\n").length,
    })),
    functions: sources.flatMap(measureFunctions),
  };
}

const functionTypes: ReadonlySet<string> = new Set([
  "ArrowFunctionExpression",
  "FunctionDeclaration",
  "FunctionExpression",
]);

function measureFunctions(source: Source): Measured[] {
  const found: Measured[] = [];
  source.walk((node, ancestors) => {
    if (!functionTypes.has(node.type) || isSuite(node, ancestors, source.path)) return;
    const line = source.lineOf(node.start);
    const names = [...ancestors, node].flatMap((item, index, chain) => nameOf(item, chain[index - 1]) ?? []);
    const key = `${source.path}#${names.join(".") || "anonymous"}`;
    found.push({ key, path: source.path, line, lines: source.lineOf(node.end) - line + 1 });
  });
  return found;
}

/** A `describe` block is a table of contents, as long as its file may be. */
function isSuite(node: Node, ancestors: readonly Node[], path: string): boolean {
  const parent = ancestors.at(-1);
  if (parent?.type !== "CallExpression" || !(isTest(path) || path.startsWith("src/testing/"))) return false;
  return rootName(parent.callee) === "describe" && parent.arguments.some((argument) => argument === node);
}

/** `describe` of `describe(…)`, `describe.skip(…)` and `describe.each(…)(…)`. */
function rootName(callee: Node): string | undefined {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type === "CallExpression") return rootName(callee.callee);
  return callee.type === "MemberExpression" ? rootName(callee.object) : undefined;
}

function nameOf(node: Node, parent: Node | undefined): string | undefined {
  switch (node.type) {
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ClassDeclaration":
      return node.id?.name;
    case "VariableDeclarator":
      return node.id.type === "Identifier" ? node.id.name : undefined;
    case "MethodDefinition":
    case "PropertyDefinition":
      return keyName(node.key);
    case "Property":
      return parent?.type === "ObjectExpression" ? keyName(node.key) : undefined;
    default:
      return undefined;
  }
}

function keyName(key: Node): string | undefined {
  return key.type === "Identifier" || key.type === "PrivateIdentifier" ? key.name : undefined;
}
