/**
 * Writing text with back-pressure, for as long as somebody reads it.
 */
import { HithertoError } from "../core/errors.ts";
import { fileProblem } from "../store/file-problem.ts";
import { rawOutput } from "./safe-output.ts";
import type { OutputStream } from "./surroundings.ts";

/**
 * Writes to a stream such as standard output. When the reader goes away (`| head`), writing ends without an error:
 * `write` then gives false, and whoever produces the text stops.
 */
export class TextOutput {
  readonly #stream: OutputStream;
  readonly #name: string;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(stream: OutputStream, name: string) {
    this.#stream = stream;
    this.#name = name;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      this.#failure ??= error;
    });
  }

  /** Characters in a line; undefined unless it is a terminal. */
  get columns(): number | undefined {
    return this.#stream.isTTY === true ? (this.#stream.columns ?? 80) : undefined;
  }

  /** Lines that a terminal shows at once; no end of them elsewhere. */
  get rows(): number {
    return this.#stream.isTTY === true ? (this.#stream.rows ?? 24) : Number.POSITIVE_INFINITY;
  }

  /** Whether text still arrives. @throws `FILE_UNWRITABLE` */
  get isOpen(): boolean {
    if (this.#failure === undefined) return true;
    if (this.#failure.code === "EPIPE") return false;
    const problem = fileProblem(this.#failure);
    throw new HithertoError("FILE_UNWRITABLE", { file: this.#name, problem }, { cause: this.#failure });
  }

  /**
   * Writes; waits, if there is no room for more, until the text is out. False when nobody reads any more.
   *
   * @throws `FILE_UNWRITABLE`
   */
  write(text: string): Promise<boolean> {
    return this.#writeTo(this.#stream, text);
  }

  /**
   * Writes as {@link TextOutput.write} does, and lets pass what moves the cursor. The caller has made everything else in it
   * visible. @throws `FILE_UNWRITABLE`
   */
  draw(text: string): Promise<boolean> {
    return this.#writeTo(rawOutput(this.#stream), text);
  }

  /** Writes a line. */
  line(text: string): Promise<boolean> {
    return this.write(`${text}\n`);
  }

  async #writeTo(stream: OutputStream, text: string): Promise<boolean> {
    if (!this.isOpen) return false;
    await new Promise<void>((resolve) => {
      const hasRoom = stream.write(text, (error) => {
        if (error) this.#failure ??= error;
        resolve();
      });
      if (hasRoom) resolve();
    });
    return this.isOpen;
  }
}
