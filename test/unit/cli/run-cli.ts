import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { runProgram } from "../../../src/cli/program.ts";
import type { Surroundings } from "../../../src/cli/surroundings.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import type { RuntimeOptions } from "../../../src/runtime/runtime-options.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";

/** What a run of the command came to. */
export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** How a run differs from the usual. */
export interface RunOptions extends Partial<Omit<Surroundings, "stdin" | "stdout" | "stderr">> {
  readonly stdin?: string;
  /** Whether the streams are a terminal. Default false. */
  readonly isTerminal?: boolean;
  readonly columns?: number;
}

/** A command line on one store in memory, which stays when a command closes it. */
export function cliOn(
  bareStore: EventStore = openMemoryStore(),
  runtime?: RuntimeOptions,
): {
  readonly store: Hitherto;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
} {
  const store = createHitherto(bareStore, runtime);
  return {
    store,
    run: (args, options = {}) => runCli(args, { open: async () => staysOpen(store), ...options }),
  };
}

/** Runs the command without a store. */
export async function runCli(args: readonly string[], options: RunOptions): Promise<Outcome> {
  const { stdin = "", isTerminal = false, columns = 80, ...rest } = options;
  const asTerminal = <Stream extends object>(stream: Stream): Stream =>
    isTerminal ? Object.assign(stream, { isTTY: true, columns }) : stream;
  const stdout = asTerminal(new PassThrough());
  const stderr = asTerminal(new PassThrough());
  const written = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await runProgram(args, {
    open: () => Promise.reject(new Error("no store was expected to be opened")),
    stdin: asTerminal(Readable.from(stdin === "" ? [] : [Buffer.from(stdin)])),
    stdout,
    stderr,
    env: { HITHERTO_STORE: "memory:" },
    signal: new AbortController().signal,
    version: "1.2.3",
    ...rest,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { exitCode, out, err };
}

function staysOpen(store: Hitherto): Hitherto {
  return new Proxy(store, {
    get(target, name) {
      if (name === "close") return async () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
