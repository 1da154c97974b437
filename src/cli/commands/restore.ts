import type { Command } from "commander";
import { restore } from "../../runtime/restore.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, printable } from "../format.ts";
import type { Act } from "../program.ts";
import { withProgress } from "./backup.ts";

const help = `
Examples:
  $ hitherto restore backups/shop.db --store restored.db
  $ mv shop.db shop.db.old && hitherto restore backups/shop.db --store shop.db

The backup is copied and verified before the store gets its name; the backup
stays as it is. Nothing is replaced: end the processes that use the old store,
and move its file and its -wal and -shm files away.

What was appended after the backup is gone, and its positions are given out
again. So whatever outside of the store remembers a position above the head that
is shown (a subscriber's place, a cache, a search index) must begin again there.`;

/** Adds the command that makes a store of a backup. */
export function addRestore(program: Command, act: Act): void {
  program
    .command("restore")
    .summary("make a store of a backup")
    .description("Makes a new store of a backup, and verifies it before it gets its name.")
    .argument("<backup>", "file that backup made")
    .addHelpText("after", help)
    .action(act((cli, backup: string) => restoreCommand(cli, backup)));
}

async function restoreCommand(cli: Cli, backup: string): Promise<void> {
  const url = cli.storeUrl();
  const { report, ms } = await withProgress(cli, (options) => restore(backup, url, options));
  const what = `${formatCount(report.events, "event")} in ${formatCount(report.streams, "stream")}`;
  const how = `copied and verified in ${formatDuration(ms)}`;
  const text = `Restored ${what} to ${printable(report.path)}, ${how}. The head is ${report.head}.`;
  await cli.out.line(cli.isJson ? JSON.stringify(report) : text);
  cli.note(
    `Positions above ${report.head} are given out again: whatever outside of the store remembers one must begin again.`,
  );
}
