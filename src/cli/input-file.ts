/**
 * Reading files and standard input, plain or gzipped, without holding them in memory.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal, pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { fileProblem } from "../store/file-problem.ts";
import type { Cli } from "./cli.ts";

/** Bytes to import. */
export interface Input {
  /** For messages. */
  readonly name: string;
  /** The content, unzipped. Fails with `FILE_UNREADABLE`, or `ABORTED` when the user interrupts the wait for it. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Size of the file as it is on disk; undefined for standard input. */
  readonly bytes: number | undefined;
  /** How much of it has been read so far. */
  bytesRead(): number;
}

/** Opens a file, or standard input for `-`. Whether it is gzipped shows in its first bytes. @throws `FILE_UNREADABLE` */
export async function openInput(cli: Cli, file: string): Promise<Input> {
  let read = 0;
  const isStandard = file === "-";
  const bytes = isStandard ? undefined : await sizeOf(file);
  const source = isStandard ? standardInput(cli) : createReadStream(file, { highWaterMark: 256 * 1024 });
  async function* counted(): AsyncGenerator<Buffer, void> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      read += chunk.length;
      yield chunk;
    }
  }
  const name = isStandard ? "standard input" : file;
  return { name, bytes, bytesRead: () => read, chunks: withClearErrors(name, unzipped(counted())) };
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const { size } = await stat(file);
    // Named pipes have no size of their own.
    return size === 0 ? undefined : size;
  } catch (error) {
    throw unreadable(file, error);
  }
}

function standardInput(cli: Cli): Readable {
  return addAbortSignal(cli.signal, cli.surroundings.stdin as Readable);
}

async function* withClearErrors(
  file: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunks;
  } catch (error) {
    if (isHithertoError(error)) throw error;
    if (error instanceof Error && error.name === "AbortError") {
      throw new HithertoError("ABORTED", { operation: "import" }, { cause: error });
    }
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): HithertoError {
  return new HithertoError("FILE_UNREADABLE", { file, problem: fileProblem(error) }, { cause: error });
}

const gzipMagic = Buffer.from([0x1f, 0x8b]);

async function* unzipped(chunks: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer, void> {
  let begin: Buffer = Buffer.alloc(0);
  while (begin.length < gzipMagic.length) {
    const next = await chunks.next();
    if (next.done === true) break;
    begin = Buffer.concat([begin, next.value]);
  }
  const whole = preceded(begin, chunks);
  if (begin.subarray(0, gzipMagic.length).equals(gzipMagic)) yield* gunzipped(whole);
  else yield* whole;
}

async function* preceded(begin: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  if (begin.length > 0) yield begin;
  yield* rest;
}

async function* gunzipped(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  // Its errors reach whoever iterates.
  pipeline(Readable.from(chunks), gunzip, () => undefined);
  yield* gunzip as AsyncIterable<Buffer>;
}
