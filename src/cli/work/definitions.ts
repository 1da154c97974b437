/**
 * Definitions from a module of the user's: projections that the command runs, deciders whose snapshots it verifies.
 */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AnyDecider } from "../../core/decider-types.ts";
import { HithertoError } from "../../core/errors.ts";
import type { AnyProjection } from "../../core/projection.ts";
import { fileProblem } from "../../store/file-problem.ts";
import { UsageError } from "../usage-error.ts";

/**
 * The projections that a module exports, one by one or in lists, by name or as its default.
 *
 * @throws `FILE_UNREADABLE` when there is no such module or it fails; `DEFINITION_REPEATED`; a usage error when it has none.
 */
export async function loadProjections(file: string): Promise<readonly AnyProjection[]> {
  const projections = await exportedFrom(file, isProjection);
  if (projections.length === 0) {
    throw new UsageError(
      `the file ${file} exports no projection; export what projection(…) or sqlProjection(…) made`,
    );
  }
  const names = new Set<string>();
  for (const { name } of projections) {
    if (names.has(name)) throw new HithertoError("DEFINITION_REPEATED", { kind: "projection", name });
    names.add(name);
  }
  return projections;
}

/**
 * The deciders that a module exports, one by one or in lists, by name or as its default.
 *
 * @throws `FILE_UNREADABLE` when there is no such module or it fails; a usage error when it has none.
 */
export async function loadDeciders(file: string): Promise<readonly AnyDecider[]> {
  const deciders = await exportedFrom(file, isDecider);
  if (deciders.length > 0) return deciders;
  throw new UsageError(`the file ${file} exports no decider; export what decider(…) made`);
}

/** Those of the names given, or all of them when none is. @throws a usage error for a name that none of them has */
export function chooseProjections(
  projections: readonly AnyProjection[],
  names: readonly string[],
  file: string,
): readonly AnyProjection[] {
  const known = projections.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`the file ${file} exports no projection "${unknown}"; it has ${known.join(", ")}`);
  }
  return names.length === 0 ? projections : projections.filter(({ name }) => names.includes(name));
}

/** The same one may be exported twice, by its name and as the default. */
async function exportedFrom<Definition>(
  file: string,
  isOne: (value: unknown) => value is Definition,
): Promise<readonly Definition[]> {
  const exported: readonly unknown[] = Object.values(await importModule(file)).flat();
  return [...new Set(exported.filter(isOne))];
}

async function importModule(file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(file);
  const unreadable = (problem: string, cause: unknown): HithertoError =>
    new HithertoError("FILE_UNREADABLE", { file, problem }, { cause });
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(fileProblem(error), error);
  });
  if (found.isDirectory()) throw unreadable("it is a folder", undefined);
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    throw unreadable(importProblem(error), error);
  }
}

function importProblem(error: unknown): string {
  const { code, name, message } =
    error instanceof Error
      ? (error as NodeJS.ErrnoException)
      : { code: undefined, name: "Error", message: String(error) };
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    return "this version of Node does not run such files; give it the compiled JavaScript";
  }
  return `importing it failed with ${name}: ${message.split("\n", 1)[0]}`;
}

function isProjection(value: unknown): value is AnyProjection {
  const kind = kindOf(value);
  return kind === "projection" || kind === "sql-projection";
}

function isDecider(value: unknown): value is AnyDecider {
  return kindOf(value) === "decider";
}

function kindOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
}
