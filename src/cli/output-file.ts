/**
 * Writing a file so that it is there as a whole or not at all.
 */
import { createWriteStream } from "node:fs";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { finished, pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { fileProblem } from "../store/file-problem.ts";
import { TextOutput } from "./text-output.ts";

/**
 * A file being written. Until it is finished it is called `FILE.partial`, and an older file of its name stays. What is no
 * ordinary file, such as a named pipe, is written to directly.
 */
export interface OutputFile {
  readonly output: TextOutput;
  /** Makes sure that the content is on the disk and gives the file its name. @throws `FILE_UNWRITABLE` */
  finish(): Promise<void>;
  /** Removes what was written. */
  abandon(): Promise<void>;
}

/** Begins a file; gzipped when its name ends with `.gz`. Refuses to take the place of a database. @throws `FILE_UNWRITABLE` */
export async function createOutputFile(name: string): Promise<OutputFile> {
  const { path, isDirect } = await inClearWords(name, () => examine(name));
  const written = isDirect ? path : `${path}.partial`;
  const target = createWriteStream(written, { flush: !isDirect });
  const gzip = name.endsWith(".gz") ? createGzip() : undefined;
  const entrance = gzip ?? target;
  const done = gzip === undefined ? finished(target) : pipeline(gzip, target);
  // A failure is told by whichever comes first, the next write or `finish`.
  done.catch(() => undefined);
  return {
    output: new TextOutput(entrance, name),
    finish: () =>
      inClearWords(name, async () => {
        entrance.end();
        await done;
        if (!isDirect) await rename(written, path);
      }),
    abandon: async () => {
      entrance.destroy();
      target.destroy();
      if (!isDirect) await rm(written, { force: true });
    },
  };
}

/** Where a link leads to, and whether something is there that must not be replaced by a file. */
async function examine(name: string): Promise<{ path: string; isDirect: boolean }> {
  const before = await stat(name).catch(() => undefined);
  if (before === undefined) return { path: name, isDirect: false };
  if (before.isFile() && (await isDatabase(name))) {
    const problem = "it is a database, which an export would replace";
    throw new HithertoError("FILE_UNWRITABLE", { file: name, problem });
  }
  return { path: await realpath(name), isDirect: !before.isFile() };
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
    throw new HithertoError("FILE_UNWRITABLE", { file, problem: fileProblem(error) }, { cause: error });
  }
}
