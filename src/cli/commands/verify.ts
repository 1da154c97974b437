import type { Command } from "commander";
import type { AnyDecider } from "../../core/decider-types.ts";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { VerifyProblem, VerifyReport } from "../../store/event-store.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, printable } from "../format.ts";
import type { Act } from "../program.ts";
import { startProgress } from "../progress.ts";
import { exitCodes } from "../surroundings.ts";
import { loadDeciders } from "../work/definitions.ts";

interface VerifyCommandOptions {
  readonly definitions?: string;
}

const help = `
Examples:
  $ hitherto verify --store shop.db
  $ hitherto verify --store backups/shop.db
  $ hitherto verify --definitions ./deciders.js --store shop.db

Reads everything and changes nothing. With --definitions, each snapshot of the
deciders that the module exports is compared with the state that its events lead
to. The exit code is 0 when the store is sound and 1 when it is damaged.`;

/** Adds the command that checks a store for damage. */
export function addVerify(program: Command, act: Act): void {
  program
    .command("verify")
    .summary("check a store for damage")
    .description("Checks every checksum, revision, position and index of a store.")
    .option("--definitions <file>", "compare the snapshots of the deciders that this module exports")
    .addHelpText("after", help)
    .action(act((cli, options: VerifyCommandOptions) => verify(cli, options)));
}

async function verify(cli: Cli, { definitions }: VerifyCommandOptions): Promise<void> {
  const deciders = definitions === undefined ? [] : await loadDeciders(definitions);
  await cli.withStore("read", async (store) => {
    const { report, ms } = await verified(cli, store, deciders);
    if (!report.isSound) cli.exitCode = exitCodes.failed;
    await cli.out.line(cli.isJson ? JSON.stringify(report) : inWords(cli, report, ms));
  });
}

async function verified(
  cli: Cli,
  store: Hitherto,
  snapshotsOf: readonly AnyDecider[],
): Promise<{ report: VerifyReport; ms: number }> {
  const { events: total } = await store.stats();
  const progress = startProgress(cli, { title: "Verifying", total });
  try {
    const report = await store.verify({
      snapshotsOf,
      onProgress: (done) => progress.update(done, done),
      signal: cli.signal,
    });
    return { report, ms: progress.elapsedMs() };
  } finally {
    progress.stop();
  }
}

function inWords(cli: Cli, report: VerifyReport, ms: number): string {
  const { isSound, events, streams, problems, problemCount } = report;
  const extent = `${formatCount(events, "event")} in ${formatCount(streams, "stream")}`;
  if (isSound) return `${cli.paint("green", "Sound")}: ${extent}, checked in ${formatDuration(ms)}.`;
  const lines = problems.map((problem) => problemInWords(cli, problem));
  const more = problemCount - problems.length;
  if (more > 0) lines.push(`… and ${formatCount(more, "more problem")}.`);
  const verdict = `${cli.paint("red", "Damaged")}: ${formatCount(problemCount, "problem")} in ${extent}.`;
  return [...lines, verdict, adviceOn(problems)].join("\n");
}

function adviceOn(problems: readonly VerifyProblem[]): string {
  return problems.every(({ kind }) => kind === "snapshot")
    ? "The events are sound. Clear the snapshots of these streams: store.snapshots.clear(stream)."
    : "Do not write to this store; restore a backup, or export what still reads.";
}

function problemInWords(cli: Cli, { kind, message, stream, position }: VerifyProblem): string {
  const places = [
    ...(position === undefined ? [] : [`position ${position}`]),
    ...(stream === undefined ? [] : [`stream ${printable(stream)}`]),
  ];
  const where = places.length === 0 ? "" : cli.paint("dim", ` (${places.join(", ")})`);
  return `${cli.paint("red", kind)}  ${printable(message)}${where}`;
}
