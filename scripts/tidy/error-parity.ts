// Every error code is documented, every documented code exists, and every code occurs in a test.
import { isTest, lineAt, type Finding, type Project, type Rule } from "./project.ts";

/** The module with `const registry = { CODE: …, … }`. */
const registryPath = "src/core/errors.ts";

/** The page with a heading for each code. */
const errorsPagePath = "docs/errors.md";

interface Code {
  readonly name: string;
  readonly line: number;
}

/** The rule of error codes. */
export const errorParity: Rule = {
  name: "error parity",
  check: (project) => {
    if (!project.has(registryPath)) return [];
    const codes = codesOf(project);
    if (codes.length === 0) {
      return [
        { path: registryPath, line: 1, message: "has no `const registry = { CODE: … }` that could be read." },
      ];
    }
    return [...undocumented(project, codes), ...unknown(project, codes), ...unprovoked(project, codes)];
  },
};

function undocumented(project: Project, codes: readonly Code[]): Finding[] {
  const documented = new Set(headingsOf(project).map(({ name }) => name));
  return codes
    .filter(({ name }) => !documented.has(name))
    .map(({ line, name }) => ({
      path: registryPath,
      line,
      message: `${name} has no heading in ${errorsPagePath}.`,
    }));
}

function unknown(project: Project, codes: readonly Code[]): Finding[] {
  const known = new Set(codes.map(({ name }) => name));
  return headingsOf(project)
    .filter(({ name }) => !known.has(name))
    .map(({ line, name }) => ({
      path: errorsPagePath,
      line,
      message: `${name} is no code in ${registryPath}.`,
    }));
}

function unprovoked(project: Project, codes: readonly Code[]): Finding[] {
  const tests = project.paths
    .filter((path) => /\.tsx?$/.test(path) && (isTest(path) || path.startsWith("src/testing/")))
    .filter((path) => !path.startsWith("test/house/"))
    .map((path) => project.text(path));
  return codes
    .filter(({ name }) => !tests.some((text) => new RegExp(`\\b${name}\\b`).test(text)))
    .map(({ line, name }) => ({ path: registryPath, line, message: `No test provokes ${name}.` }));
}

function codesOf(project: Project): Code[] {
  const source = project.source(registryPath);
  const codes: Code[] = [];
  source.walk((node, ancestors) => {
    if (node.type !== "Property" || node.key.type !== "Identifier") return;
    const [declarator, object] = ancestors.filter(({ type }) => !type.startsWith("TS")).slice(-2);
    if (declarator?.type !== "VariableDeclarator" || object?.type !== "ObjectExpression") return;
    if (declarator.id.type !== "Identifier" || declarator.id.name !== "registry") return;
    codes.push({ name: node.key.name, line: source.lineOf(node.start) });
  });
  return codes;
}

/** Headings such as `## REVISION_CONFLICT` or "### `REVISION_CONFLICT`". */
function headingsOf(project: Project): Code[] {
  const text = project.text(errorsPagePath);
  return [...text.matchAll(/^##+ +`?([A-Z][A-Z0-9_]+)`?\s*$/gm)].map((match) => ({
    name: match[1] ?? "",
    line: lineAt(text, match.index),
  }));
}
