/**
 * A database that is being written next to its final name: `NAME.partial-PROCESS-RANDOM`. It gets the final name when it
 * is complete and synced, so that under that name there is a whole file or none.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { HithertoError } from "../core/errors.ts";
import { fileProblem } from "../store/file-problem.ts";
import { openDatabase } from "./driver.ts";

/** A file that is being written. */
export interface PartialFile {
  /** Its name until it is complete. */
  readonly path: string;
  /** Its final name. */
  readonly target: string;
  /** Whether a file of the final name is replaced. */
  readonly overwrite: boolean;
}

/** What SQLite keeps next to a database. */
const companions = ["-journal", "-wal", "-shm"] as const;

/**
 * Chooses the name of a file to be written, and removes what processes that have died left there.
 *
 * @throws `FILE_UNWRITABLE` when the final name is taken and not to be overwritten, or a journal of another database is there
 */
export function planPartialFile(target: string, overwrite: boolean): PartialFile {
  inFileWords(target, () => {
    checkTarget(target, overwrite);
    removeLeftovers(target);
  });
  const path = `${target}.partial-${process.pid}-${randomBytes(4).toString("hex")}`;
  return { path, target, overwrite };
}

/** Syncs the file and gives it its final name. @throws `FILE_UNWRITABLE` */
export function publish({ path, target, overwrite }: PartialFile): void {
  inFileWords(target, () => {
    syncFile(path);
    checkTarget(target, overwrite);
    renameSync(path, target);
    syncFolder(dirname(target));
  });
}

/** Removes the file, if it was not published. Nobody may have it open. What cannot be removed stays for the next copy. */
export function discard({ path }: PartialFile): void {
  for (const suffix of ["", ...companions]) {
    try {
      rmSync(path + suffix, { force: true });
    } catch {
      // Why the copy failed is the error to be seen.
    }
  }
}

/** Runs file operations. @throws `FILE_UNWRITABLE` for what they fail with */
export function inFileWords<Result>(file: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    if (error instanceof HithertoError) throw error;
    throw unwritable(file, fileProblem(error), error);
  }
}

/** SQLite would take a journal that another database left for one of the new file, and damage it. */
function checkTarget(target: string, overwrite: boolean): void {
  const suffix = companions.find((end) => target.endsWith(end));
  if (suffix !== undefined) {
    throw unwritable(target, `SQLite takes a file whose name ends with ${suffix} for a part of another one`);
  }
  const found = statSync(target, { throwIfNoEntry: false });
  if (found?.isFile() === false) throw unwritable(target, "it is there, and is not a file");
  if (found !== undefined && !overwrite) throw unwritable(target, "it exists, and is not replaced");
  const journal = findJournal(target);
  if (journal === undefined) return;
  if (found === undefined) {
    throw unwritable(target, `${journal} is of another database and would damage it: move it away`);
  }
  settle(target);
  const left = findJournal(target);
  if (left !== undefined) throw unwritable(target, `it is a database that is in use: ${left} exists`);
}

function findJournal(target: string): string | undefined {
  return companions.map((suffix) => target + suffix).find((path) => existsSync(path));
}

/** Who only reads a database leaves files next to it; opened for writing and closed, it has none, unless it is in use. */
function settle(target: string): void {
  try {
    const db = openDatabase(target, { isReadOnly: false, busyTimeoutMs: 0 });
    try {
      db.prepare("SELECT count(*) FROM sqlite_schema").get();
    } finally {
      db.close();
    }
  } catch {
    // Then the files are still there.
  }
}

function syncFile(path: string): void {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A new name has survived the loss of power once its folder is synced. Windows syncs no folders. */
function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** What follows in the name of a partial file. Others, such as `.partial-2026-11-28`, are somebody else's. */
const leftover = /^(\d+)-[\da-f]{8}(?:-journal|-wal|-shm)?$/u;

function removeLeftovers(target: string): void {
  const [folder, start] = [dirname(target), `${basename(target)}.partial-`];
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(start) ? leftover.exec(name.slice(start.length))?.[1] : undefined;
    if (pid === undefined || isInUse(join(folder, name), Number(pid))) continue;
    rmSync(join(folder, name), { force: true });
  }
}

/** Whether the process that wrote a file may still be writing it. */
function isInUse(path: string, pid: number): boolean {
  if (pid === process.pid) {
    // In a container each start has the same number: then an old file is of an earlier start.
    const startedMs = Date.now() - process.uptime() * 1_000;
    return (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > startedMs - 1_000;
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function unwritable(file: string, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("FILE_UNWRITABLE", { file, problem }, { cause });
}
