// Style as a test. `npm run tidy` prints every finding as path:line; `npm run tidy -- --update-ratchet` lowers the
// entries of scripts/tidy-ratchet.json to the sizes of today, and drops those that are no longer needed.
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./lib/workspace.ts";
import { docComments } from "./tidy/doc-comments.ts";
import { errorParity } from "./tidy/error-parity.ts";
import { layers } from "./tidy/layers.ts";
import { leftovers } from "./tidy/leftovers.ts";
import { links } from "./tidy/markdown.ts";
import { decisions, exportNames, fileNames, testNames } from "./tidy/names.ts";
import { projectOf, type Project, type Rule } from "./tidy/project.ts";
import { purity } from "./tidy/purity.ts";
import { neededRatchet, ratchetOf, ratchetPath, sizes, type Ratchet } from "./tidy/sizes.ts";
import { words } from "./tidy/words.ts";

const rulesWithoutState: readonly Rule[] = [
  layers,
  purity,
  words,
  leftovers,
  docComments,
  errorParity,
  links,
  exportNames,
  fileNames,
  testNames,
  decisions,
];

/** The text files that are committed or would be. */
function readProject(): Project {
  const { output } = run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
  const paths = output.split("\0").filter((path) => path !== "" && existsSync(join(root, path)));
  const files = paths.filter(
    (path) => statSync(join(root, path)).isFile() && !path.endsWith("package-lock.json"),
  );
  return projectOf(
    Object.fromEntries(
      files.map((path) => [path, isText(path) ? readFileSync(join(root, path), "utf8") : ""]),
    ),
  );
}

function isText(path: string): boolean {
  return /\.(tsx?|mjs|js|md|jsonc?|ya?ml|sql|txt|html|css)$/.test(path);
}

/** The list of exceptions as it was committed before the present one. */
function ratchetBefore(): Ratchet {
  const [last = "", ...earlier] = run("git", ["log", "-2", "--format=%H", "--", ratchetPath]).output.split(
    "\n",
  );
  const isChanged = run("git", ["diff", "--quiet", "HEAD", "--", ratchetPath]).status !== 0;
  const { output, status } = run("git", ["show", `${isChanged ? last : (earlier[0] ?? "")}:${ratchetPath}`]);
  return ratchetOf(status === 0 ? output : "");
}

function updateRatchet(project: Project): void {
  const now = ratchetOf(project.text(ratchetPath));
  const needed = neededRatchet(project);
  const lowered = (
    entries: Readonly<Record<string, number>>,
    sizesNow: Readonly<Record<string, number>>,
  ): object =>
    Object.fromEntries(
      Object.entries(entries).flatMap(([key, size]) => {
        const lines = sizesNow[key];
        return lines === undefined ? [] : [[key, Math.min(size, lines)]];
      }),
    );
  const list = {
    files: lowered(now.files, needed.files),
    functions: lowered(now.functions, needed.functions),
  };
  writeFileSync(join(root, ratchetPath), `${JSON.stringify(list, null, 2)}\n`);
}

function main(): void {
  if (process.argv.includes("--update-ratchet")) updateRatchet(readProject());
  const project = readProject();
  const rules = [...rulesWithoutState, sizes(ratchetBefore())];
  const findings = rules.flatMap((rule) =>
    rule.check(project).map((finding) => ({ ...finding, rule: rule.name })),
  );
  for (const { line, message, path, rule } of findings) {
    console.error(`${path}:${line}: ${message} [${rule}]`);
  }
  console.log(`${rules.length} rules, ${project.paths.length} files, ${findings.length} findings.`);
  if (findings.length > 0) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  // A file that does not parse; its message names the place.
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
