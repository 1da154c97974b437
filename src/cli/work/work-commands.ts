/**
 * The commands that projections and consumers share: list, status, pause, resume and remove.
 */
import type { Command } from "commander";
import { isHithertoError } from "../../core/errors.ts";
import type { Cli } from "../cli.ts";
import { confirm } from "../confirm.ts";
import { printable } from "../format.ts";
import type { Act } from "../program.ts";
import { renderTable } from "../table.ts";
import { StatusTable } from "./status-table.ts";
import { watch } from "./watch.ts";
import { stateStyles } from "./words.ts";
import { detailsOf, factsOf } from "./work-kind.ts";
import type { WorkKind, WorkStatus } from "./work-kind.ts";

/** Adds `list` and `status`, which only look. */
export function addLookCommands<Status extends WorkStatus>(
  group: Command,
  act: Act,
  kind: WorkKind<Status>,
): void {
  const { noun } = kind;
  group
    .command("list")
    .summary(`list ${noun}s, and how far they are`)
    .description(`Lists the ${noun}s of a store, how far they are, and what ails them.`)
    .option("--watch", "go on showing them, in place, until interrupted")
    .addHelpText("after", listHelp(noun))
    .action(act((cli, options: { readonly watch?: boolean }) => list(cli, kind, options)));
  group
    .command("status")
    .summary(`show everything about one ${noun}`)
    .description(`Shows everything about one ${noun}.`)
    .argument("<name>", `name of the ${noun}`)
    .addHelpText("after", `\nExample:\n  $ hitherto ${noun}s status ${exampleName[noun]} --store shop.db`)
    .action(act((cli, name: string) => status(cli, kind, name)));
}

/** Adds `pause` and `resume`. */
export function addPauseCommands<Status extends WorkStatus>(
  group: Command,
  act: Act,
  kind: WorkKind<Status>,
): void {
  const { noun } = kind;
  group
    .command("pause")
    .summary(`let a ${noun} rest until it is resumed`)
    .description(`Lets a ${noun} rest, in all processes and over restarts, until it is resumed.`)
    .argument("<name>", `name of the ${noun}`)
    .addHelpText("after", `\nExample:\n  $ hitherto ${noun}s pause ${exampleName[noun]} --store shop.db`)
    .action(act((cli, name: string) => change(cli, kind, { name, verb: "pause", done: "Paused" })));
  group
    .command("resume")
    .summary(`let a paused or halted ${noun} go on`)
    .description(`Lets a paused ${noun} go on, and makes a halted one try again.`)
    .argument("<name>", `name of the ${noun}`)
    .addHelpText("after", `\nExample:\n  $ hitherto ${noun}s resume ${exampleName[noun]} --store shop.db`)
    .action(act((cli, name: string) => change(cli, kind, { name, verb: "resume", done: "Resumed" })));
}

/** Adds `remove`. */
export function addRemoveCommand<Status extends WorkStatus>(
  group: Command,
  act: Act,
  kind: WorkKind<Status>,
): void {
  const { noun, removal } = kind;
  group
    .command("remove")
    .summary(`forget a ${noun}`)
    .description(`Forgets a ${noun}: ${removal}. The events stay.`)
    .argument("<name>", `name of the ${noun}`)
    .option("--yes", "do not ask")
    .addHelpText("after", `\nExample:\n  $ hitherto ${noun}s remove ${exampleName[noun]} --store shop.db`)
    .action(act((cli, name: string, options: { yes?: boolean }) => remove(cli, kind, { name, ...options })));
}

const exampleName = { projection: "orders", consumer: "emails" } as const;

function listHelp(noun: "projection" | "consumer"): string {
  const own =
    noun === "projection"
      ? "OWNER is the process that runs it."
      : "MEMBERS are the processes that take part.";
  return `
Examples:
  $ hitherto ${noun}s list --store shop.db
  $ hitherto ${noun}s list --watch --store shop.db
  $ hitherto ${noun}s list --json --store shop.db | jq 'select(.parked > 0)'

LAG is how many positions it is behind the end of the log, BEHIND the age of the
oldest event that waits, LEFT the time until it has caught up at this rate.
${own}
With --json, each line is one of them; with --watch, as often as it changes.`;
}

async function list<Status extends WorkStatus>(
  cli: Cli,
  kind: WorkKind<Status>,
  options: { readonly watch?: boolean },
): Promise<void> {
  await cli.withStore("read", async (store) => {
    const look = (): Promise<readonly Status[]> => kind.adminOf(store).list();
    const lines = linesOf(cli, kind);
    if (options.watch === true) return watch(cli, { look, lines, nameOf: ({ name }) => name });
    const statuses = await look();
    if (statuses.length === 0) cli.note(nothing(kind));
    else if (cli.isJson) await cli.out.write(statuses.map((one) => `${JSON.stringify(one)}\n`).join(""));
    else await cli.out.line(lines(statuses).join("\n"));
  });
}

function linesOf<Status extends WorkStatus>(
  cli: Cli,
  kind: WorkKind<Status>,
): (statuses: readonly Status[]) => readonly string[] {
  const table = new StatusTable<Status>({
    columns: kind.columns,
    details: (one) => detailsOf(one, Date.now()),
    paint: cli.paint,
  });
  return (statuses) => (statuses.length === 0 ? [nothing(kind)] : table.lines(statuses, cli.out.columns));
}

function nothing<Status extends WorkStatus>({ noun, beginning }: WorkKind<Status>): string {
  return `This store knows no ${noun}s. ${beginning}`;
}

async function status<Status extends WorkStatus>(
  cli: Cli,
  kind: WorkKind<Status>,
  name: string,
): Promise<void> {
  await cli.withStore("read", async (store) => {
    const found = await kind.adminOf(store).status(name);
    await cli.out.line(cli.isJson ? JSON.stringify(found) : inWords(cli, kind, found));
  });
}

function inWords<Status extends WorkStatus>(cli: Cli, kind: WorkKind<Status>, found: Status): string {
  const rows = factsOf(kind, found, Date.now()).map(([name, value]) => {
    const isState = name === "State" || (name === "Error" && found.state === "halted");
    return [cli.paint("bold", name), isState ? cli.paint(stateStyles[found.state], value) : value];
  });
  const facts = renderTable(cli, { align: ["left", "left"], rows });
  return kind.more === undefined ? facts : `${facts}\n\n${kind.more(cli, found)}`;
}

interface Change {
  readonly name: string;
  readonly verb: "pause" | "resume";
  readonly done: string;
}

async function change<Status extends WorkStatus>(
  cli: Cli,
  kind: WorkKind<Status>,
  { name, verb, done }: Change,
): Promise<void> {
  await cli.withStore("write", async (store) => {
    await kind.adminOf(store)[verb](name);
    await said(
      cli,
      { [kind.noun]: name, [`is${done}`]: true },
      `${done} ${cli.paint("cyan", printable(name))}.`,
    );
  });
}

async function remove<Status extends WorkStatus>(
  cli: Cli,
  kind: WorkKind<Status>,
  { name, yes }: { readonly name: string; readonly yes?: boolean },
): Promise<void> {
  await cli.withStore("write", async (store) => {
    const admin = kind.adminOf(store);
    await requireKnown(() => admin.status(name));
    const question = `Forget the ${kind.noun} ${printable(name)}, ${kind.removal}?`;
    if (!(await confirm(cli, question, { yes }))) return;
    await admin.remove(name);
    await said(cli, { [kind.noun]: name, isRemoved: true }, `Removed ${cli.paint("cyan", printable(name))}.`);
  });
}

/** Damage is no reason not to ask: removing is what mends it. */
async function requireKnown(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
  }
}

/** Says what was done, to a program or to a person. */
export async function said(cli: Cli, object: object, sentence: string): Promise<void> {
  await cli.out.line(cli.isJson ? JSON.stringify(object) : sentence);
}
