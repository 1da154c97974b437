/**
 * Splits bytes into numbered lines, holding no more than one line in memory.
 *
 * A line ends with LF or CRLF, or with the end of the input. Blank lines are dropped, but count. A byte order mark at
 * the beginning of a line is dropped, as files that were joined together have several.
 */
import { Buffer } from "node:buffer";
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../check-input.ts";
import { checkOptions } from "../read-options.ts";

/** Bytes of one line, the line end not counted; room for an event of `limits.eventBytesMax` with every byte escaped. */
export const lineBytesMaxDefault: number = 32 * 1024 * 1024;

/** A line of text, or why there is none. Numbers begin at 1. */
export type Line =
  | { readonly number: number; readonly text: string; readonly problem?: undefined }
  | { readonly number: number; readonly text?: undefined; readonly problem: string };

/**
 * Reads lines, in arrays of as many as each chunk completed. A line that is too long or not UTF-8 is given as a problem,
 * and reading goes on behind it.
 *
 * @example
 * ```ts
 * import { createReadStream } from "node:fs";
 * import { readLines } from "hitherto/store";
 * for await (const lines of readLines(createReadStream("events.ndjson"))) console.log(lines.length);
 * ```
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  options: { readonly lineBytesMax?: number | undefined } = {},
): AsyncGenerator<readonly Line[], void> {
  checkLines(chunks, options);
  const splitter = new LineSplitter(options.lineBytesMax ?? lineBytesMaxDefault);
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) fail("chunks", `they must be Uint8Arrays, not ${inWords(chunk)}`);
    const lines = splitter.push(asBuffer(chunk));
    if (lines.length > 0) yield lines;
  }
  const rest = splitter.end();
  if (rest.length > 0) yield rest;
}

/** Refuses what is no source of lines. @throws `ARGUMENT_INVALID` */
export function checkLines(chunks: unknown, options: unknown): void {
  const isSource =
    typeof chunks === "object" &&
    chunks !== null &&
    (Symbol.asyncIterator in chunks || Symbol.iterator in chunks);
  if (!isSource) fail("chunks", `it must be an async iterable of Uint8Arrays, not ${inWords(chunks)}`);
  checkOptions(options);
  const { lineBytesMax } = options as { readonly lineBytesMax?: unknown };
  const isCount = Number.isSafeInteger(lineBytesMax) && (lineBytesMax as number) > 0;
  if (lineBytesMax === undefined || isCount) return;
  fail("lineBytesMax", `it must be an integer from 1, not ${inWords(lineBytesMax)}`);
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}

/**
 * Collects the parts of the line that is under way. Once these exceed the limit they are let go, and `length` alone
 * goes on counting until the line ends.
 */
class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #parts: Buffer[] = [];
  #length = 0;
  #number = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      this.#add(chunk.subarray(start, end));
      this.#finish(lines);
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
    return lines;
  }

  end(): Line[] {
    const lines: Line[] = [];
    if (this.#length > 0) this.#finish(lines);
    return lines;
  }

  #add(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#lineBytesMax) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  #finish(lines: Line[]): void {
    const number = ++this.#number;
    const length = this.#length;
    const parts = this.#parts;
    this.#parts = [];
    this.#length = 0;
    if (length > this.#lineBytesMax) {
      lines.push({ number, problem: `it has ${length} bytes, more than ${this.#lineBytesMax}` });
      return;
    }
    const line = this.#decode(number, Buffer.concat(parts, length));
    if (line !== undefined) lines.push(line);
  }

  #decode(number: number, bytes: Buffer): Line | undefined {
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      return { number, problem: "it is not valid UTF-8" };
    }
    if (text.endsWith("\r")) text = text.slice(0, -1);
    return text.trim() === "" ? undefined : { number, text };
  }
}

const lineFeed = 10;

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
