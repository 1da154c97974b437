import type { Command } from "commander";
import type { BackupOptions, BackupReport } from "../../store/event-store.ts";
import type { Cli } from "../cli.ts";
import { formatBytes, formatCount, formatDuration, printable } from "../format.ts";
import type { Act } from "../program.ts";
import { startProgress } from "../progress.ts";
import type { Progress } from "../progress.ts";

const help = `
Examples:
  $ hitherto backup backups/shop.db --store shop.db
  $ hitherto backup "backups/shop-$(date +%F).db" --store shop.db
  $ hitherto backup /mnt/backup/shop.db --overwrite --store shop.db

Processes may go on writing meanwhile. The backup holds everything of one
moment: events, read models, checkpoints and snapshots. It is verified before it
gets its name; until then the file is called FILE.partial-…, and an older one
stays.

Do not copy the file of a store that is in use with cp or the like: such a copy
is often damaged. A store on PostgreSQL is backed up with pg_dump.`;

/** Adds the command that copies a store in use into one file. */
export function addBackup(program: Command, act: Act): void {
  program
    .command("backup")
    .summary("copy a store in use into one verified file")
    .description("Copies a store into one file, also while processes write to it, and verifies the copy.")
    .argument("<file>", "file to write")
    .option("--overwrite", "replace the file if it exists, once the new backup is complete")
    .addHelpText("after", help)
    .action(act((cli, file: string, options: { overwrite?: boolean }) => backup(cli, file, options)));
}

async function backup(cli: Cli, file: string, { overwrite }: { overwrite?: boolean }): Promise<void> {
  await cli.withStore("read", async (store) => {
    const { report, ms } = await withProgress(cli, (options) =>
      store.backup(file, { ...options, overwrite }),
    );
    const what = `${formatCount(report.events, "event")} to ${printable(file)}`;
    const extent = `up to position ${report.head}, ${formatBytes(report.bytes)}`;
    const text = `Backed up ${what}, ${extent}, copied and verified in ${formatDuration(ms)}.`;
    await cli.out.line(cli.isJson ? JSON.stringify(report) : text);
  });
}

/** Runs a copy under a progress bar for each of its steps. */
export async function withProgress(
  cli: Cli,
  copy: (options: Pick<BackupOptions, "onProgress" | "signal">) => Promise<BackupReport>,
): Promise<{ readonly report: BackupReport; readonly ms: number }> {
  const began = performance.now();
  let bar: { readonly step: string; readonly progress: Progress } | undefined;
  try {
    const report = await copy({
      signal: cli.signal,
      onProgress: (done, total, step) => {
        if (bar?.step !== step) {
          bar?.progress.stop();
          bar = { step, progress: begin(cli, step, total) };
        }
        bar.progress.update(done, done, total);
      },
    });
    return { report, ms: performance.now() - began };
  } finally {
    bar?.progress.stop();
  }
}

function begin(cli: Cli, step: "copy" | "verify", total: number): Progress {
  if (step === "copy") return startProgress(cli, { title: "Copying", total, unit: "bytes" });
  return startProgress(cli, { title: "Verifying", total });
}
