/**
 * Results for people: a table on a terminal, or in Markdown.
 */
import { styleText } from "node:util";
import Table from "cli-table3";
import { formatFigure, formatRatio } from "./format.ts";
import type { BenchmarkResult, RivalResult, RunResult } from "./results.ts";

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

const head = ["benchmark", "ours", "p50", "p99", "target", "", "floor", "peers"];
const aligned = ["left", "right", "right", "right", "left", "left", "right", "right"] as const;

/** The results as a table with its legend, in colours where the terminal has them. */
export function renderText(run: RunResult): string {
  const table = new Table({
    head: head.map((title) => paint("bold", title)),
    colAligns: [...aligned],
    style: { head: [], border: [] },
  });
  for (const result of run.benchmarks) {
    table.push(
      rowOf(result, paint, "\n").map((cell, index) => (index === 0 ? describe(result, cell) : cell)),
    );
  }
  return [...legend(run), table.toString(), ...notes(run).map((note) => paint("gray", note))].join("\n");
}

/** The results as a Markdown table with its legend. */
export function renderMarkdown(run: RunResult): string {
  const plain: Paint = (_style, text) => text;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rows = run.benchmarks.map((result) => {
    const [id = "", ...cells] = rowOf(result, plain, "<br>");
    return line([`\`${id}\`: ${result.what}`, ...cells]);
  });
  const rule = aligned.map((side) => (side === "left" ? ":--" : "--:"));
  return [
    ...legend(run).map((fact) => `- ${fact}`),
    "",
    line(head),
    line(rule),
    ...rows,
    "",
    ...notes(run).map((note) => `- ${note}`),
  ].join("\n");
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function describe({ what }: BenchmarkResult, id: string): string {
  return `${paint("cyan", id)}\n${paint("gray", wrap(what))}`;
}

/** Breaks a text into lines of at most 34 characters, for the first column. */
function wrap(text: string): string {
  return text.replaceAll(/(.{1,34})(?:\s+|$)/g, "$1\n").trimEnd();
}

function legend({ machine, node, engine, durability, date, seconds, rounds }: RunResult): string[] {
  const gibibytes = formatFigure(machine.memoryBytes / 2 ** 30);
  return [
    `${machine.cpu}, ${machine.cores} cores, ${gibibytes} GiB, ${machine.os}, ${machine.filesystem}; ` +
      `an fsync takes ${formatFigure(machine.fsyncMs)} ms; load before ${formatFigure(machine.loadBefore)}`,
    `Node ${node}, ${engine}; durability: ${durability}`,
    `${date}; ${rounds} rounds, ${formatFigure(seconds)} s each in all; medians over the rounds`,
  ];
}

function rowOf(result: BenchmarkResult, colour: Paint, newLine: string): string[] {
  const { unit, timeUnit, floor, peers } = result;
  return [
    result.id,
    result.value === null ? colour("red", result.failure ?? "failed") : figure(result.value, unit),
    result.p50 === null ? "" : figure(result.p50, timeUnit),
    result.p99 === null ? "" : figure(result.p99, timeUnit),
    result.checks.map(({ target }) => target).join(newLine),
    result.checks.map(({ isMet }) => verdict(isMet, colour)).join(newLine),
    floor === null ? "" : rivalCell(floor, unit),
    peers.map((peer) => `${peer.name} ${rivalCell(peer, unit)}`).join(newLine),
  ];
}

function verdict(isMet: boolean | null, colour: Paint): string {
  if (isMet === null) return colour("gray", "not compared");
  return isMet ? colour("green", "met") : colour("red", "missed");
}

function figure(value: number, unit: string): string {
  return `${formatFigure(value)} ${unit}`;
}

function rivalCell(rival: RivalResult, unit: string): string {
  if (rival.value === null || rival.ratio === null) return "failed";
  return `${figure(rival.value, unit)} (${formatRatio(rival.ratio)})`;
}

/** What the table has no room for: how rivals are configured, what of them failed. */
function notes({ benchmarks }: RunResult): string[] {
  const lines = new Set<string>(["In brackets: how many times better ours is, by the figure under “ours”."]);
  for (const { id, floor, peers } of benchmarks) {
    for (const rival of floor === null ? peers : [floor, ...peers]) {
      const name = rival.version === null ? rival.name : `${rival.name} ${rival.version}`;
      if (rival.configuration !== "") lines.add(`${name}: ${rival.configuration}.`);
      if (rival.failure !== null) lines.add(`${name} in ${id}: ${rival.failure}.`);
      if (rival.parallel !== null) lines.add(`${name} in ${id}: ${parallelNote(rival.parallel)}`);
    }
  }
  return [...lines];
}

function parallelNote({ attempted, succeeded, error }: NonNullable<RivalResult["parallel"]>): string {
  const reason = error === null ? "" : ` (${error})`;
  return (
    `of ${attempted} appends made at once, to as many streams, ${succeeded} succeeded${reason}; ` +
    "the figures are of appends handed over one at a time."
  );
}
