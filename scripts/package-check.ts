// The package as its users get it: packs it, lints the tarball (publint, attw), looks for dead files and dependencies
// (knip), then installs the tarball in an empty project and uses it there, on the oldest Node that is promised too.
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkBundles } from "./lib/bundles.ts";
import { ensureBuilt, root, run, scratch, subPaths } from "./lib/workspace.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

/** The import specifier of each sub-path that dist/ has. */
const specifiers: readonly string[] = subPaths
  .filter(({ folder }) => existsSync(join(root, "dist", folder, "index.js")))
  .map(({ folder }) => (folder === "" ? manifest.name : `${manifest.name}/${folder}`));

/** Runs a program; prints its output and throws when it fails. */
function need(what: string, command: string, args: readonly string[], cwd: string = root): string {
  const { output, status, stdout } = run(command, args, { cwd });
  if (status !== 0) throw new Error(`${what} failed (${command} ${args.join(" ")}):\n${output}`);
  console.log(`  ${what}`);
  return stdout;
}

function pack(): string {
  const folder = join(scratch, "pack");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  need("packs", "npm", ["pack", "--ignore-scripts", "--pack-destination", folder]);
  const [tarball] = globSync("*.tgz", { cwd: folder });
  if (tarball === undefined) throw new Error("npm pack left no tarball.");
  return join(folder, tarball);
}

/** What must and must not be in the tarball. */
function checkContents(tarball: string): void {
  const paths = run("tar", ["-tzf", tarball]).stdout.split("\n");
  const missing = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"].filter(
    (path) => existsSync(join(root, path)) && !paths.includes(`package/${path}`),
  );
  const unwanted = paths.filter((path) =>
    /\.test(-d)?\.|\/(node_modules|test|bench|scripts|tmp)\//.test(path),
  );
  if (missing.length > 0) throw new Error(`The tarball lacks ${missing.join(", ")}.`);
  if (unwanted.length > 0) throw new Error(`The tarball should not hold ${unwanted.join(", ")}.`);
  console.log(`  holds ${paths.length - 1} files`);
}

/** A program that uses the package, in a project that has nothing else. */
function useAsConsumer(tarball: string): void {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-consumer-"));
  try {
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ name: "consumer", private: true, type: "module" }),
    );
    const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    need("installs in an empty project", "npm", ["install", ...quiet, tarball], folder);
    const program = specifiers
      .flatMap((specifier, index) => [
        `import * as module${index} from "${specifier}";`,
        `console.log("${specifier}", Object.keys(module${index}).length);`,
      ])
      .join("\n");
    writeFileSync(join(folder, "use.mjs"), program);
    need(`imports ${specifiers.join(", ")}`, "node", ["use.mjs"], folder);
    writeFileSync(join(folder, "use.ts"), program);
    typecheckConsumer(folder);
    useCommand(folder);
    checkBundles(folder, (what, [command = "", ...args]) => need(what, command, args, folder));
    conformOnOldestNode(folder);
    refuseOnOldSqlite(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** With library checks on and no types of Node: the declarations must stand on their own. */
function typecheckConsumer(folder: string): void {
  const compilerOptions = {
    target: "es2022",
    lib: ["es2022", "esnext.disposable", "dom"],
    types: [],
    module: "nodenext",
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  need("typechecks a consumer", "tsc", ["-p", "."], folder);
}

function useCommand(folder: string): void {
  for (const [name, path] of Object.entries(manifest.bin ?? {})) {
    if (!existsSync(join(root, path))) {
      console.log(`  (${path} is not there yet: the command ${name} is not tried)`);
      continue;
    }
    const help = need(`npx ${name} --help`, "npx", ["--no-install", name, "--help"], folder);
    if (!help.includes(name)) throw new Error(`\`npx ${name} --help\` does not name the command:\n${help}`);
  }
}

/** The conformance kit as a user would run it, on the lowest version that package.json allows. */
const kitProgram = `
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { openSqliteStore } from "hitherto/sqlite";
import { storeConformance } from "hitherto/testing";
storeConformance({
  name: "the embedded store",
  runner: { describe, test },
  open: () => openSqliteStore(join(mkdtempSync(join(tmpdir(), "hitherto-")), "store.db")),
  openAgain: (url) => openSqliteStore(url.slice("sqlite:".length)),
  dispose: (url) => rmSync(dirname(url.slice("sqlite:".length)), { recursive: true }),
});
`;

function conformOnOldestNode(folder: string): void {
  const oldest = /\d+\.\d+\.\d+/.exec(manifest.engines.node)?.[0] ?? "";
  const node = installNode(folder, oldest);
  writeFileSync(join(folder, "kit.mjs"), kitProgram);
  need(`conforms on Node ${oldest}`, node, ["--disable-warning=ExperimentalWarning", "kit.mjs"], folder);
}

/** One whose SQLite can damage files: only stores in files are refused. */
const unsoundNode = "22.16.0";

const refusedProgram = `
import { open } from "hitherto";
const memory = await open("memory:");
console.log(await memory.head());
await open("refused.db").catch((error) => console.log(error.code));
`;

function refuseOnOldSqlite(folder: string): void {
  const node = installNode(folder, unsoundNode);
  writeFileSync(join(folder, "refused.mjs"), refusedProgram);
  const output = need(
    `refuses a file on Node ${unsoundNode}`,
    node,
    ["--no-warnings", "refused.mjs"],
    folder,
  );
  const isRefused = output === "0\nSQLITE_UNSOUND\n" && !existsSync(join(folder, "refused.db"));
  if (!isRefused) throw new Error(`Node ${unsoundNode} was to refuse a file and to take memory:\n${output}`);
  const args = ["node_modules/hitherto/dist/cli/main.js", "stats", "--store", "refused.db"];
  const command = run(node, ["--no-warnings", ...args], { cwd: folder });
  const isSaid = command.status === 1 && command.output.includes("22.22.3");
  if (!isSaid) throw new Error(`The command was to name the Node that it needs:\n${command.output}`);
}

/** Installs a version of Node next to the package, and gives the path of its program. */
function installNode(folder: string, version: string): string {
  const args = ["install", "--no-save", "--loglevel=error", `node@${version}`];
  need(`installs Node ${version}`, "npm", args, folder);
  const node = join(folder, "node_modules", ".bin", "node");
  const found = run(node, ["--version"], { cwd: folder }).stdout.trim();
  if (found !== `v${version}`) throw new Error(`Node ${version} was installed, but ${found} answers.`);
  return node;
}

function main(): void {
  const tarball = pack();
  checkContents(tarball);
  need("publint", "publint", ["run", tarball, "--strict"]);
  need("attw", "attw", [tarball, "--profile", "esm-only"]);
  need("knip", "knip", []);
  useAsConsumer(tarball);
}

if (ensureBuilt()) {
  try {
    main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
} else {
  process.exitCode = 1;
}
