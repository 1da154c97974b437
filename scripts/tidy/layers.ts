// Who may import whom. Folders of src/ stand in layers; an import goes down, or stays in its folder.
import { posix } from "node:path";
import { isTest, typescriptPaths, type Finding, type Rule } from "./project.ts";

/** Folder by folder, what its modules may import. A folder that is not listed here is a finding. */
const allowed: Readonly<Record<string, readonly string[]>> = (() => {
  const adapters = ["sqlite", "postgres", "cluster"];
  const runtime = ["core", "store", ...adapters];
  const feeds = [...runtime, "runtime"];
  const server = [...feeds, "relay", "cdc", "schema"];
  return {
    core: [],
    store: ["core"],
    sqlite: ["core", "store"],
    postgres: ["core", "store"],
    cluster: ["core", "store"],
    runtime,
    relay: feeds,
    cdc: feeds,
    schema: feeds,
    server,
    client: ["core", "store"],
    cli: [...server, "server", "client"],
    testing: ["core", "store", "runtime"],
  };
})();

/** Folders whose code also runs in a browser. */
const browserFolders = new Set(["core", "client"]);

/** The layer rule. */
export const layers: Rule = {
  name: "layers",
  check: (project) =>
    typescriptPaths(project, "src").flatMap((path) =>
      project.source(path).references.flatMap(({ line, specifier }) => {
        const message = specifier.startsWith(".")
          ? relativeProblem(path, specifier)
          : packageProblem(path, specifier);
        return message === undefined ? [] : [{ path, line, message } satisfies Finding];
      }),
    ),
};

function relativeProblem(path: string, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  if (!target.startsWith("src/")) {
    return isTest(path) ? undefined : `imports ${specifier} from outside of src/.`;
  }
  if (posix.basename(target) === "index.ts") {
    return `imports ${specifier}: import the module that defines the name, not an index.`;
  }
  const [from, to] = [folderOf(path), folderOf(target)];
  if (from === to) return undefined;
  if (from === undefined) return to === "cli" ? "src/index.ts does not import the command line." : undefined;
  if (to === undefined) return "imports a module of src/ itself; only folders are layers.";
  if (isTest(path) && to === "testing") return undefined;
  const below = allowed[from];
  if (below === undefined) {
    return `src/${from} has no place in the layers; give it one in scripts/tidy/layers.ts.`;
  }
  return below.includes(to)
    ? undefined
    : `src/${from} may not import src/${to}; it may import ${below.join(", ") || "no other folder"}.`;
}

function packageProblem(path: string, specifier: string): string | undefined {
  const folder = folderOf(path);
  if (isTest(path)) return undefined;
  if (/^hitherto(\/|$)/.test(specifier)) return "imports the package by its own name; use a relative path.";
  if (specifier.startsWith("node:")) {
    return folder !== undefined && browserFolders.has(folder)
      ? `src/${folder} runs in a browser, too, and may not import ${specifier}.`
      : undefined;
  }
  if (folder === "core" && !isTypesOnlyPackage(specifier)) {
    return `src/core may not import the package ${specifier}.`;
  }
  return undefined;
}

/** Packages that hold types alone and vanish when compiled. */
function isTypesOnlyPackage(specifier: string): boolean {
  return specifier === "@standard-schema/spec";
}

function folderOf(path: string): string | undefined {
  const [, folder, ...rest] = path.split("/");
  return rest.length === 0 ? undefined : folder;
}
