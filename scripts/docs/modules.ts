// Turns the blocks of a page into modules, and places in a module back into places on the page.
import { posix } from "node:path";
import type { Block } from "./blocks.ts";

/** A module made of one block and those that continue it. */
export interface DocsModule {
  /** Path below the scratch folder. */
  readonly path: string;
  readonly blocks: readonly Block[];
  readonly text: string;
  readonly isRun: boolean;
  /** What it must print, when the page says so. */
  readonly output: string | undefined;
}

/** A place in a page or a source file. */
export interface Place {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/**
 * The modules of one page, in order. `toRoot` leads from a module's folder to the repository's root: doc comments may
 * import relative to the file that they stand in.
 */
export function modulesOf(blocks: readonly Block[], toRoot: string): DocsModule[] {
  const groups: Block[][] = [];
  for (const block of blocks) {
    if (block.continues) groups.at(-1)?.push(block);
    else groups.push([block]);
  }
  return groups.map((group, index) => {
    const page = group[0]?.path ?? "";
    const name = group.find(({ file }) => file !== undefined)?.file ?? `block-${index + 1}.ts`;
    return {
      path: `${slugOf(page)}/${name}`,
      blocks: group,
      text: group
        .map(({ code, path }) => (isSource(path) ? withRelativeImports(code, path, toRoot) : code))
        .join("\n"),
      isRun: group.every(({ isRun }) => isRun),
      output: outputOf(group),
    };
  });
}

/** Where a line and column of the module stand on the page. */
export function placeOf(module: DocsModule, line: number, column: number): Place {
  let first = 1;
  for (const block of module.blocks) {
    const length = block.code.split("\n").length;
    if (line < first + length) {
      return { path: block.path, line: block.line + line - first, column: column + block.indent };
    }
    first += length;
  }
  const last = module.blocks.at(-1);
  return { path: last?.path ?? module.path, line: last?.line ?? 1, column };
}

/** A folder name for a page. */
function slugOf(path: string): string {
  return path.replaceAll(/[^\w]+/g, "-").toLowerCase();
}

function outputOf(group: readonly Block[]): string | undefined {
  const outputs = group.flatMap(({ output }) => (output === undefined ? [] : [output]));
  return outputs.length === 0 ? undefined : outputs.join("\n");
}

function isSource(path: string): boolean {
  return path.endsWith(".ts");
}

function withRelativeImports(code: string, path: string, toRoot: string): string {
  return code.replaceAll(
    /(\bfrom |\bimport\()"(\.{1,2}\/[^"]+)"/g,
    (_, keyword: string, specifier: string) => {
      return `${keyword}"${posix.join(toRoot, posix.dirname(path), specifier)}"`;
    },
  );
}
