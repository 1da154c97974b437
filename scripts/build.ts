// Compiles src/ to dist/: ES modules, declarations and source maps. The new folder replaces the old one only when it
// is whole, so that whoever imports dist/ meanwhile never sees half of it.
import { chmodSync, existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, runVisibly } from "./lib/workspace.ts";

const dist = join(root, "dist");
const fresh = join(root, `.dist-${process.pid}`);

/**
 * The compiler rewrites `./x.ts` to `./x.js` in JavaScript but not in declarations, where older compilers and tools
 * trip over it. Both extensions are equally long, so the declaration maps stay right.
 */
function rewriteDeclarationImports(folder: string): void {
  for (const file of globSync("**/*.d.ts", { cwd: folder })) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    const rewritten = text.replaceAll(/((?:\bfrom |\bimport\(|\bimport )"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
    if (rewritten !== text) writeFileSync(path, rewritten);
  }
}

rmSync(fresh, { recursive: true, force: true });
const status = runVisibly("tsc", ["-p", "tsconfig.build.json", "--outDir", fresh]);
if (status === 0) {
  rewriteDeclarationImports(fresh);
  const cli = join(fresh, "cli/main.js");
  if (existsSync(cli)) chmodSync(cli, 0o755);
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
} else {
  rmSync(fresh, { recursive: true, force: true });
}
process.exitCode = status;
