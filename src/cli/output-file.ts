/**
 * Writing a file so that it is there as a whole or not at all, and replaces nothing that it was not told to replace.
 */
import type { WriteStream } from "node:fs";
import { constants, lstat, open, stat } from "node:fs/promises";
import { finished, pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { discard, planPartialFile, publish } from "../sqlite/partial-file.ts";
import { fileProblem } from "../store/file-problem.ts";
import { TextOutput } from "./text-output.ts";

/**
 * A file being written. Until it is finished it has a name of its own, `FILE.partial-…`, and an older file stays. What is no
 * ordinary file, such as a named pipe, is written to directly.
 */
export interface OutputFile {
  readonly output: TextOutput;
  /** Makes sure that the content is on the disk and gives the file its name. @throws `FILE_UNWRITABLE` */
  finish(): Promise<void>;
  /** Removes what was written. */
  abandon(): void;
}

/**
 * Begins a file; gzipped when its name ends with `.gz`. Takes the place of an older file only with `overwrite`, and never
 * that of a database or of a symbolic link. @throws `FILE_UNWRITABLE`
 */
export async function createOutputFile(
  name: string,
  { overwrite = false }: { readonly overwrite?: boolean | undefined },
): Promise<OutputFile> {
  const target = await inClearWords(name, () => openTarget(name, overwrite));
  const gzip = name.endsWith(".gz") ? createGzip() : undefined;
  const entrance = gzip ?? target.stream;
  const done = gzip === undefined ? finished(target.stream) : pipeline(gzip, target.stream);
  // A failure is told by whichever comes first, the next write or `finish`.
  done.catch(() => undefined);
  return {
    output: new TextOutput(entrance, name),
    finish: () =>
      inClearWords(name, async () => {
        entrance.end();
        await done;
        target.publish();
      }),
    abandon: () => {
      entrance.destroy();
      target.stream.destroy();
      target.discard();
    },
  };
}

interface Target {
  readonly stream: WriteStream;
  readonly publish: () => void;
  readonly discard: () => void;
}

async function openTarget(name: string, overwrite: boolean): Promise<Target> {
  if (await isSpecial(name, overwrite)) {
    return { stream: await openSpecial(name), publish: () => undefined, discard: () => undefined };
  }
  const file = planPartialFile(name, overwrite);
  const handle = await open(file.path, "wx");
  return { stream: handle.createWriteStream(), publish: () => publish(file), discard: () => discard(file) };
}

/** Whether something is there that is written to directly. Refuses what must not be replaced. */
async function isSpecial(name: string, overwrite: boolean): Promise<boolean> {
  const found = await lstat(name).catch(() => undefined);
  if (found === undefined) return false;
  if (found.isSymbolicLink()) {
    const end = await stat(name).catch(() => undefined);
    if (end !== undefined && !end.isFile() && !end.isDirectory()) return true;
    throw unwritable(name, "it is a symbolic link; name the file that it leads to");
  }
  if (found.isDirectory()) throw unwritable(name, "it is a folder");
  if (!found.isFile()) return true;
  if (await isDatabase(name)) throw unwritable(name, "it is a database, which an export would replace");
  if (!overwrite) throw unwritable(name, "it exists; add --overwrite to replace it");
  return false;
}

/** Opens a pipe or a device, without making or cutting a file that has come in its place. */
async function openSpecial(name: string): Promise<WriteStream> {
  const handle = await open(name, constants.O_WRONLY);
  if ((await handle.stat()).isFile()) {
    await handle.close();
    throw unwritable(name, "it has been replaced by a file");
  }
  return handle.createWriteStream();
}

const databaseMagic = Buffer.from("SQLite format 3\0");

async function isDatabase(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(databaseMagic.length), 0, databaseMagic.length, 0);
    return buffer.equals(databaseMagic);
  } finally {
    await file.close();
  }
}

async function inClearWords<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isHithertoError(error)) throw error;
    throw unwritable(file, fileProblem(error), error);
  }
}

function unwritable(file: string, problem: string, cause?: unknown): HithertoError {
  return new HithertoError("FILE_UNWRITABLE", { file, problem }, { cause });
}
