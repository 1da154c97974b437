import Table from "cli-table3";
import type { Cli } from "./cli.ts";

/** Rows of a table, and how they stand. */
export interface TableContents {
  readonly head?: readonly string[];
  readonly align: ReadonlyArray<"left" | "right">;
  readonly rows: ReadonlyArray<readonly string[]>;
}

const edges = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
];
const inner = ["left", "left-mid", "mid", "mid-mid", "right", "right-mid"];
const noLines = { ...Object.fromEntries([...edges, ...inner].map((name) => [name, ""])), middle: "  " };

/** A table without lines, so that it can be cut and grepped. */
export function renderTable(cli: Cli, { head = [], align, rows }: TableContents): string {
  const table = new Table({
    head: head.map((title) => cli.paint("bold", title.toUpperCase())),
    colAligns: [...align],
    chars: noLines,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
