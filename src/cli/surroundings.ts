/**
 * What the command line takes from the process around it. Tests hand in their own.
 */
import type { Hitherto } from "../runtime/hitherto.ts";
import type { Diagnostic } from "../store/diagnostic.ts";

/** How a command opens its store: to look, to change what is there, or to make it if it is not there yet. */
export type StoreMode = "read" | "write" | "create";

/** Opens the store at a URL or path. */
export type OpenStore = (
  url: string,
  options: {
    readonly mode: StoreMode;
    /** Of the files of a store that is made. */
    readonly filePermissions?: number | undefined;
    /** Told of what goes wrong in the background. */
    readonly onError: (diagnostic: Diagnostic) => void;
  },
) => Promise<Hitherto>;

/** A stream to write text to, such as `process.stdout`. */
export type OutputStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

/** A stream to read from, such as `process.stdin`. */
export type InputStream = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** What a run of the command has around it. */
export interface Surroundings {
  readonly open: OpenStore;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user interrupts the command. */
  readonly signal: AbortSignal;
  /** Version of the package. */
  readonly version: string;
}

/** The exit codes of the command, documented in `docs/reference/cli.md`. */
export const exitCodes = {
  ok: 0,
  /** It failed, was refused, or found damage. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Ended by the user: 128 and the number of SIGINT. */
  interrupted: 130,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
