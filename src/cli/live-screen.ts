import type { Cli } from "./cli.ts";
import { wantsColour } from "./colours.ts";
import { visible } from "./format.ts";

/**
 * Lines at the bottom of a terminal that are drawn again and again in the same place. They must not be longer than the
 * terminal is wide. When it ends, what was drawn last stays.
 */
export class LiveScreen {
  readonly #cli: Cli;
  #height = 0;
  #columns: number | undefined;

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  /** Draws over what was drawn before. More lines than the terminal has are cut. False when nobody looks any more. */
  draw(lines: readonly string[]): Promise<boolean> {
    const { columns, rows } = this.#cli.out;
    const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), "…"];
    const { stdout, env } = this.#cli.surroundings;
    const hasColours = wantsColour(stdout, env);
    const text = shown.map((line) => `${visible(line, hasColours)}${clearLine}\n`).join("");
    const begin = this.#columns === undefined || columns === this.#columns ? up(this.#height) : clearAll;
    this.#height = shown.length;
    this.#columns = columns;
    return this.#cli.out.draw(`${begin}${text}${clearBelow}`);
  }
}

const escape = "\u001b[";
const clearLine = `${escape}K`;
const clearBelow = `${escape}J`;
/** After the terminal has changed its width, the lines are no longer where they were. */
const clearAll = `${escape}2J${escape}H`;

function up(lines: number): string {
  return lines === 0 ? "" : `${escape}${lines}A\r`;
}
