import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { HithertoError } from "../../core/errors.ts";
import type { NewEvent } from "../../core/event.ts";
import { parseExactJson } from "../../core/exact-json.ts";
import { limits } from "../../core/limits.ts";
import { definedParts } from "../../core/selections.ts";
import type { AppendResult, EventStore, Expectation } from "../../store/event-store.ts";
import { decodeNewEventLine } from "../../store/exchange/decode-line.ts";
import { readLines } from "../../store/exchange/lines.ts";
import { fileProblem } from "../../store/file-problem.ts";
import type { Cli } from "../cli.ts";
import { formatCount, printable } from "../format.ts";
import { expectation, integer, metadata, permissionsOption, several } from "../options.ts";
import type { Act } from "../program.ts";
import { UsageError } from "../usage-error.ts";

interface AppendCommandOptions {
  readonly type?: string;
  readonly data?: string;
  readonly id?: string;
  readonly expect?: Expectation;
  readonly tag?: readonly string[];
  readonly metadata?: Record<string, unknown>;
  readonly schemaVersion?: number;
  readonly filePermissions?: number;
}

const help = `
Examples:
  $ hitherto append order-17 --type OrderPlaced --data '{"total": 100}' \\
      --expect none --tag customer:7 --store shop.db
  $ hitherto append order-17 --type OrderShipped --data @shipment.json \\
      --expect 0 --metadata userId=ada --store shop.db
  $ hitherto append order-17 --store shop.db < events.ndjson

Without --type, events are read from standard input, one JSON object a line with
"type" and "data" and, if you like, "id", "tags", "metadata", "schemaVersion"
and "recordedAt". All of them are appended, or none.
The store is made if it is not there yet.`;

/** Adds the command that appends events to a stream. */
export function addAppend(program: Command, act: Act): void {
  program
    .command("append")
    .summary("append events to a stream")
    .description("Appends one event, or all events on standard input, to a stream.")
    .argument("<stream>", "name of the stream")
    .option("--type <type>", "type of the event, such as OrderPlaced")
    .option("--data <json>", "data of the event: JSON, @file, or - for standard input (default: {})")
    .option("--id <uuid>", "id of the event; appending it again changes nothing")
    .option(
      "--expect <state>",
      "refuse unless the stream is so: none, exists, any, or its revision",
      expectation,
    )
    .option("--tag <tag>", "tag of the event; repeat for several", several)
    .option("--metadata <key=value>", "metadata of the event, or a JSON object; repeat for several", metadata)
    .option("--schema-version <n>", "version of the shape of the data (default: 1)", integer(1, 65_535))
    .option(...permissionsOption)
    .addHelpText("after", help)
    .action(act((cli, stream: string, options: AppendCommandOptions) => append(cli, stream, options)));
}

async function append(cli: Cli, stream: string, options: AppendCommandOptions): Promise<void> {
  const events =
    options.type === undefined ? await eventsOnInput(cli, stream, options) : [await oneEvent(cli, options)];
  const appendTo = async (store: EventStore): Promise<void> => {
    const result = await store.append({ stream, events, ...definedParts({ expect: options.expect }) });
    await cli.out.line(cli.isJson ? JSON.stringify(result) : inWords(cli, result));
  };
  await cli.withStore("create", appendTo, options);
}

async function oneEvent(cli: Cli, options: AppendCommandOptions): Promise<NewEvent> {
  const { type = "", id, tag, metadata: given, schemaVersion } = options;
  return {
    type,
    data: await dataOf(cli, options.data ?? "{}"),
    id,
    tags: tag,
    metadata: given,
    schemaVersion,
  };
}

async function dataOf(cli: Cli, argument: string): Promise<unknown> {
  const { value, problem } = parseExactJson(await contentOf(cli, argument));
  if (problem !== undefined) throw new UsageError(`--data cannot be taken: ${problem}`);
  return value;
}

async function contentOf(cli: Cli, argument: string): Promise<string> {
  if (argument === "-") return text(cli.surroundings.stdin);
  if (!argument.startsWith("@")) return argument;
  const file = argument.slice(1);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new HithertoError("FILE_UNREADABLE", { file, problem: fileProblem(error) }, { cause: error });
  }
}

async function eventsOnInput(cli: Cli, stream: string, options: AppendCommandOptions): Promise<NewEvent[]> {
  const { stdin } = cli.surroundings;
  for (const name of ["data", "id", "tag", "metadata", "schemaVersion"] as const) {
    if (options[name] !== undefined) throw new UsageError(`--${kebab(name)} needs --type`);
  }
  if (stdin.isTTY === true) {
    throw new UsageError("no event is given; add --type and --data, or pipe events in");
  }
  const events: NewEvent[] = [];
  for await (const lines of readLines(stdin as AsyncIterable<Uint8Array>)) {
    for (const line of lines) events.push(decodeNewEventLine(line, stream, { source: "standard input" }));
    checkCount(events.length);
  }
  return events;
}

function checkCount(actual: number): void {
  const max = limits.eventsPerAppendMax;
  if (actual > max) throw new HithertoError("APPEND_TOO_LARGE", { limit: "eventsPerAppendMax", max, actual });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function inWords(cli: Cli, result: AppendResult): string {
  const [{ stream, firstRevision, revision }] = result.streams as [AppendResult["streams"][number]];
  const count = formatCount(revision - firstRevision + 1, "event");
  const where = cli.paint("cyan", printable(stream));
  const places = `revision ${revision}, position ${result.position}`;
  if (!result.isDuplicate) return `Appended ${count} to ${where}: ${places}.`;
  return `Nothing to do: ${count} of ${where} with ${count === "1 event" ? "this id is" : "these ids are"} there already, up to ${places}.`;
}
