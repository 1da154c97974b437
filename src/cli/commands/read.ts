import type { Command } from "commander";
import { isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { definedParts } from "../../core/selections.ts";
import { momentMs } from "../../store/check-input.ts";
import type { EventStore } from "../../store/event-store.ts";
import { encodeEventLine } from "../../store/exchange/event-line.ts";
import type { Cli } from "../cli.ts";
import { EventRows } from "../event-rows.ts";
import { formatEventBlock } from "../format.ts";
import { addFilterOptions, placeOrEnd, readOptions } from "../options.ts";
import type { FilterOptions } from "../options.ts";
import type { Act } from "../program.ts";
import { UsageError } from "../usage-error.ts";

interface ReadCommandOptions extends Omit<FilterOptions, "from"> {
  readonly from?: number | "end";
  readonly backwards?: boolean;
  readonly follow?: boolean;
  readonly verbose?: boolean;
}

const help = `
Examples:
  $ hitherto read order-17 --store shop.db
  $ hitherto read --category order --since 2026-11-01 --store shop.db
  $ hitherto read --backwards --limit 10 --store shop.db
  $ hitherto read --follow --from end --json --store shop.db | jq .type

Without a stream, the whole log is read. The columns are position, time (UTC),
stream@revision, type and data. With --json each line is the event as JSON, as
export writes it.`;

/** Adds the command that shows events. */
export function addRead(program: Command, act: Act): void {
  const command = program
    .command("read")
    .summary("show the events of a stream or of the whole log")
    .description("Shows the events of a stream, or of the whole log, oldest first.")
    .argument("[stream]", "name of the stream (default: the whole log)");
  addFilterOptions(command, { place: "position (in a stream: revision)", parseFrom: placeOrEnd })
    .option("--backwards", "newest first")
    .option(
      "--follow",
      "go on with what is appended from now on, until interrupted; --from end leaves out the past",
    )
    .option("--verbose", "show everything of each event, over several lines")
    .addHelpText("after", help)
    .action(
      act((cli, stream: string | undefined, options: ReadCommandOptions) => read(cli, stream, options)),
    );
}

async function read(cli: Cli, stream: string | undefined, options: ReadCommandOptions): Promise<void> {
  checkOptions(options);
  const show = showerFor(cli, options.verbose === true);
  await cli.withStore("read", (store) =>
    options.follow === true
      ? follow({ cli, store, stream, show }, options)
      : readPast({ cli, store, stream, show }, options),
  );
}

function checkOptions({ follow: isLive, from, to, until, backwards }: ReadCommandOptions): void {
  if (isLive !== true) {
    if (from === "end") throw new UsageError("--from end needs --follow");
    return;
  }
  if (backwards === true) throw new UsageError("--follow and --backwards exclude each other");
  if (to !== undefined) throw new UsageError("--follow and --to exclude each other");
  if (until !== undefined) throw new UsageError("--follow and --until exclude each other");
}

/** Shows some events; false when nobody looks any more. */
type Show = (events: readonly StoredEvent[]) => Promise<boolean>;

interface Reading {
  readonly cli: Cli;
  readonly store: EventStore;
  readonly stream: string | undefined;
  readonly show: Show;
}

async function readPast({ cli, store, stream, show }: Reading, options: ReadCommandOptions): Promise<void> {
  const what = { ...readOptions(withoutEnd(options)), backwards: options.backwards, signal: cli.signal };
  const events = stream === undefined ? store.read(what) : store.readStream(stream, what);
  let isEmpty = true;
  for await (const page of events.pages()) {
    isEmpty = false;
    if (!(await show(page))) return;
  }
  if (isEmpty) cli.note("There are no such events.");
}

async function follow({ cli, store, stream, show }: Reading, options: ReadCommandOptions): Promise<void> {
  const {
    from,
    to: _to,
    since,
    until: _until,
    limit = Infinity,
    backwards: _backwards,
    ...filter
  } = readOptions(withoutEnd(options));
  const after: number | "end" | undefined = options.from === "end" ? "end" : afterOf(from);
  const sinceMs = since === undefined ? 0 : (momentMs(String(since)) ?? 0);
  let left = limit;
  if (left === 0) return;
  await using subscription = store.subscribe({
    ...filter,
    ...definedParts({ stream, after }),
    signal: cli.signal,
  });
  try {
    for await (const page of subscription.pages()) {
      const events = page.filter((event) => Date.parse(event.recordedAt) >= sinceMs).slice(0, left);
      left -= events.length;
      if (!(await show(events)) || left === 0) return;
    }
  } catch (error) {
    if (!isHithertoError(error, "ABORTED")) throw error;
  }
  cli.checkInterrupted("read");
}

function withoutEnd({ from, ...rest }: ReadCommandOptions): FilterOptions {
  return typeof from === "number" ? { ...rest, from } : rest;
}

function afterOf(from: number | undefined): number | undefined {
  return from === undefined || from === 0 ? undefined : from - 1;
}

function showerFor(cli: Cli, isVerbose: boolean): Show {
  const rows = new EventRows(cli.paint, cli.out.columns);
  const format = (events: readonly StoredEvent[]): string => {
    if (cli.isJson) return events.map((event) => `${encodeEventLine(event)}\n`).join("");
    if (isVerbose) return events.map((event) => `${formatEventBlock(event, cli.paint)}\n\n`).join("");
    return rows.format(events);
  };
  return async (page) => {
    // A page may hold events of megabytes each; no more than a hundred become text at once.
    for (let begin = 0; begin < page.length; begin += 100) {
      if (!(await cli.out.write(format(page.slice(begin, begin + 100))))) return false;
    }
    return true;
  };
}
