/**
 * Whether the SQLite at hand is free of the WAL-reset race (https://www.sqlite.org/wal.html#walresetbug): in older ones,
 * a checkpoint in one connection and a commit in another that begins the log again can damage the file. The checkpoint
 * thread runs beside the writer, and other processes run beside both, so nothing but the version avoids it.
 */
import { HithertoError } from "../core/errors.ts";

/** Fixed in 3.51.3, and in later releases of two older lines. */
const fixedIn = [3, 51, 3] as const;
const fixedInLine: Readonly<Record<string, number>> = { "3.50": 7, "3.44": 6 };

/** Whether a version of SQLite has the fix. One that cannot be read counts as newer than what is known here. */
export function isSoundSqlite(version: string): boolean {
  const [, ...digits] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  if (digits.length === 0) return true;
  const [major = 0, minor = 0, patch = 0] = digits.map(Number);
  const fixedPatch = fixedInLine[`${major}.${minor}`];
  if (fixedPatch !== undefined) return patch >= fixedPatch;
  const [fixedMajor, fixedMinor, fixedIn3] = fixedIn;
  if (major !== fixedMajor) return major > fixedMajor;
  return minor === fixedMinor ? patch >= fixedIn3 : minor > fixedMinor;
}

/** Refuses to open a store with a SQLite that can damage it. @throws `SQLITE_UNSOUND` */
export function checkSqlite(store: string, version: string | undefined = process.versions["sqlite"]): void {
  if (version === undefined || isSoundSqlite(version)) return;
  throw new HithertoError("SQLITE_UNSOUND", { store, version, node: process.version });
}
