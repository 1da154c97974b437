/**
 * Reads a CSV file of any size in pages, with exact line numbers, and recovers from bad records without losing a
 * line: a record that is not valid costs one physical line, and reading goes on at the next one. (csv-parse's own
 * `skip_records_with_error` does not do here: after a stray quote it swallows the lines up to the next quote.)
 *
 * Only whole lines enter a page. A quoted field may hold line breaks; where a page ends within one, the rest waits
 * for the next page, up to `recordBytesMax`: beyond it, the quote counts as never closed.
 */
import { createReadStream, type ReadStream } from "node:fs";
import { createGunzip, type Gunzip } from "node:zlib";
import { parse } from "csv-parse/sync";
import { HithertoError } from "hitherto/core";

/** Makes a value of a record's fields, or throws {@link InvalidRecord}. */
export type RecordDecoder<Row> = (fields: readonly string[], line: number) => Row;

/** A line of the file that could not be read. */
export interface InvalidLine {
  /** Counted from 1, the header included. */
  readonly line: number;
  readonly problem: string;
  /** The physical line as it stands in the file, without its line break. */
  readonly text: string;
}

/** What one page of the file held. */
export interface CsvPage<Row> {
  readonly rows: readonly Row[];
  readonly invalid: readonly InvalidLine[];
}

/** Thrown by a {@link RecordDecoder} to refuse a record; the message says what is wrong with it. */
export class InvalidRecord extends Error {
  override readonly name = "InvalidRecord";
}

/** The longest record that can be read, in bytes. */
export const recordBytesMax: number = 64 * 1024;

const pageBytes = 256 * 1024;
const newline = 10;
const carriageReturn = 13;

/**
 * Reads a CSV file page by page; a name that ends in `.gz` is decompressed.
 *
 * @throws `FILE_UNREADABLE`, also for a file that is not whole; `LINE_INVALID` for a line without end.
 */
export async function* readCsv<Row>(path: string, decode: RecordDecoder<Row>): AsyncIterable<CsvPage<Row>> {
  let line = 1;
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of readBytes(path)) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    const page = parsePage(bytes.subarray(0, end), { line, decode, isLast: false });
    line = page.nextLine;
    rest = bytes.subarray(page.nextOffset);
    if (rest.length > recordBytesMax * 2) throw lineTooLong(path, line);
    if (page.rows.length + page.invalid.length > 0) yield page;
  }
  yield parsePage(Buffer.from(rest), { line, decode, isLast: true });
}

interface PageContext<Row> {
  readonly line: number;
  readonly decode: RecordDecoder<Row>;
  readonly isLast: boolean;
}

interface ParsedPage<Row> extends CsvPage<Row> {
  readonly nextLine: number;
  /** Where the bytes begin that have to wait for the next page. */
  readonly nextOffset: number;
}

function parsePage<Row>(bytes: Buffer, context: PageContext<Row>): ParsedPage<Row> {
  const rows: Row[] = [];
  const invalid: InvalidLine[] = [];
  const cursor = new LineCursor(bytes, context.line);
  while (cursor.skipBlankLines()) {
    const problem = parseRecords(cursor, context.decode, rows);
    if (problem === undefined) break;
    if (problem === unclosedQuote && !context.isLast && cursor.remaining < recordBytesMax) break;
    invalid.push({ line: cursor.line, problem, text: cursor.takeLine() });
  }
  return { rows, invalid, nextLine: cursor.line, nextOffset: cursor.offset };
}

const unclosedQuote = "a quote is never closed";

/** Parses records until the page ends or one is not valid; then says why and leaves the cursor at its first line. */
function parseRecords<Row>(cursor: LineCursor, decode: RecordDecoder<Row>, rows: Row[]): string | undefined {
  const start = cursor.offset;
  try {
    parse(cursor.bytes.subarray(start), {
      bom: true,
      record_delimiter: ["\r\n", "\n"],
      relax_column_count: true,
      skip_empty_lines: true,
      on_record: (fields: string[], info) => {
        cursor.skipBlankLines();
        rows.push(decode(fields, cursor.line));
        cursor.moveTo(start + info.bytes_records);
        return null;
      },
    });
    return undefined;
  } catch (error) {
    return problemInWords(error);
  }
}

function problemInWords(error: unknown): string {
  if (error instanceof InvalidRecord) return error.message;
  const code = (error as { readonly code?: unknown }).code;
  if (code === "CSV_QUOTE_NOT_CLOSED") return unclosedQuote;
  if (code === "CSV_INVALID_CLOSING_QUOTE") {
    return "a closing quote is not followed by a comma or the line's end";
  }
  if (code === "INVALID_OPENING_QUOTE") return "a quote stands inside a field that does not begin with one";
  throw error;
}

/** A place in a page: its offset in bytes and its line in the file, moved together. */
class LineCursor {
  readonly bytes: Buffer;
  offset = 0;
  line: number;

  constructor(bytes: Buffer, line: number) {
    this.bytes = bytes;
    this.line = line;
  }

  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** Moves to the next line that is not empty; false at the end of the page. */
  skipBlankLines(): boolean {
    for (; this.offset < this.bytes.length; this.offset += 1) {
      const byte = this.bytes[this.offset];
      if (byte === newline) this.line += 1;
      else if (byte !== carriageReturn) return true;
    }
    return false;
  }

  moveTo(offset: number): void {
    let at = this.bytes.indexOf(newline, this.offset);
    while (at >= 0 && at < offset) {
      this.line += 1;
      at = this.bytes.indexOf(newline, at + 1);
    }
    this.offset = offset;
  }

  /** Moves past the physical line and returns its text. */
  takeLine(): string {
    const at = this.bytes.indexOf(newline, this.offset);
    const end = at < 0 ? this.bytes.length : at;
    const text = this.bytes.toString("utf8", this.offset, end).trimEnd();
    this.offset = Math.min(end + 1, this.bytes.length);
    this.line += 1;
    return text;
  }
}

async function* readBytes(path: string): AsyncIterable<Uint8Array> {
  const file = createReadStream(path, { highWaterMark: pageBytes });
  try {
    yield* path.endsWith(".gz") ? file.pipe(gunzipOf(file)) : (file as AsyncIterable<Uint8Array>);
  } catch (cause) {
    throw new HithertoError("FILE_UNREADABLE", { file: path, problem: fileProblem(cause) }, { cause });
  } finally {
    file.destroy();
  }
}

/** A pipe does not carry the source's errors on. */
function gunzipOf(file: ReadStream): Gunzip {
  const gunzip = createGunzip({ chunkSize: pageBytes });
  file.on("error", (error) => gunzip.destroy(error));
  return gunzip;
}

function fileProblem(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message: string };
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a folder";
  return code?.startsWith("Z_") === true ? `it is not a whole gzip file (${message})` : message;
}

function lineTooLong(path: string, line: number): HithertoError {
  const problem = `it has no end within ${2 * recordBytesMax} bytes`;
  return new HithertoError("LINE_INVALID", { source: path, line, problem });
}
