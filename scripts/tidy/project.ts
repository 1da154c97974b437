// What the rules look at: the repository's files as text, with each TypeScript file parsed at most once. Rules never
// touch the disk, so a test hands them a handful of made-up files.
import { parseSource, type Source } from "./source.ts";

/** A set of files by path, relative to the repository's root, with forward slashes. */
export interface Project {
  /** Every path, sorted. */
  readonly paths: readonly string[];
  /** The file's text; empty for a path that is not there. */
  text(path: string): string;
  /** The parsed TypeScript file. */
  source(path: string): Source;
  /** Whether a file or folder of that path exists. */
  has(path: string): boolean;
}

/** Something that breaks a rule. */
export interface Finding {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  readonly message: string;
}

/** One rule of style: a name and a pure check. */
export interface Rule {
  readonly name: string;
  readonly check: (project: Project) => readonly Finding[];
}

/** Makes a project of texts by path. */
export function projectOf(files: Readonly<Record<string, string>>): Project {
  const paths = Object.keys(files).sort();
  const sources = new Map<string, Source>();
  const folders = new Set(paths.flatMap(parentFolders));
  return {
    paths,
    text: (path) => files[path] ?? "",
    has: (path) => Object.hasOwn(files, path) || folders.has(path),
    source: (path) => {
      const known = sources.get(path) ?? parseSource(path, files[path] ?? "");
      sources.set(path, known);
      return known;
    },
  };
}

/** Paths of TypeScript files below the given folders (or, without any, everywhere). */
export function typescriptPaths(project: Project, ...folders: readonly string[]): readonly string[] {
  return project.paths.filter((path) => /\.tsx?$/.test(path) && isBelow(path, folders));
}

/** Whether the path lies in one of the folders; with no folders, always. */
export function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.length === 0 || folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** Whether the file holds tests. */
export function isTest(path: string): boolean {
  return /\.test(-d)?\.tsx?$/.test(path) || path.startsWith("test/");
}

/** 1-based line of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

function parentFolders(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
