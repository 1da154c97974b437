import { once } from "node:events";
import { createInterface } from "node:readline";
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
  stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: stdin });
  try {
    const { signal } = cli;
    // The end of the input, Ctrl-D, is an answer too; without it the question would stay open for ever.
    const answers = [once(lines, "line", { signal }), once(lines, "close", { signal })];
    const [answer = ""] = (await Promise.race(answers).catch(() => [])) as [string?];
    cli.checkInterrupted("question");
    if (/^y(es)?$/i.test(answer.trim())) return true;
  } finally {
    lines.close();
  }
  cli.note("Nothing was changed.");
  cli.exitCode = exitCodes.failed;
  return false;
}
