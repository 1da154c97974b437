/**
 * Writing a file so that it is there as a whole or not at all.
 */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { finished, pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { HithertoError } from "../core/errors.ts";
import { fileProblem } from "./file-problem.ts";
import { TextOutput } from "./text-output.ts";

/** A file being written. Until it is finished it is called `FILE.partial`, and an older file of its name stays. */
export interface OutputFile {
  readonly output: TextOutput;
  /** Makes sure that the content is on the disk and gives the file its name. @throws `FILE_UNWRITABLE` */
  finish(): Promise<void>;
  /** Removes what was written. */
  abandon(): Promise<void>;
}

/** Begins a file; gzipped when its name ends with `.gz`. */
export function createOutputFile(file: string): OutputFile {
  const partial = `${file}.partial`;
  const target = createWriteStream(partial, { flush: true });
  const gzip = file.endsWith(".gz") ? createGzip() : undefined;
  const entrance = gzip ?? target;
  const written = gzip === undefined ? finished(target) : pipeline(gzip, target);
  // A failure is told by whichever comes first, the next write or `finish`.
  written.catch(() => undefined);
  const finish = async (): Promise<void> => {
    try {
      entrance.end();
      await written;
      await rename(partial, file);
    } catch (error) {
      throw new HithertoError("FILE_UNWRITABLE", { file, problem: fileProblem(error) }, { cause: error });
    }
  };
  const abandon = async (): Promise<void> => {
    entrance.destroy();
    target.destroy();
    await rm(partial, { force: true });
  };
  return { output: new TextOutput(entrance, file), finish, abandon };
}
