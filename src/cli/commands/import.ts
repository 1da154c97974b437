import { Option } from "commander";
import type { Command } from "commander";
import type { HithertoError } from "../../core/errors.ts";
import { isHithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { ExchangeFormat } from "../../store/exchange/decode-line.ts";
import { importEvents } from "../../store/exchange/import-events.ts";
import type { ImportReport } from "../../store/exchange/import-events.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, printable } from "../format.ts";
import { openInput } from "../input-file.ts";
import type { Input } from "../input-file.ts";
import { integer, permissionsOption } from "../options.ts";
import type { Act } from "../program.ts";
import { startProgress } from "../progress.ts";

interface ImportCommandOptions {
  readonly format: ExchangeFormat | "auto";
  readonly skipInvalid?: boolean;
  readonly batch: number;
  readonly renumber?: boolean;
  readonly filePermissions?: number;
}

const help = `
Examples:
  $ hitherto import shop.ndjson.gz --store copy.db
  $ hitherto import events.ndjson --skip-invalid --store shop.db
  $ curl -s https://example.com/events | hitherto import - --store shop.db

Ids, order, revisions and times stay as they were. An import that was cut short
is simply run again: events that are there already are left as they are.
The store is made if it is not there yet. Gzipped input is recognised by its
content.`;

/** Malformed lines that are shown one by one under --skip-invalid; the others are only counted. */
const invalidShownMax = 20;

/** Adds the command that brings events in. */
export function addImport(program: Command, act: Act): void {
  program
    .command("import")
    .summary("bring exported events, or CloudEvents, into a store")
    .description("Brings events into a store: those that export wrote, or other CloudEvents, one a line.")
    .argument("<file>", "file to read, or - for standard input")
    .addOption(
      new Option("--format <format>", "hitherto, cloudevents, or auto to tell by each line")
        .choices(["auto", "hitherto", "cloudevents"])
        .default("auto"),
    )
    .option("--skip-invalid", "leave out malformed lines and count them")
    .option("--batch <n>", "events to append together", integer(1, limits.eventsPerAppendMax), 500)
    .option("--renumber", "give events the next revision of their stream, whatever it was")
    .option(...permissionsOption)
    .addHelpText("after", help)
    .action(act((cli, file: string, options: ImportCommandOptions) => importCommand(cli, file, options)));
}

async function importCommand(cli: Cli, file: string, options: ImportCommandOptions): Promise<void> {
  const input = await openInput(cli, file);
  await cli.withStore("create", (store) => new Run(cli, store, input).run(options), options);
}

/** One import, and how far it has come. */
class Run {
  readonly #cli: Cli;
  readonly #store: EventStore;
  readonly #input: Input;
  readonly #invalid: Array<HithertoError<"LINE_INVALID">> = [];
  #report: ImportReport = { imported: 0, alreadyThere: 0, invalid: 0, renumbered: 0 };

  constructor(cli: Cli, store: EventStore, input: Input) {
    this.#cli = cli;
    this.#store = store;
    this.#input = input;
  }

  async run(options: ImportCommandOptions): Promise<void> {
    const progress = startProgress(this.#cli, { title: "Importing", total: this.#input.bytes });
    let failure: unknown;
    try {
      await importEvents(this.#store, this.#input.chunks, {
        source: this.#input.name,
        format: options.format,
        batchSize: options.batch,
        renumber: options.renumber,
        signal: this.#cli.signal,
        onInvalid: options.skipInvalid === true ? (error) => this.#keep(error) : undefined,
        onProgress: (report) => {
          this.#report = report;
          progress.update(this.#input.bytesRead(), report.imported + report.alreadyThere);
        },
      });
    } catch (error) {
      failure = error;
    }
    progress.stop();
    await this.#tell(progress.elapsedMs(), failure);
    if (failure !== undefined) throw failure as Error;
  }

  #keep(error: HithertoError<"LINE_INVALID">): void {
    if (this.#invalid.length < invalidShownMax) this.#invalid.push(error);
  }

  async #tell(ms: number, failure: unknown): Promise<void> {
    const cli = this.#cli;
    const invalidLines = this.#invalid.map(({ details }) => ({
      line: details.line,
      problem: details.problem,
    }));
    const isComplete = failure === undefined;
    if (cli.isJson) {
      await cli.out.line(JSON.stringify({ ...this.#report, invalidLines, isComplete }));
      return;
    }
    for (const { message } of this.#invalid) {
      cli.note(`${cli.paint("yellow", "Left out")}: ${printable(message)}`);
    }
    const more = this.#report.invalid - this.#invalid.length;
    if (more > 0) cli.note(`… and ${formatCount(more, "more line")} left out.`);
    await cli.out.line(this.#summary(ms));
    if (isHithertoError(failure, "ABORTED")) cli.note("Interrupted. Run the same command again to go on.");
  }

  #summary(ms: number): string {
    const { imported, alreadyThere, invalid, renumbered } = this.#report;
    const parts = [`Imported ${formatCount(imported, "event")} in ${formatDuration(ms)}`];
    if (alreadyThere > 0) parts.push(`${formatCount(alreadyThere, "event")} already there`);
    if (renumbered > 0) parts.push(`${formatCount(renumbered, "event")} renumbered`);
    if (invalid > 0) parts.push(`${formatCount(invalid, "malformed line")} left out`);
    return `${parts.join("; ")}.`;
  }
}
