import { createInterface } from "node:readline/promises";
import type { Cli } from "./cli.ts";
import { exitCodes } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Asks the person at the terminal whether something that cannot be undone is meant. Where nobody can be asked, only
 * `--yes` will do. When the answer is no, the command fails, having changed nothing.
 */
export async function confirm(
  cli: Cli,
  question: string,
  { yes = false }: { readonly yes?: boolean | undefined },
): Promise<boolean> {
  if (yes) return true;
  const { stdin, stderr } = cli.surroundings;
  if (stdin.isTTY !== true || cli.isJson) {
    throw new UsageError("this cannot be undone, and nobody can be asked here; add --yes if it is meant");
  }
  const lines = createInterface({ input: stdin, output: stderr, terminal: false });
  // The end of the input, Ctrl-D, is an answer too; without it the question would stay open for ever.
  const ended = new Promise<string>((resolve) => {
    lines.once("close", () => resolve(""));
  });
  try {
    const asked = lines.question(`${question} [y/N] `, { signal: cli.signal }).catch(() => "");
    const isMeant = /^y(es)?$/i.test((await Promise.race([asked, ended])).trim());
    cli.checkInterrupted("question");
    if (isMeant) return true;
  } finally {
    lines.close();
  }
  cli.note("Nothing was changed.");
  cli.exitCode = exitCodes.failed;
  return false;
}
