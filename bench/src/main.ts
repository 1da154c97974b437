// `npm run bench`: the benchmarks of the log. `npm run bench -- --help` says how to choose among them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Engine } from "./benchmark.ts";
import { benchmarks, chooseBenchmarks } from "./catalogue.ts";
import { startEngine } from "./engine.ts";
import type { RunningEngine } from "./engine.ts";
import { describeMachine } from "./machine.ts";
import { renderMarkdown, renderText } from "./report.ts";
import type { RunResult } from "./results.ts";
import { roundCount, runBenchmark } from "./run.ts";
import { statusLine } from "./status-line.ts";

interface Options {
  readonly engine: Engine;
  readonly only: readonly string[];
  readonly seconds: number;
  readonly dir: string;
  readonly peers: boolean;
  readonly json?: true;
  readonly markdown?: true;
}

const scratch = fileURLToPath(new URL("../../tmp", import.meta.url));

const examples = `
Benchmarks:
${benchmarks.sqlite.map(({ id, what }) => `  ${id.padEnd(24)} ${what}`).join("\n")}

On PostgreSQL: ${benchmarks.postgres.map(({ id }) => id).join(", ")}.

Examples:
  npm run bench                                  everything, about six minutes
  npm run bench -- --only append --json          the three appending ones, as one JSON object
  npm run bench -- --only rebuild,read --no-peers --seconds 2
  npm run bench -- --engine postgres             on a PostgreSQL server, which is started for it
  npm run bench:growth                           10,000,000 events against 100,000

Peers are compared with when they are installed: npm run bench:peers:install
What the figures mean, and how to read them: docs/reference/benchmarks.md`;

const program = new Command("npm run bench --")
  .description("Measures Hitherto beside the bare engine and its peers, on this machine.")
  .addOption(
    new Option("--engine <engine>", "what keeps the events: a file or a server")
      .choices(["sqlite", "postgres"])
      .default("sqlite"),
  )
  .option("--only <prefixes>", "only benchmarks whose id begins so; several with commas", splitPrefixes, [])
  .option("--seconds <n>", "how long each contender measures in each benchmark", parseSeconds, 10)
  .option("--dir <folder>", "where the files go; the disk is part of what is measured", scratch)
  .option("--no-peers", "without the other libraries")
  .option("--json", "print one JSON object")
  .option("--markdown", "print a Markdown table")
  .addHelpText("after", examples);

function splitPrefixes(text: string): readonly string[] {
  return text.split(",").filter((prefix) => prefix !== "");
}

/** Once the engine is known. */
function checkPrefixes({ engine, only }: Options): void {
  const unknown = only.find((prefix) => chooseBenchmarks(engine, [prefix]).length === 0);
  if (unknown !== undefined) program.error(`error: No benchmark on ${engine} begins with "${unknown}".`);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 3_600) return seconds;
  throw new InvalidArgumentError("It must be a number of seconds, above 0 and up to 3,600.");
}

async function runAndStop(options: Options, engine: RunningEngine, folder: string): Promise<RunResult> {
  try {
    return await run(options, engine, folder);
  } finally {
    await engine.close();
  }
}

async function run(options: Options, engine: RunningEngine, folder: string): Promise<RunResult> {
  const status = statusLine(process.stderr);
  const chosen = chooseBenchmarks(options.engine, options.only);
  const machine = describeMachine(folder);
  const results: RunResult["benchmarks"][number][] = [];
  for (const [index, benchmark] of chosen.entries()) {
    const onProgress = (doing: string): void => status.show(`${index + 1}/${chosen.length} ${doing}`);
    const { seconds, peers: withPeers } = options;
    results.push(await runBenchmark(benchmark, { engine, folder, seconds, withPeers, onProgress }));
  }
  status.clear();
  return {
    machine,
    node: process.version,
    hitherto: releaseOfHitherto(),
    engine: engine.description,
    durability: engine.durability,
    date: new Date().toISOString(),
    seconds: options.seconds,
    rounds: roundCount,
    benchmarks: results,
  };
}

function releaseOfHitherto(): string {
  const manifest = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}

function render(result: RunResult, options: Options): string {
  if (options.json === true) return JSON.stringify(result, null, 2);
  return options.markdown === true ? renderMarkdown(result) : renderText(result);
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  checkPrefixes(options);
  const parent = resolve(options.dir);
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "bench-"));
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", clean);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const engine = await startEngine(options.engine);
  const result = await runAndStop(options, engine, folder);
  console.log(render(result, options));
  if (result.benchmarks.some(({ failure }) => failure !== null)) process.exitCode = 1;
}

await main();
