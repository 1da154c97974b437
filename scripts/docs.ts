// Documentation that is true: compiles every TypeScript block of README.md, CONTRIBUTING.md, docs/ and the doc comments
// of src/ against the built package, and runs those of tutorials, guides and the README's quick start.
// `npm run docs:check -- FILE…` checks the given files alone. scripts/docs/blocks.ts says what a block may declare.
import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { blocksOfMarkdown, blocksOfSource, type Problem } from "./docs/blocks.ts";
import { modulesOf, placeOf, type DocsModule } from "./docs/modules.ts";
import { ensureBuilt, readText, root, run, scratch } from "./lib/workspace.ts";
import { parseSource } from "./tidy/source.ts";

const runTimeoutMs = 60_000;
const stderrLinesMax = 15;

const folder = join(scratch, `docs-${process.pid}`);
const toRoot = relative(join(folder, "page"), root);

interface Page {
  readonly modules: readonly DocsModule[];
  readonly problems: readonly Problem[];
}

function readPage(path: string): Page {
  const text = readText(path);
  const { blocks, problems } = path.endsWith(".md")
    ? blocksOfMarkdown(path, text)
    : blocksOfSource(parseSource(path, text));
  return { modules: modulesOf(blocks, toRoot), problems };
}

function writeModules(modules: readonly DocsModule[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { path, text } of modules) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const config = {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      declaration: false,
      isolatedDeclarations: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["**/*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
}

/** Compiles all modules in one go. */
function compile(modules: readonly DocsModule[]): Problem[] {
  const { output, status } = run("tsc", ["--pretty", "false", "-p", "."], { cwd: folder });
  if (status === 0) return [];
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const problems: Problem[] = [];
  for (const line of output.split("\n")) {
    const [, path = "", at = "", column = "", message = ""] = /^(.+)\((\d+),(\d+)\): (.*)$/.exec(line) ?? [];
    const module = byPath.get(path);
    const last = problems.at(-1);
    if (module !== undefined) {
      problems.push({ ...placeOf(module, Number(at), Number(column)), message });
    } else if (/^\s+\S/.test(line) && last !== undefined) {
      problems[problems.length - 1] = { ...last, message: `${last.message}\n${line}` };
    } else if (line.trim() !== "") {
      problems.push({
        path: path === "" ? "tsc" : path,
        line: Number(at) || 1,
        message: message === "" ? line : message,
      });
    }
  }
  return problems;
}

/** Runs a module in its page's folder and compares what it prints. */
function execute(module: DocsModule): Problem[] {
  const cwd = join(folder, dirname(module.path));
  const { output, status, stdout } = run("node", [join(folder, module.path)], {
    cwd,
    timeoutMs: runTimeoutMs,
  });
  const { line, path } = placeOf(module, 1, 1);
  if (status !== 0) {
    const told = withPlaces(module, output).trimEnd().split("\n").slice(-stderrLinesMax).join("\n  ");
    return [{ path, line, message: `This block fails when it is run (exit ${status}):\n  ${told}` }];
  }
  if (module.output === undefined || module.output.trim() === stdout.trim()) return [];
  const printed = stdout.trim().replaceAll("\n", "\n  ");
  return [{ path, line, message: `This block prints something else than the page says:\n  ${printed}` }];
}

/** Names the page instead of the module in a stack trace. */
function withPlaces(module: DocsModule, text: string): string {
  const pattern = new RegExp(
    String.raw`(?:file://)?${join(folder, module.path).replaceAll(/\W/g, String.raw`\$&`)}:(\d+)(?::(\d+))?`,
    "g",
  );
  return text.replaceAll(pattern, (_, line: string, column = "1") => {
    const place = placeOf(module, Number(line), Number(column));
    return `${place.path}:${place.line}:${place.column}`;
  });
}

function main(): void {
  const named = process.argv.slice(2);
  const paths = named.length > 0 ? named : ["README.md", "CONTRIBUTING.md", "docs/**/*.md", "src/**/*.ts"];
  const pages = globSync(paths, { cwd: root })
    .sort()
    .map((path) => readPage(path));
  const modules = pages.flatMap((page) => page.modules);
  writeModules(modules);
  const broken = [...pages.flatMap((page) => page.problems), ...(modules.length > 0 ? compile(modules) : [])];
  const runnable = modules.filter(({ isRun }) => isRun);
  const problems = broken.length > 0 ? broken : runnable.flatMap(execute);
  for (const { line, message, path } of problems) console.error(`${path}:${line}: ${message}`);
  const ran = broken.length > 0 ? 0 : runnable.length;
  console.log(`${modules.length} modules compiled, ${ran} run, ${problems.length} problems.`);
  if (problems.length > 0) process.exitCode = 1;
}

if (ensureBuilt()) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
} else {
  process.exitCode = 1;
}
