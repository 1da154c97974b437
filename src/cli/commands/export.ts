import { Option } from "commander";
import type { Command } from "commander";
import { definedParts } from "../../core/selections.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { ExchangeFormat } from "../../store/exchange/decode-line.ts";
import { exportEvents } from "../../store/exchange/export-events.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, printable } from "../format.ts";
import { addFilterOptions, integer, readOptions } from "../options.ts";
import type { FilterOptions } from "../options.ts";
import { createOutputFile } from "../output-file.ts";
import type { Act } from "../program.ts";
import { startProgress } from "../progress.ts";
import type { TextOutput } from "../text-output.ts";
import { UsageError } from "../usage-error.ts";

interface ExportCommandOptions extends FilterOptions {
  readonly format: ExchangeFormat;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly source?: string;
}

const help = `
Examples:
  $ hitherto export --out shop.ndjson.gz --store shop.db
  $ hitherto export --format cloudevents --category order --store shop.db
  $ hitherto export --store shop.db | hitherto import - --store copy.db

What readers see is exported. Events hidden by a policy, a deletion or a
tombstone are not, and neither are policies and tombstones themselves.`;

/** Adds the command that writes events to a file. */
export function addExport(program: Command, act: Act): void {
  const command = program
    .command("export")
    .summary("write events to a file")
    .description("Writes events as lines of JSON, in the order of the log.")
    .addOption(
      new Option("--format <format>", "hitherto, or cloudevents for CloudEvents 1.0")
        .choices(["hitherto", "cloudevents"])
        .default("hitherto"),
    )
    .option("--out <file>", "write to this file, gzipped when it ends with .gz (default: standard output)")
    .option("--overwrite", "replace the file if it exists, once the new one is complete")
    .option("--source <uri>", "source of the CloudEvents (default: /streams/ and the stream's name)");
  addFilterOptions(command, { place: "position", parseFrom: integer(0) })
    .addHelpText("after", help)
    .action(act((cli, options: ExportCommandOptions) => exportCommand(cli, options)));
}

async function exportCommand(cli: Cli, options: ExportCommandOptions): Promise<void> {
  if (options.source !== undefined && options.format !== "cloudevents") {
    throw new UsageError("--source needs --format cloudevents");
  }
  if (options.overwrite === true && options.out === undefined) {
    throw new UsageError("--overwrite needs --out");
  }
  await cli.withStore("read", async (store) => {
    const { events, ms } =
      options.out === undefined
        ? await writeEvents(cli, { store, options, output: cli.openDataOutput() })
        : await writeFile(cli, { store, options, file: options.out });
    await report(cli, { store, options, events, ms });
  });
}

async function writeFile(
  cli: Cli,
  { store, options, file }: { store: EventStore; options: ExportCommandOptions; file: string },
): Promise<{ events: number; ms: number }> {
  const target = await createOutputFile(file, options);
  try {
    const done = await writeEvents(cli, { store, options, output: target.output });
    await target.finish();
    return done;
  } catch (error) {
    target.abandon();
    throw error;
  }
}

async function writeEvents(
  cli: Cli,
  { store, options, output }: { store: EventStore; options: ExportCommandOptions; output: TextOutput },
): Promise<{ events: number; ms: number }> {
  const first = options.from ?? 0;
  const last = Math.min(options.to ?? Infinity, await store.head());
  const progress = startProgress(cli, { title: "Exporting", total: Math.max(1, last - first) });
  const { format, source } = options;
  let events = 0;
  try {
    for await (const chunk of exportEvents(store, { ...readOptions(options), format, source })) {
      cli.checkInterrupted("export");
      if (!(await output.write(chunk.text))) break;
      events += chunk.events;
      progress.update(chunk.position - first, events);
    }
  } finally {
    progress.stop();
  }
  return { events, ms: progress.elapsedMs() };
}

async function report(
  cli: Cli,
  {
    store,
    options,
    events,
    ms,
  }: { store: EventStore; options: ExportCommandOptions; events: number; ms: number },
): Promise<void> {
  const { out, prefix, category } = options;
  if (out === undefined) return;
  const done = `Exported ${formatCount(events, "event")} to ${printable(out)} in ${formatDuration(ms)}.`;
  await cli.out.line(cli.isJson ? JSON.stringify({ file: out, events }) : done);
  let withheld = 0;
  for await (const stream of store.listStreams(definedParts({ prefix }))) {
    const isMeant =
      category === undefined || category.some((name) => stream.stream.split("-", 1)[0] === name);
    if (isMeant && (stream.state === "tombstoned" || Object.keys(stream.policy).length > 0)) withheld += 1;
  }
  if (withheld === 0) return;
  cli.note(`Not in the export: the policies and tombstones of ${formatCount(withheld, "stream")}.`);
}
