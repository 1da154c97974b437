// Finds the code blocks of Markdown pages and of doc comments. Pure: texts go in, blocks and problems come out.
//
// After the language, a block's fence may say:
//   file=NAME     the module's file name, so that other blocks of the page can import it
//   continues     goes on with the module of the block before it
//   no-run        compiled, but not run
//   no-check WHY  neither compiled nor run, for the reason that follows
// A block "text output" right after a block that runs is what that module prints.
import type { Source } from "../tidy/source.ts";

/** A block of TypeScript. */
export interface Block {
  readonly path: string;
  /** 1-based line of the first line of code. */
  readonly line: number;
  /** Characters that stand before each line of code in the file. */
  readonly indent: number;
  readonly code: string;
  readonly file?: string;
  readonly continues: boolean;
  readonly isRun: boolean;
  /** What the module must print. */
  readonly output?: string;
}

/** Something wrong with a block, at a place. */
export interface Problem {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** What a file holds. */
export interface Extracted {
  readonly blocks: readonly Block[];
  readonly problems: readonly Problem[];
}

interface Fence {
  readonly info: string;
  readonly line: number;
  readonly indent: number;
  readonly code: string;
  /** Text of the nearest heading above. */
  readonly heading: string;
}

const words = new Set(["continues", "no-run"]);

/** The blocks of a Markdown page. Those of tutorials, guides and a README's quick start are run. */
export function blocksOfMarkdown(path: string, text: string): Extracted {
  return blocksOf(path, fencesOf(text, 1), (fence) => {
    if (/(^|\/)docs\/(tutorial|guide)(s?\/|\.md$)/.test(path)) return true;
    return /(^|\/)README\.md$/.test(path) && /quick ?start/i.test(fence.heading);
  });
}

/** The blocks in the doc comments of a source file. They are compiled and not run. */
export function blocksOfSource(source: Source): Extracted {
  const extracted = source.comments
    .filter(({ type, value }) => type === "Block" && value.startsWith("*"))
    .map(({ start, value }) => {
      const line = source.lineOf(start);
      const column = start - (source.text.lastIndexOf("\n", start) + 1);
      const lines = `/*${value}`
        .split("\n")
        .map((text, index) => (index === 0 ? "" : text.replace(/^\s*\* ?/, "")));
      const fences = fencesOf(lines.join("\n"), line);
      const fenced = blocksOf(source.path, fences, () => false, column + " * ".length);
      if (!value.includes("@example") || fences.length > 0) return fenced;
      const problem = { path: source.path, line, message: "An @example needs a ```ts block." };
      return { blocks: [], problems: [...fenced.problems, problem] };
    });
  return {
    blocks: extracted.flatMap(({ blocks }) => blocks),
    problems: extracted.flatMap(({ problems }) => problems),
  };
}

function blocksOf(
  path: string,
  fences: readonly Fence[],
  isRunPlace: (fence: Fence) => boolean,
  column = 0,
): Extracted {
  const blocks: Block[] = [];
  const problems: Problem[] = [];
  for (const [index, fence] of fences.entries()) {
    const [language = "", ...flags] = fence.info.split(/\s+/);
    if (language !== "ts" && language !== "typescript") continue;
    const problem = flagProblem(flags, blocks.length > 0);
    if (problem !== undefined) problems.push({ path, line: fence.line - 1, message: problem });
    if (problem !== undefined || flags[0] === "no-check") continue;
    const file = flags.find((flag) => flag.startsWith("file="))?.slice("file=".length);
    const next = fences[index + 1];
    const output = next !== undefined && /^text output$/.test(next.info) ? next.code : undefined;
    blocks.push({
      path,
      line: fence.line,
      indent: fence.indent + column,
      code: fence.code,
      continues: flags.includes("continues"),
      isRun: isRunPlace(fence) && !flags.includes("no-run"),
      ...(file === undefined ? {} : { file }),
      ...(output === undefined ? {} : { output }),
    });
  }
  return { blocks, problems };
}

function flagProblem(flags: readonly string[], hasPredecessor: boolean): string | undefined {
  if (flags[0] === "no-check") {
    return flags.length > 1
      ? undefined
      : "`no-check` needs a reason after it, or better: a block that compiles.";
  }
  const unknown = flags.find((flag) => !words.has(flag) && !/^file=[\w-]+\.ts$/.test(flag));
  if (unknown !== undefined) {
    return `"${unknown}" is no flag of a block; there are file=NAME.ts, continues, no-run and no-check WHY.`;
  }
  if (flags.includes("continues") && !hasPredecessor) return "There is no block before this one to continue.";
  return undefined;
}

function fencesOf(text: string, firstLine: number): Fence[] {
  const fences: Fence[] = [];
  const lines = text.split("\n");
  let heading = "";
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    heading = /^#{1,6} +(.*)$/.exec(line)?.[1] ?? heading;
    const [, indent = "", marks = "", info = ""] = /^(\s*)(`{3,})([^`]*)$/.exec(line) ?? [];
    if (marks === "") continue;
    const isEnd = (other: string): boolean => other.trim().startsWith(marks) && /^\s*`+\s*$/.test(other);
    const length = lines.slice(index + 1).findIndex(isEnd);
    const code = lines.slice(index + 1, length === -1 ? undefined : index + 1 + length);
    fences.push({
      info: info.trim(),
      line: firstLine + index + 1,
      indent: indent.length,
      code: code.map((codeLine) => withoutIndent(codeLine, indent.length)).join("\n"),
      heading,
    });
    index += code.length + 1;
  }
  return fences;
}

function withoutIndent(line: string, indent: number): string {
  return line.slice(0, indent).trim() === "" ? line.slice(indent) : line;
}
