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
and deletions hide, until their space is reclaimed.`;

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

async function stats(cli: Cli): Promise<void> {
  await cli.withStore("read", async (store) => {
    const figures = await store.stats();
    await cli.out.line(cli.isJson ? JSON.stringify(figures) : inWords(cli, figures));
  });
}

function inWords(cli: Cli, figures: StoreStats): string {
  const { engine, url, format, head, events, streams, snapshots, bytes, durability } = figures;
  const rows = [
    ["Store", printable(url)],
    ["Engine", `${engine}, format ${format}`],
    ["Head", formatNumber(head)],
    ["Events", formatNumber(events)],
    ["Streams", formatNumber(streams)],
    ["Snapshots", formatNumber(snapshots)],
    ["Size", bytes === undefined ? "in memory" : formatBytes(bytes)],
    ["Durability", `${durability}: ${durabilityInWords[durability]}`],
  ] as const;
  return renderTable(cli, {
    align: ["left", "left"],
    rows: rows.map(([name, value]) => [cli.paint("bold", name), value]),
  });
}
