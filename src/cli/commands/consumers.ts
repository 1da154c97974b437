import { InvalidArgumentError } from "commander";
import type { Command } from "commander";
import { limits } from "../../core/limits.ts";
import type { Cli } from "../cli.ts";
import { confirm } from "../confirm.ts";
import { formatCount, printable } from "../format.ts";
import { integer, moment } from "../options.ts";
import type { Act } from "../program.ts";
import { consumerKind } from "../work/consumer-kind.ts";
import { addLookCommands, addPauseCommands, addRemoveCommand, said } from "../work/work-commands.ts";

const help = `
Examples:
  $ hitherto consumers list --store shop.db
  $ hitherto consumers list --watch --store shop.db
  $ hitherto consumers pause emails --store shop.db

What is asked for here is written down in the store, and carried out by the
processes that take part in the consumer.`;

/** Adds the commands that look after consumers. */
export function addConsumers(program: Command, act: Act): void {
  const group = program
    .command("consumers")
    .summary("look after consumers: list, pause, resume, reset …")
    .description("Looks after consumers, whichever processes they run in.")
    .helpCommand(false)
    .addHelpText("after", help);
  addLookCommands(group, act, consumerKind);
  addPauseCommands(group, act, consumerKind);
  addReset(group, act);
  addPartitions(group, act);
  addRemoveCommand(group, act, consumerKind);
}

type Place = "start" | "end" | number | Date;

interface ResetOptions {
  readonly to: Place;
  readonly yes?: boolean;
}

function addReset(group: Command, act: Act): void {
  group
    .command("reset")
    .summary("let a consumer begin again at another place")
    .description(
      "Lets a consumer begin again after a position, or at the first event of a moment. What is parked after that place is forgotten, since it is delivered again.",
    )
    .argument("<name>", "name of the consumer")
    .requiredOption(
      "--to <place>",
      "start, end, the position of the last event to leave out, or a moment",
      place,
    )
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
Examples:
  $ hitherto consumers reset emails --to 4711 --store shop.db
  $ hitherto consumers reset emails --to 2026-11-21T08:40:00Z --store shop.db`,
    )
    .action(act((cli, name: string, options: ResetOptions) => reset(cli, name, options)));
}

function place(text: string): Place {
  if (text === "start" || text === "end") return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  try {
    return new Date(moment(text));
  } catch {
    throw new InvalidArgumentError(
      "It must be start, end, a position, or a moment such as 2026-11-21T08:40:00Z.",
    );
  }
}

async function reset(cli: Cli, name: string, { to, yes }: ResetOptions): Promise<void> {
  await cli.withStore("write", async ({ consumers }) => {
    await consumers.status(name);
    const where = placeInWords(to);
    if (!(await confirm(cli, `Let the consumer ${printable(name)} begin again ${where}?`, { yes }))) return;
    await consumers.reset(name, to);
    await said(
      cli,
      { consumer: name, isReset: true },
      `${cli.paint("cyan", printable(name))} begins again ${where}.`,
    );
  });
}

function placeInWords(to: Place): string {
  if (typeof to === "number") return `after position ${to}`;
  return to instanceof Date ? `at ${to.toISOString()}` : `at the ${to}`;
}

function addPartitions(group: Command, act: Act): void {
  group
    .command("partitions")
    .summary("change the number of partitions")
    .description("Deals the keys of a consumer out anew. Nothing is lost, repeated or reordered by it.")
    .argument("<name>", "name of the consumer")
    .argument("<n>", `partitions, 1 to ${limits.partitionsMax}`, integer(1, limits.partitionsMax))
    .addHelpText("after", "\nExample:\n  $ hitherto consumers partitions emails 16 --store shop.db")
    .action(act((cli, name: string, partitions: number) => setPartitions(cli, name, partitions)));
}

async function setPartitions(cli: Cli, name: string, partitions: number): Promise<void> {
  await cli.withStore("write", async ({ consumers }) => {
    await consumers.setPartitions(name, partitions);
    const count = formatCount(partitions, "partition");
    await said(
      cli,
      { consumer: name, partitions },
      `${cli.paint("cyan", printable(name))} has ${count} now.`,
    );
  });
}
