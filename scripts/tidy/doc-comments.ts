// Every name that a public sub-path exports has a doc comment where it is defined.
import { posix } from "node:path";
import { subPaths } from "../lib/workspace.ts";
import type { Finding, Project, Rule } from "./project.ts";
import type { ExportedName, Node, Source } from "./source.ts";

/** The rule of doc comments. */
export const docComments: Rule = {
  name: "doc comments",
  check: (project) => {
    const indexes = subPaths.map(({ folder }) => posix.join("src", folder, "index.ts"));
    const findings = indexes
      .filter((path) => project.has(path))
      .flatMap((path) => project.source(path).exportedNames.flatMap((name) => check(project, path, name)));
    // A name that two sub-paths export is told once.
    return [...new Map(findings.map((finding) => [`${finding.path}:${finding.message}`, finding])).values()];
  },
};

function check(project: Project, path: string, exported: ExportedName): Finding[] {
  if (exported.from !== undefined) return follow(project, path, exported, exported.from);
  const source = project.source(path);
  const node = declarationOf(source, exported.localName);
  if (node === undefined) return [];
  if (hasDocComment(source, node)) return [];
  return [
    {
      path,
      line: source.lineOf(node.start),
      message: `${exported.localName} is public and has no doc comment.`,
    },
  ];
}

function follow(project: Project, path: string, exported: ExportedName, specifier: string): Finding[] {
  if (!specifier.startsWith(".")) return [];
  const target = posix.join(posix.dirname(path), specifier);
  if (!project.has(target)) return [{ path, line: exported.line, message: `${specifier} is not there.` }];
  const found = project.source(target).exportedNames.find(({ name }) => name === exported.localName);
  if (found !== undefined) return check(project, target, found);
  return [{ path, line: exported.line, message: `${specifier} does not export ${exported.localName}.` }];
}

/** The statement that declares the name at the top of the module, with its `export`. */
function declarationOf(source: Source, name: string): Node | undefined {
  let found: Node | undefined;
  source.walk((node, ancestors) => {
    if (ancestors.length === 0 || ancestors.length > 2 || found !== undefined) return;
    const parent = ancestors.at(-1);
    const isTop = parent?.type === "Program" || parent?.type === "ExportNamedDeclaration";
    if (isTop && declaredBy(node).includes(name)) found = parent.type === "Program" ? node : parent;
  });
  return found;
}

function declaredBy(node: Node): readonly string[] {
  switch (node.type) {
    case "VariableDeclaration":
      return node.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
      return node.id === null ? [] : [node.id.name];
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return [node.id.name];
    default:
      return [];
  }
}

/** Line comments, such as the reason of a lint exception, may stand between the doc comment and the name. */
function hasDocComment(source: Source, node: Node): boolean {
  const before = source.comments.findLast(({ end, type }) => type === "Block" && end <= node.start);
  if (before?.value.startsWith("*") !== true) return false;
  const saysSomething = /\w/.test(before.value.replaceAll(/@\w+/g, ""));
  return saysSomething && /^(\s|\/\/[^\n]*\n)*$/.test(source.text.slice(before.end, node.start));
}
