/**
 * Looking at something again and again, until the user interrupts it.
 */
import { setTimeout } from "node:timers/promises";
import type { Cli } from "../cli.ts";
import { LiveScreen } from "../live-screen.ts";

/** What is watched. */
export interface Watched<Status> {
  readonly look: () => Promise<readonly Status[]>;
  /** The lines that a terminal shows. */
  readonly lines: (statuses: readonly Status[]) => readonly string[];
  readonly nameOf: (status: Status) => string;
}

const pauseMs = 500;

/**
 * Shows the statuses over and over: on a terminal in place, elsewhere and with `--json` each time that one of them
 * changes. Interrupting it is how it ends, so that is no failure.
 */
export async function watch<Status>(cli: Cli, watched: Watched<Status>): Promise<void> {
  const show = cli.isJson ? changedLines(cli, watched) : drawn(cli, watched);
  while (!cli.signal.aborted) {
    if (!(await show(await watched.look()))) return;
    await pause(pauseMs, cli.signal);
  }
}

/** Waits, or until the user interrupts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

type Show<Status> = (statuses: readonly Status[]) => Promise<boolean>;

function drawn<Status>(cli: Cli, { lines }: Watched<Status>): Show<Status> {
  if (cli.out.columns !== undefined) {
    const screen = new LiveScreen(cli);
    const foot = cli.paint("dim", "Ctrl-C ends");
    return (statuses) => screen.draw([...lines(statuses), "", foot]);
  }
  let before: string | undefined;
  return async (statuses) => {
    const now = JSON.stringify(statuses);
    if (now === before) return true;
    before = now;
    return cli.out.line(`${lines(statuses).join("\n")}\n`);
  };
}

/** A line of JSON for each status that is new or has changed, and one for each that is gone. */
function changedLines<Status>(cli: Cli, { nameOf }: Watched<Status>): Show<Status> {
  let before = new Map<string, string>();
  return (statuses) => {
    const now = new Map(statuses.map((status) => [nameOf(status), JSON.stringify(status)]));
    const changed = [...now].filter(([name, json]) => before.get(name) !== json).map(([, json]) => json);
    const gone = [...before.keys()]
      .filter((name) => !now.has(name))
      .map((name) => JSON.stringify({ name, isRemoved: true }));
    before = now;
    return cli.out.write([...changed, ...gone].map((line) => `${line}\n`).join(""));
  };
}
