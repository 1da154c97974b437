import type { Command } from "commander";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ParkedEvent, ParkedOwner } from "../../runtime/work-admin.ts";
import type { Cli } from "../cli.ts";
import type { Style } from "../colours.ts";
import { confirm } from "../confirm.ts";
import { formatCount, formatEventBlock, formatNumber, printable, shorten } from "../format.ts";
import { integer } from "../options.ts";
import type { Act } from "../program.ts";
import { renderTable } from "../table.ts";
import {
  addOwnerOptions,
  addSelectionOptions,
  findOwner,
  getSelection,
  ownerInWords,
} from "../work/selection.ts";
import type { OwnerOptions, SelectionOptions } from "../work/selection.ts";
import { said } from "../work/work-commands.ts";
import { addReplay } from "./parked-replay.ts";

const help = `
Examples:
  $ hitherto parked list --consumer emails --store shop.db
  $ hitherto parked show --consumer emails --position 4711 --store shop.db
  $ hitherto parked replay --consumer emails --key order-17 --store shop.db
  $ hitherto parked discard --consumer emails --position 4711 --store shop.db

A parked event is one whose handler went on failing. It holds back the later
events of its own key, and nobody else's. Look at it, mend the cause, then
replay it; or discard it.`;

/** Adds the commands that look after parked events. */
export function addParked(program: Command, act: Act): void {
  const group = program
    .command("parked")
    .summary("look after events that could not be handled")
    .description("Looks after parked events: those that a consumer or a projection could not handle.")
    .helpCommand(false)
    .addHelpText("after", help);
  addList(group, act);
  addShow(group, act);
  addReplay(group, act);
  addDiscard(group, act);
}

/** Parked events in one table; a longer list becomes several. */
const tableRows = 500;

interface ListOptions extends OwnerOptions {
  readonly key?: string;
  readonly limit?: number;
}

function addList(group: Command, act: Act): void {
  addOwnerOptions(
    group
      .command("list")
      .summary("list parked events")
      .description(
        "Lists parked events, in order of key and position; all of the store, or those of an owner.",
      ),
  )
    .option("--key <key>", "those of this key")
    .option("--limit <n>", "at most so many", integer(0))
    .addHelpText(
      "after",
      `
Examples:
  $ hitherto parked list --store shop.db
  $ hitherto parked list --consumer emails --key order-17 --store shop.db
  $ hitherto parked list --json --store shop.db | jq -r .error.message

STATE is failed for what failed itself, held for what waits behind it, and
replaying once a replay was asked for.`,
    )
    .action(act((cli, options: ListOptions) => list(cli, options)));
}

async function list(cli: Cli, options: ListOptions): Promise<void> {
  const { key, limit } = options;
  const selection = { ...findOwner(options), key, limit };
  await cli.withStore("read", async ({ parked }) => {
    let events: ParkedEvent[] = [];
    let isEmpty = true;
    for await (const event of parked.list(selection)) {
      cli.checkInterrupted("list");
      events.push(event);
      isEmpty = false;
      if (events.length < tableRows) continue;
      if (!(await showRows(cli, events))) return;
      events = [];
    }
    if (events.length > 0) await showRows(cli, events);
    if (isEmpty) cli.note("There are no such parked events.");
  });
}

function showRows(cli: Cli, events: readonly ParkedEvent[]): Promise<boolean> {
  if (cli.isJson) return cli.out.write(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const { columns } = cli.out;
  const isWide = columns === undefined || columns >= 110;
  const cut = (text: string, width: number): string =>
    columns === undefined ? printable(text) : shorten(printable(text), width);
  const rows = events.map((event) => {
    const { owner, key, position, type, state, attempts, error } = event;
    const cells = [
      cut(owner.name, 20),
      cut(key, isWide ? 28 : 18),
      formatNumber(position),
      cut(type, isWide ? 24 : 16),
      state,
      attempts === 0 ? "-" : formatNumber(attempts),
      error?.message.trim().split("\n", 1)[0] ?? "",
    ];
    return { cells, state };
  });
  return cli.out.line(parkedTable(cli, rows));
}

const errorWidthMin = 10;

/** The error takes what is left of the line. */
function parkedTable(
  cli: Cli,
  rows: ReadonlyArray<{ readonly cells: readonly string[]; readonly state: ParkedEvent["state"] }>,
): string {
  const head = ["Owner", "Key", "Position", "Type", "State", "Tries", "Error"];
  const last = head.length - 1;
  const used = head
    .slice(0, last)
    .map((title, index) => Math.max(title.length, ...rows.map(({ cells }) => cells[index]!.length)) + 2)
    .reduce((sum, width) => sum + width, 0);
  const errorWidth = Math.max(errorWidthMin, (cli.out.columns ?? Number.POSITIVE_INFINITY) - used);
  return renderTable(cli, {
    head,
    align: ["left", "left", "right", "left", "left", "right", "left"],
    rows: rows.map(({ cells, state }) => [
      cli.paint("cyan", cells[0]!),
      ...cells.slice(1, 4),
      cli.paint(stateStyle[state], cells[4]!),
      cells[5]!,
      shorten(printable(cells[last]!), errorWidth),
    ]),
  });
}

const stateStyle: Readonly<Record<ParkedEvent["state"], Style>> = {
  failed: "red",
  held: "yellow",
  replaying: "cyan",
};

function addShow(group: Command, act: Act): void {
  addSelectionOptions(
    group
      .command("show")
      .summary("show parked events with their errors")
      .description("Shows parked events, each with the error that it failed with."),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ hitherto parked show --consumer emails --position 4711 --store shop.db
  $ hitherto parked show --projection orders --key 17 --store shop.db`,
    )
    .action(act((cli, options: SelectionOptions) => show(cli, options)));
}

async function show(cli: Cli, options: SelectionOptions): Promise<void> {
  const selection = getSelection(options);
  await cli.withStore("read", async (store) => {
    let isEmpty = true;
    for await (const parked of store.parked.list(selection)) {
      cli.checkInterrupted("list");
      isEmpty = false;
      if (!(await showOne(cli, store, parked))) return;
    }
    if (isEmpty) cli.note("There are no such parked events.");
  });
}

async function showOne(cli: Cli, store: Hitherto, parked: ParkedEvent): Promise<boolean> {
  const event = await store.findEvent(parked.eventId);
  if (cli.isJson) return cli.out.line(JSON.stringify({ ...parked, event }));
  const { position, type, stream, revision } = parked;
  const block =
    event === undefined
      ? `#${position}  ${printable(type)}  ${printable(stream)}@${revision} (its stream was deleted)`
      : formatEventBlock(event, cli.paint);
  return cli.out.line(`${block}\n${factsOf(cli, parked)}\n`);
}

function factsOf(cli: Cli, parked: ParkedEvent): string {
  const { owner, key, state, error, attempts, firstFailedAt, lastFailedAt, parkedAt } = parked;
  const rows: ReadonlyArray<readonly [string, string | undefined]> = [
    ["parked", `${parkedAt} by the ${ownerInWords(owner)}, under the key ${printable(key)}`],
    ["state", cli.paint(stateStyle[state], stateMeanings[state])],
    ["attempts", attempts === 0 ? undefined : failuresInWords(attempts, firstFailedAt, lastFailedAt)],
    ["error", error === undefined ? undefined : errorInWords(cli, error)],
  ];
  return rows
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`  ${cli.paint("dim", name.padEnd(8))}  ${value}`],
    )
    .join("\n");
}

const stateMeanings: Readonly<Record<ParkedEvent["state"], string>> = {
  failed: "failed",
  held: "held: it waits for an earlier event of its key",
  replaying: "replaying: it is delivered again when its turn comes",
};

function failuresInWords(attempts: number, first: string | undefined, last: string | undefined): string {
  if (first === undefined || last === undefined) return formatNumber(attempts);
  return first === last ? `${attempts}, at ${first}` : `${attempts}, from ${first} to ${last}`;
}

function errorInWords(cli: Cli, { code, message, stack }: NonNullable<ParkedEvent["error"]>): string {
  const [first = "", ...rest] = (stack ?? message).split("\n").map((line) => printable(line.trim()));
  const suffix = code === undefined ? "" : ` ${cli.paint("dim", `[${code}]`)}`;
  const indent = " ".repeat(12);
  return [
    `${cli.paint("red", first)}${suffix}`,
    ...rest.map((line) => cli.paint("dim", `${indent}${line}`)),
  ].join("\n");
}

function addDiscard(group: Command, act: Act): void {
  addSelectionOptions(
    group
      .command("discard")
      .summary("give parked events up")
      .description("Gives parked events up for good. What they held back goes on."),
  )
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
Examples:
  $ hitherto parked discard --consumer emails --position 4711 --store shop.db
  $ hitherto parked discard --consumer emails --all --yes --store shop.db`,
    )
    .action(act((cli, options: SelectionOptions & { readonly yes?: boolean }) => discard(cli, options)));
}

async function discard(cli: Cli, options: SelectionOptions & { readonly yes?: boolean }): Promise<void> {
  const selection = getSelection(options);
  await cli.withStore("write", async ({ parked }) => {
    const what = selectionInWords(selection, options);
    if (!(await confirm(cli, `Give up ${what}?`, options))) return;
    const { events } = await parked.discard(selection);
    const owner = ownerInWords(selection);
    await said(
      cli,
      { ...selection, events },
      `Gave up ${formatCount(events, "parked event")} of the ${owner}.`,
    );
  });
}

function selectionInWords(owner: ParkedOwner, { key, position }: SelectionOptions): string {
  const whose = `of the ${ownerInWords(owner)}`;
  const keyed = key === undefined ? "" : ` of the key ${printable(key)}`;
  if (position !== undefined) return `the parked event at position ${position}${keyed} ${whose}`;
  return key === undefined ? `all parked events ${whose}` : `the parked events${keyed} ${whose}`;
}
