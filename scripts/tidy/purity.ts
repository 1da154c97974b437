// The domain model has no clock, no randomness and no machine: src/core computes the same from the same.
import { isTest, typescriptPaths, type Rule } from "./project.ts";
import type { Node, Source } from "./source.ts";

/** Globals that core must not touch, each with what to do instead. */
const forbidden: Readonly<Record<string, string>> = {
  Buffer: "use Uint8Array",
  console: "return what is to be said",
  crypto: "take the id or the random source as an argument",
  fetch: "core does no I/O",
  performance: "take the time as an argument",
  process: "take the setting as an argument",
  queueMicrotask: "core does not schedule",
  setImmediate: "core does not schedule",
  setInterval: "core does not schedule",
  setTimeout: "core does not schedule",
};

/** The purity rule. */
export const purity: Rule = {
  name: "purity",
  check: (project) =>
    typescriptPaths(project, "src/core")
      .filter((path) => !isTest(path))
      .flatMap((path) => {
        const source = project.source(path);
        return impurities(source).map(({ message, start }) => ({
          path,
          line: source.lineOf(start),
          message,
        }));
      }),
};

function impurities(source: Source): ReadonlyArray<{ start: number; message: string }> {
  const declared = declaredNames(source);
  const found: Array<{ start: number; message: string }> = [];
  source.walk((node, ancestors) => {
    const message = problemOf(node, ancestors.at(-1), declared);
    if (message !== undefined) found.push({ start: node.start, message });
  });
  return found;
}

function problemOf(node: Node, parent: Node | undefined, declared: ReadonlySet<string>): string | undefined {
  if (node.type === "NewExpression" && isIdentifier(node.callee, "Date") && node.arguments.length === 0) {
    return "`new Date()` reads the clock; take the time as an argument.";
  }
  if (node.type === "MemberExpression" && !node.computed && node.property.type === "Identifier") {
    const name = node.property.name;
    if (isIdentifier(node.object, "Date") && name === "now") {
      return "`Date.now` reads the clock; take the time as an argument.";
    }
    if (isIdentifier(node.object, "Math") && name === "random") {
      return "`Math.random` is not repeatable; take the random source as an argument.";
    }
  }
  if (node.type !== "Identifier" || declared.has(node.name) || !isReference(node, parent)) return undefined;
  const instead = Object.hasOwn(forbidden, node.name) ? forbidden[node.name] : undefined;
  return instead === undefined ? undefined : `\`${node.name}\` belongs to the machine: ${instead}.`;
}

/** Whether the identifier is read as a variable, and is not the name of a property, a key or a type. */
function isReference(node: Node, parent: Node | undefined): boolean {
  if (parent === undefined || parent.type.startsWith("TS")) return false;
  if (parent.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent.type === "Property") return parent.value === node;
  return !["LabeledStatement", "MethodDefinition", "PropertyDefinition"].includes(parent.type);
}

function isIdentifier(node: Node, name: string): boolean {
  return node.type === "Identifier" && node.name === name;
}

/** Every name that the file binds itself: a local `process` is a saga, not the machine's. */
function declaredNames(source: Source): ReadonlySet<string> {
  const names = new Set<string>();
  source.walk((node, ancestors) => {
    if (node.type !== "Identifier") return;
    const parent = ancestors.at(-1);
    if (parent !== undefined && isBinding(node, parent, ancestors)) names.add(node.name);
  });
  return names;
}

function isBinding(node: Node, parent: Node, ancestors: readonly Node[]): boolean {
  switch (parent.type) {
    case "VariableDeclarator":
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ClassDeclaration":
      return (
        parent.id === node || ("params" in parent && parent.params.some((parameter) => parameter === node))
      );
    case "ArrowFunctionExpression":
      return parent.params.some((parameter) => parameter === node);
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return parent.local === node;
    case "Property":
      return ancestors.at(-2)?.type === "ObjectPattern" && parent.value === node;
    case "AssignmentPattern":
      return parent.left === node;
    case "ArrayPattern":
    case "RestElement":
    case "CatchClause":
      return true;
    default:
      return false;
  }
}
