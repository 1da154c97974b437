/**
 * Strips the types from src/ once for a whole test run, so that the worker threads of the stores under test start from
 * JavaScript, as they do in the built package; `load.mjs` beside this gives it to them.
 *
 * Without it Node strips types in each thread, with WebAssembly. V8 keeps one list of all code in a process, and
 * WebAssembly that comes and goes with threads has it find that list wrong now and then ("Check failed:
 * jit_page.has_value()"), which ends the process: SIGTRAP or SIGSEGV, four test files in one run on a busy machine.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../../src/", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "hitherto-threads-"));

/** Vitest calls this before the tests. */
export function setup(): void {
  for (const file of globSync("**/*.ts", { cwd: source, exclude: ["**/*.test.ts"] })) {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, stripTypeScriptTypes(readFileSync(join(source, file), "utf8")));
  }
  process.env["HITHERTO_TEST_STRIPPED"] = folder;
}

/** And this after them. */
export function teardown(): void {
  rmSync(folder, { recursive: true, force: true });
}
