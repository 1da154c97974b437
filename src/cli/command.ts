/**
 * Hands the process to the program, and turns interruption into a signal.
 *
 * The first SIGINT or SIGTERM ends the command in order, the second one at once.
 */
import { open } from "../runtime/open.ts";
import { runProgram } from "./program.ts";
import { exitCodes } from "./surroundings.ts";

/** Runs the command that the process was started with. */
export async function runCommand(version: string): Promise<void> {
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
      interruption.abort();
    });
  }
  // Whoever writes asks its output whether it is still open; nobody else needs to hear of a closed pipe.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

  process.exitCode = await runProgram(process.argv.slice(2), {
    open,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: interruption.signal,
    version,
  });
}
