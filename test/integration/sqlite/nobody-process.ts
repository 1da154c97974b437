/**
 * Looks into a store as a user may who has no rights but those that the permissions give. As root, nothing is forbidden, so
 * root's tests run this program with another user's id. Prints what each way of reading came to, as JSON.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../../../src/cli/program.ts";
import { isHithertoError } from "../../../src/core/errors.ts";
import { open } from "../../../src/runtime/open.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";

const path = process.argv[2]!;
const results: Record<string, unknown> = {};

async function attempt(name: string, run: () => Promise<unknown>): Promise<void> {
  try {
    results[name] = await run();
  } catch (error) {
    results[name] = isHithertoError(error) ? error.toJSON() : String(error);
  }
}

await attempt("read", async () => {
  await using store = await openSqliteStore(path, { mode: "read" });
  return (await store.read().toArray()).length;
});
await attempt("verify", async () => {
  await using store = await openSqliteStore(path, { mode: "read" });
  return (await store.verify()).isSound;
});
await attempt("backup", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-nobody-"));
  try {
    await using store = await openSqliteStore(path, { mode: "read" });
    return (await store.backup(join(folder, "copy.db"))).events;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
await attempt("write", async () => {
  await using _ = await openSqliteStore(path, { mode: "write" });
});
const commands = [
  ["stats"],
  ["verify"],
  ["streams"],
  ["read"],
  ["export"],
  ["projections", "list"],
  ["consumers", "list"],
  ["parked", "list"],
];
for (const command of commands) {
  await attempt(`hitherto ${command.join(" ")}`, () =>
    runProgram([...command, "--store", path, "--json"], {
      open,
      stdin: process.stdin,
      // The results alone go to standard output.
      stdout: process.stderr,
      stderr: process.stderr,
      env: {},
      signal: new AbortController().signal,
      version: "1.2.3",
    }),
  );
}
console.log(JSON.stringify(results));
