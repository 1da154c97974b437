import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A command that a page shows, and the output that it claims. */
export interface Example {
  readonly command: string;
  readonly args: readonly string[];
  readonly output: string;
}

/** The path of the page that documents the command. */
export const cliPage: string = fileURLToPath(new URL("../../../docs/reference/cli.md", import.meta.url));

/** The examples in the `console` blocks of a page, in order. */
export function examplesOf(page: string): Example[] {
  const blocks = readFileSync(page, "utf8").matchAll(/^```console\n(.*?)^```/gms);
  return [...blocks].flatMap(([, block = ""]) =>
    block
      .split(/^\$ /m)
      .filter(Boolean)
      .map((example) => {
        const [command = "", ...output] = example.split("\n");
        return { command, args: wordsOf(command).slice(1), output: output.join("\n").trimEnd() };
      }),
  );
}

/** Splits a command line as a shell does, as far as the examples need it. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

/** Output without what differs from run to run: times, ids, durations, sizes and the folder. */
export function withoutChance(output: string, folder: string): string {
  return output
    .trimEnd()
    .replaceAll(folder, "/data")
    .replaceAll(/\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d\.\d{3}/g, "2026-11-21$108:40:00.000")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "01a1fd6f-9ef0-79c9-adf5-eaff00000001")
    .replaceAll(/\bin \d+(\.\d+)? m?s\b/g, "in 12 ms")
    .replaceAll(/\d+\.\d [KM]iB/g, "112.0 KiB");
}
