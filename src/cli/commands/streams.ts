import type { Command } from "commander";
import type { ListStreamsOptions, StreamInfo, StreamPolicy } from "../../store/event-store.ts";
import type { Cli } from "../cli.ts";
import { formatDuration, formatNumber, printable, shorten } from "../format.ts";
import { integer } from "../options.ts";
import type { Act } from "../program.ts";
import { renderTable } from "../table.ts";

const help = `
Examples:
  $ hitherto streams --store shop.db
  $ hitherto streams --category order --limit 20 --store shop.db
  $ hitherto streams --json --store shop.db | jq -r .stream

REVISION is that of the last event ever appended, FIRST that of the first event
which reads still return, or - when they return none.`;

/** Streams in one table; a longer list becomes several. */
const tableRows = 500;

/** Adds the command that lists streams. */
export function addStreams(program: Command, act: Act): void {
  program
    .command("streams")
    .summary("list streams")
    .description("Lists streams by name, deleted and tombstoned ones too.")
    .option("--prefix <text>", "only streams whose name begins so")
    .option("--category <name>", "only streams of this category")
    .option("--after <name>", "begin after this name, to go on where an earlier list ended")
    .option("--limit <n>", "at most so many streams", integer(0))
    .addHelpText("after", help)
    .action(act((cli, options: ListStreamsOptions) => streams(cli, options)));
}

async function streams(cli: Cli, options: ListStreamsOptions): Promise<void> {
  await cli.withStore("read", async (store) => {
    let infos: StreamInfo[] = [];
    let isEmpty = true;
    for await (const info of store.listStreams(options)) {
      cli.checkInterrupted("list");
      infos.push(info);
      isEmpty = false;
      if (infos.length < tableRows) continue;
      if (!(await show(cli, infos))) return;
      infos = [];
    }
    if (infos.length > 0) await show(cli, infos);
    if (isEmpty) cli.note("There are no such streams.");
  });
}

function show(cli: Cli, infos: readonly StreamInfo[]): Promise<boolean> {
  if (cli.isJson) return cli.out.write(infos.map((info) => `${JSON.stringify(info)}\n`).join(""));
  const nameWidth = Math.max(20, (cli.out.columns ?? 80) - 40);
  const rows = infos.map((info) => row(cli, info, nameWidth));
  return cli.out.line(
    renderTable(cli, {
      head: ["Stream", "Revision", "First", "State"],
      align: ["left", "right", "right", "left"],
      rows,
    }),
  );
}

function row(
  cli: Cli,
  { stream, revision, firstRevision, state, policy }: StreamInfo,
  nameWidth: number,
): string[] {
  const notes = [...(state === "open" ? [] : [cli.paint("yellow", state)]), ...policyInWords(policy)];
  return [
    cli.paint("cyan", shorten(printable(stream), nameWidth)),
    formatNumber(revision),
    firstRevision === undefined ? "-" : formatNumber(firstRevision),
    notes.join(", "),
  ];
}

function policyInWords({ maxCount, maxAgeMs, truncateBefore }: StreamPolicy): string[] {
  const words: string[] = [];
  if (maxCount !== undefined) words.push(`last ${formatNumber(maxCount)}`);
  if (maxAgeMs !== undefined) words.push(`for ${formatDuration(maxAgeMs)}`);
  if (truncateBefore !== undefined) words.push(`from ${formatNumber(truncateBefore)}`);
  return words;
}
