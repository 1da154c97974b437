import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A command that a page shows, and the output that it claims. */
export interface Example {
  readonly command: string;
  readonly args: readonly string[];
  readonly output: string;
}

/** A module of a page, and the output that it claims, if it does. */
export interface ExampleModule {
  readonly file: string;
  readonly code: string;
  readonly output: string | undefined;
}

/** The path of a page of the documentation. */
export function pageOf(name: string): string {
  return fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));
}

/** The path of the page that documents the command. */
export const cliPage: string = pageOf("reference/cli.md");

/** The modules and the commands of a page, in order: its TypeScript blocks with a file, and its `console` blocks. */
export function stepsOf(page: string): Array<Example | ExampleModule> {
  const block =
    /^```(?<info>ts file=\S+|console)\n(?<code>.*?)^```(?:\n+```text output\n(?<output>.*?)^```)?/gms;
  return [...readFileSync(page, "utf8").matchAll(block)].flatMap(
    ({ groups = {} }): Array<Example | ExampleModule> => {
      const { info = "", code = "", output } = groups;
      return info === "console" ? examplesIn(code) : [{ file: info.slice("ts file=".length), code, output }];
    },
  );
}

function examplesIn(block: string): Example[] {
  return block
    .split(/^\$ /m)
    .filter(Boolean)
    .map((example) => {
      const [command = "", ...output] = example.split("\n");
      return { command, args: wordsOf(command), output: output.join("\n").trimEnd() };
    });
}

/** Splits a command line as a shell does, as far as the examples need it. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

const sources = new URL("../../../src/index.ts", import.meta.url).href;

/** Makes `import … from "hitherto"` find the sources from within a folder. */
export function installHitherto(folder: string): void {
  const home = `${folder}/node_modules/hitherto`;
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}/package.json`, '{ "name": "hitherto", "type": "module", "exports": "./index.js" }');
  writeFileSync(`${home}/index.js`, `export * from ${JSON.stringify(sources)};`);
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
}

/** Output without what differs from run to run: times, ids, durations, sizes, processes and the folder. */
export function withoutChance(output: string, folder: string): string {
  return output
    .trimEnd()
    .replaceAll(folder, "/data")
    .replaceAll(/\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d\.\d{3}/g, "2026-11-21$108:40:00.000")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "01a1fd6f-9ef0-79c9-adf5-eaff00000001")
    .replaceAll(/\bin \d+(\.\d+)? m?s\b/g, "in 12 ms")
    .replaceAll(/\bjust now\b|\b\d+(\.\d+)? (ms|s|min|h)( \d+ (s|min))? ago\b/g, "just now")
    .replaceAll(/^( {12})at .*\n?/gm, "")
    .replaceAll(/\d+\.\d [KM]iB/g, "112.0 KiB");
}
