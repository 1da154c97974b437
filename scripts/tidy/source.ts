// A parsed TypeScript file, with the few questions that the rules ask of it.
import { parseSync, visitorKeys, type Comment, type Node } from "oxc-parser";

/** A node of the syntax tree, as the parser gives it. */
export type { Node } from "oxc-parser";

/** An import or re-export of another module. */
export interface ModuleReference {
  readonly specifier: string;
  /** 1-based. */
  readonly line: number;
}

/** A name that a module exports. `from` is set when it is re-exported from another module. */
export interface ExportedName {
  readonly name: string;
  /** Name in the module that defines it. */
  readonly localName: string;
  readonly from?: string;
  readonly line: number;
}

/** A parsed file. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly comments: readonly Comment[];
  readonly references: readonly ModuleReference[];
  readonly exportedNames: readonly ExportedName[];
  /** Lines of `export * from`. */
  readonly exportStars: readonly number[];
  lineOf(offset: number): number;
  /** Visits each node, parents first. `ancestors` holds the node's parents, nearest last. */
  walk(visit: (node: Node, ancestors: readonly Node[]) => void): void;
}

/** Parses a file; throws a sentence with the place when it does not parse. */
export function parseSource(path: string, text: string): Source {
  const { comments, errors, module, program } = parseSync(path, text);
  const lineStarts = lineStartsOf(text);
  const lineOf = (offset: number): number => lineIndex(lineStarts, offset) + 1;
  const [error] = errors;
  if (error !== undefined) {
    const place = error.labels[0]?.start ?? 0;
    throw new Error(`${path}:${lineOf(place)} does not parse: ${error.message}`);
  }

  const entries = module.staticExports.flatMap((statement) => statement.entries);
  return {
    path,
    text,
    comments,
    lineOf,
    references: unique([
      ...module.staticImports.map(({ moduleRequest, start }) => ({
        specifier: moduleRequest.value,
        line: lineOf(start),
      })),
      ...module.staticExports.flatMap(({ entries: [entry], start }) =>
        entry?.moduleRequest ? [{ specifier: entry.moduleRequest.value, line: lineOf(start) }] : [],
      ),
      ...dynamicReferences(text, module.dynamicImports, lineOf),
    ]),
    exportStars: entries
      .filter(({ importName }) => ["AllButDefault", "All"].includes(importName.kind))
      .map(({ start }) => lineOf(start)),
    exportedNames: entries.flatMap((entry) => {
      const name = entry.exportName.name;
      if (name === null) return [];
      const localName = entry.importName.name ?? entry.localName.name ?? name;
      const from = entry.moduleRequest?.value;
      return [{ name, localName, line: lineOf(entry.start), ...(from === undefined ? {} : { from }) }];
    }),
    walk: (visit) => {
      visitNode(program, [], visit);
    },
  };
}

/** Whether a value of the tree is a node. */
function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function visitNode(
  node: Node,
  ancestors: Node[],
  visit: (node: Node, ancestors: readonly Node[]) => void,
): void {
  visit(node, ancestors);
  ancestors.push(node);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = (node as unknown as Record<string, unknown>)[key];
    for (const item of Array.isArray(child) ? (child as unknown[]) : [child]) {
      if (isNode(item)) visitNode(item, ancestors, visit);
    }
  }
  ancestors.pop();
}

/** The parser also tells `import { x } …; export { x }` as an export from the other module. */
function unique(references: readonly ModuleReference[]): ModuleReference[] {
  return [...new Map(references.map((item) => [`${item.line} ${item.specifier}`, item])).values()];
}

function dynamicReferences(
  text: string,
  imports: ReadonlyArray<{ readonly moduleRequest: { readonly start: number; readonly end: number } }>,
  lineOf: (offset: number) => number,
): ModuleReference[] {
  return imports.flatMap(({ moduleRequest: { end, start } }) => {
    const literal = /^["'`]([^"'`]*)["'`]$/.exec(text.slice(start, end))?.[1];
    return literal === undefined ? [] : [{ specifier: literal, line: lineOf(start) }];
  });
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
