import type { Command } from "commander";
import type { StoreStats } from "../../store/event-store.ts";
import type { Cli } from "../cli.ts";
import { formatBytes, formatNumber, printable } from "../format.ts";
import type { Act } from "../program.ts";
import { renderTable } from "../table.ts";

const help = `
Examples:
  $ hitherto stats --store shop.db
  $ hitherto stats --json --store shop.db | jq .events

"Head" is the position of the last event. "Events" counts those that policies
and deletions hide, until their space is reclaimed. "Parked" counts the events
that consumers and projections could not handle.`;

const durabilityInWords = {
  fsync: "survives a power loss",
  os: "survives a killed process",
  none: "survives nothing",
} as const satisfies Record<StoreStats["durability"], string>;

/** Adds the command that shows the figures of a store. */
export function addStats(program: Command, act: Act): void {
  program
    .command("stats")
    .summary("show the figures of a store")
    .description("Shows the figures of a store.")
    .addHelpText("after", help)
    .action(act((cli) => stats(cli)));
}

/** The figures of a store, and how many there are of what is made of its events. */
interface Figures extends StoreStats {
  readonly projections: number;
  readonly consumers: number;
  readonly parked: number;
}

async function stats(cli: Cli): Promise<void> {
  await cli.withStore("read", async (store) => {
    const [figures, projections, consumers, parked] = await Promise.all([
      store.stats(),
      store.projections.list(),
      store.consumers.list(),
      store.parked.count(),
    ]);
    const all = { ...figures, projections: projections.length, consumers: consumers.length, parked };
    await cli.out.line(cli.isJson ? JSON.stringify(all) : inWords(cli, all));
  });
}

function inWords(cli: Cli, figures: Figures): string {
  const { engine, url, format, head, events, streams, snapshots, bytes, durability } = figures;
  const { projections, consumers, parked } = figures;
  const rows = [
    ["Store", printable(url)],
    ["Engine", `${engine}, format ${format}`],
    ["Head", formatNumber(head)],
    ["Events", formatNumber(events)],
    ["Streams", formatNumber(streams)],
    ["Snapshots", formatNumber(snapshots)],
    ["Projections", formatNumber(projections)],
    ["Consumers", formatNumber(consumers)],
    ["Parked", formatNumber(parked)],
    ["Size", bytes === undefined ? "in memory" : formatBytes(bytes)],
    ["Durability", `${durability}: ${durabilityInWords[durability]}`],
  ] as const;
  return renderTable(cli, {
    align: ["left", "left"],
    rows: rows.map(([name, value]) => [cli.paint("bold", name), value]),
  });
}
