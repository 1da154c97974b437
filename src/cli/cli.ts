/**
 * What every command is handed: its surroundings, made convenient, and the options that all commands share.
 */
import { HithertoError } from "../core/errors.ts";
import type { Hitherto } from "../runtime/hitherto.ts";
import type { Diagnostic } from "../store/diagnostic.ts";
import { paintFor } from "./colours.ts";
import type { Paint } from "./colours.ts";
import { printable } from "./format.ts";
import { rawOutput } from "./safe-output.ts";
import type { ExitCode, StoreMode, Surroundings } from "./surroundings.ts";
import { exitCodes } from "./surroundings.ts";
import { TextOutput } from "./text-output.ts";
import { UsageError } from "./usage-error.ts";

/** The options that every command has. */
export interface CommonOptions {
  readonly store?: string;
  readonly json?: boolean;
}

/** One run of the command. */
export class Cli {
  readonly surroundings: Surroundings;
  readonly out: TextOutput;
  readonly paint: Paint;
  /** What the process ends with. */
  exitCode: ExitCode = exitCodes.ok;
  readonly #options: CommonOptions;

  constructor(surroundings: Surroundings, options: CommonOptions) {
    this.surroundings = surroundings;
    this.out = new TextOutput(surroundings.stdout, "standard output");
    this.paint = paintFor(surroundings.stdout, surroundings.env);
    this.#options = options;
  }

  /** Whether output is for programs. */
  get isJson(): boolean {
    return this.#options.json === true;
  }

  /** Where an export goes: into a program or a file as it is, byte for byte, and only to a terminal made visible. */
  openDataOutput(): TextOutput {
    const { stdout } = this.surroundings;
    return stdout.isTTY === true ? this.out : new TextOutput(rawOutput(stdout), "standard output");
  }

  /** Aborted when the user interrupts the command. */
  get signal(): AbortSignal {
    return this.surroundings.signal;
  }

  /** A line for the person at the terminal, beside the output; not written under `--json`. */
  note(text: string): void {
    if (!this.isJson) this.surroundings.stderr.write(`${text}\n`);
  }

  /** The store that the command names. @throws an error of usage when it names none */
  storeUrl(): string {
    const url = this.#options.store ?? this.surroundings.env["HITHERTO_STORE"];
    if (url === undefined || url === "") {
      throw new UsageError("no store is named; give --store URL or set HITHERTO_STORE");
    }
    return url;
  }

  /**
   * Runs `use` on the store that the command names, and closes it. Only `create` makes a store: an empty one must not
   * come of a misspelt path.
   */
  async withStore(
    mode: StoreMode,
    use: (store: Hitherto) => Promise<void>,
    { filePermissions }: { readonly filePermissions?: number | undefined } = {},
  ): Promise<void> {
    const onError = (diagnostic: Diagnostic): void => this.#sayTrouble(diagnostic);
    const store = await this.surroundings.open(this.storeUrl(), { mode, onError, filePermissions });
    try {
      await use(store);
    } finally {
      await store.close();
    }
  }

  /** Ends a command that was interrupted. @throws `ABORTED` */
  checkInterrupted(operation: string): void {
    if (this.signal.aborted) throw new HithertoError("ABORTED", { operation });
  }

  /** What projections fail on is shown by the commands that run them. */
  #sayTrouble({ operation, error, isOver = false }: Diagnostic): void {
    if (operation === "projection") return;
    const message = error instanceof Error ? error.message : String(error);
    this.note(
      `${this.paint("yellow", `In the background (${operation}${isOver ? ", over" : ""})`)}: ${printable(message)}`,
    );
  }
}
