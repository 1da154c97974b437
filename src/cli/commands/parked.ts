import type { Command } from "commander";
import { definedParts } from "../../core/selections.ts";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ParkedEvent, ParkedOwner } from "../../runtime/work-admin.ts";
import type { Cli } from "../cli.ts";
import type { Style } from "../colours.ts";
import { confirm } from "../confirm.ts";
import { formatCount, formatEventBlock, formatNumber, printable } from "../format.ts";
import { integer } from "../options.ts";
import type { Act } from "../program.ts";
import {
  addOwnerOptions,
  addSelectionOptions,
  findOwner,
  getSelection,
  ownerInWords,
  requireOwner,
} from "../work/selection.ts";
import type { OwnerOptions, SelectionOptions } from "../work/selection.ts";
import { StatusTable } from "../work/status-table.ts";
import type { Column } from "../work/status-table.ts";
import { formatWorkError } from "../work/words.ts";
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

/** Parked events that are formatted at once, for a list may be long. */
const pageSize = 500;

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
  const owner = findOwner(options);
  const showPage = showerFor(cli);
  await cli.withStore("read", async (store) => {
    await requireOwner(store, owner);
    let page: ParkedEvent[] = [];
    let isEmpty = true;
    for await (const event of store.parked.list({ ...owner, ...definedParts({ key, limit }) })) {
      cli.checkInterrupted("list");
      page.push(event);
      isEmpty = false;
      if (page.length < pageSize) continue;
      if (!(await showPage(page))) return;
      page = [];
    }
    if (page.length > 0) await showPage(page);
    if (isEmpty) cli.note(owner === undefined && key === undefined ? "Nothing is parked." : nothingSuch);
  });
}

const nothingSuch = "Nothing of that is parked.";

/** Shows a page of the list; false when nobody looks any more. */
function showerFor(cli: Cli): (page: readonly ParkedEvent[]) => Promise<boolean> {
  const table = new StatusTable<ParkedEvent>({ columns, details: errorLine, paint: cli.paint });
  let isFirst = true;
  return (page) => {
    if (cli.isJson) return cli.out.write(page.map((event) => `${JSON.stringify(event)}\n`).join(""));
    const lines = table.lines(page, cli.out.columns);
    const shown = isFirst ? lines : lines.slice(1);
    isFirst = false;
    return cli.out.line(shown.join("\n"));
  };
}

const columns: ReadonlyArray<Column<ParkedEvent>> = [
  {
    title: "Key",
    align: "left",
    rank: 0,
    widthMin: 12,
    text: ({ key }) => printable(key),
    style: () => "cyan",
  },
  { title: "Position", align: "right", rank: 0, text: ({ position }) => formatNumber(position) },
  {
    title: "Type",
    align: "left",
    rank: 2,
    widthMin: 12,
    text: ({ type }) => printable(type),
    style: () => "green",
  },
  {
    title: "State",
    align: "left",
    rank: 0,
    text: ({ state }) => state,
    style: ({ state }) => stateStyle[state],
  },
  {
    title: "Tries",
    align: "right",
    rank: 3,
    text: ({ attempts }) => (attempts === 0 ? "-" : formatNumber(attempts)),
  },
  { title: "Owner", align: "left", rank: 1, widthMin: 12, text: ({ owner }) => ownerInWords(owner) },
];

function errorLine({ error }: ParkedEvent): ReadonlyArray<{ readonly text: string; readonly style: Style }> {
  if (error === undefined) return [];
  const text = `error  ${formatWorkError({ ...error, position: undefined }, Date.now())}`;
  return [{ text, style: "red" }];
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
    await requireOwner(store, selection);
    let isFirst = true;
    for await (const parked of store.parked.list(selection)) {
      cli.checkInterrupted("list");
      const text = await shownOne(cli, store, parked);
      const gap = isFirst || cli.isJson ? "" : "\n";
      if (!(await cli.out.line(`${gap}${text}`))) return;
      isFirst = false;
    }
    if (isFirst) cli.note(nothingSuch);
  });
}

async function shownOne(cli: Cli, store: Hitherto, parked: ParkedEvent): Promise<string> {
  const event = await store.findEvent(parked.eventId);
  if (cli.isJson) return JSON.stringify({ ...parked, event });
  const { position, type, stream, revision } = parked;
  const block =
    event === undefined
      ? `#${position}  ${printable(type)}  ${printable(stream)}@${revision} (the event can no longer be read)`
      : formatEventBlock(event, cli.paint);
  return `${block}\n${factsOf(cli, parked)}`;
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

/** The stack of an error; of each cause in it, the first line stands out. */
function errorInWords(cli: Cli, { code, message, stack }: NonNullable<ParkedEvent["error"]>): string {
  const indent = " ".repeat(12);
  const suffix = code === undefined ? "" : ` ${cli.paint("dim", `[${code}]`)}`;
  return (stack ?? message)
    .split("\n")
    .map((line) => printable(line.trim()))
    .map((line, index) => {
      if (index === 0) return cli.paint("red", line) + suffix;
      return indent + cli.paint(line.startsWith("at ") ? "dim" : "red", line);
    })
    .join("\n");
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
  await cli.withStore("write", async (store) => {
    await requireOwner(store, selection);
    const what = selectionInWords(selection, options);
    if (!(await confirm(cli, `Give up ${what}?`, options))) return;
    const { events } = await store.parked.discard(selection);
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
