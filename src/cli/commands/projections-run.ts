import { Option } from "commander";
import type { Command } from "commander";
import { isHithertoError } from "../../core/errors.ts";
import type { AnyProjection } from "../../core/projection.ts";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ProjectionRunner } from "../../runtime/projections/projection-runner.ts";
import type { WorkEvent } from "../../runtime/work-status.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, formatNumber, printable } from "../format.ts";
import type { Act } from "../program.ts";
import { chooseProjections, loadProjections } from "../work/definitions.ts";
import { follow, saidOutcome } from "../work/follow.ts";
import { pause } from "../work/watch.ts";
import { stateStyles, withoutPlace } from "../work/words.ts";

interface RunOptions {
  readonly definitions: string;
  readonly once?: boolean;
  readonly onError: "halt" | "park";
}

const help = `
Examples:
  $ hitherto projections run --definitions ./projections.js --store shop.db
  $ hitherto projections run orders --once --definitions ./projections.ts \\
      --store shop.db

The file is an ES module; what projection(...) and sqlProjection(...) made and
it exports is run. If another process runs the same projection, this one stands
by and takes over when the other ends. Without --once, it goes on until
interrupted, and shows what happens.`;

/** Adds the command that runs projections in this process. */
export function addRun(group: Command, act: Act): void {
  group
    .command("run")
    .summary("run projections in this process")
    .description("Runs projections of yours in this process, until interrupted.")
    .argument("[name...]", "names of the projections (default: all that the file exports)")
    .requiredOption("--definitions <file>", "module that exports the projections")
    .option("--once", "only until they have caught up")
    .addOption(
      new Option("--on-error <policy>", "what to do when an event goes on failing")
        .choices(["halt", "park"])
        .default("halt"),
    )
    .addHelpText("after", help)
    .action(act((cli, names: readonly string[], options: RunOptions) => run(cli, names, options)));
}

async function run(cli: Cli, names: readonly string[], options: RunOptions): Promise<void> {
  const { definitions, once = false, onError } = options;
  const projections = chooseProjections(await loadProjections(definitions), names, definitions);
  await cli.withStore("write", async (store) => {
    if (!once) sayRunning(cli, projections);
    const onEvent = once ? undefined : eventWriter(cli);
    await using runner = await store.runProjections(projections, { onError, onEvent });
    await (once ? runOnce(cli, store, runner) : runOn(cli));
  });
}

async function runOnce(cli: Cli, store: Hitherto, { projections }: ProjectionRunner): Promise<void> {
  const head = await store.head();
  const versions = new Map(projections.map(({ name, version }) => [name, version]));
  const followed = await follow(cli, {
    admin: store.projections,
    title: projections.length === 1 ? `Building ${projections[0]!.name}` : "Building",
    names: [...versions.keys()],
    isDone: ({ name, version, position }) => version === versions.get(name) && position >= head,
    goesOn: "It goes on where it stopped when the projection is run again.",
  });
  await saidOutcome(cli, "Caught up:", followed);
}

function sayRunning(cli: Cli, projections: readonly AnyProjection[]): void {
  const names = projections.map(({ name }) => name).join(", ");
  cli.note(`Running ${formatCount(projections.length, "projection")}: ${names}. Ctrl-C ends.`);
}

/** Runs until the user interrupts, which is how it ends, or nobody reads any more what happens. */
async function runOn(cli: Cli): Promise<void> {
  while (!cli.signal.aborted && cli.out.isOpen) await pause(lookEveryMs, cli.signal);
}

const lookEveryMs = 1_000;

/** Writes what happens as it happens, a line each. */
function eventWriter(cli: Cli): (event: WorkEvent) => void {
  return (event) => {
    const at = new Date().toISOString();
    const name = event.work.slice(event.work.indexOf("/") + 1);
    void cli.out
      .line(cli.isJson ? JSON.stringify({ at, ...plain(event) }) : inWords(cli, { at, name, event }))
      .catch(() => undefined);
  };
}

function plain(event: WorkEvent): object {
  if (event.kind !== "failure") return event;
  const { error } = event;
  if (isHithertoError(error)) return { ...event, error: error.toJSON() };
  return { ...event, error: { message: messageOf(error) } };
}

function inWords(
  cli: Cli,
  { at, name, event }: { readonly at: string; readonly name: string; readonly event: WorkEvent },
): string {
  const time = cli.paint("dim", at.replace("T", " ").replace("Z", ""));
  return `${time}  ${cli.paint("cyan", printable(name))}  ${happening(cli, event)}`;
}

function happening(cli: Cli, event: WorkEvent): string {
  switch (event.kind) {
    case "state":
      return cli.paint(stateStyles[event.state], event.state);
    case "owner":
      return event.isOwner ? "is run here" : "is no longer run here";
    case "lag":
      return lagInWords(cli, event.lag);
    case "failure": {
      const where = event.position === undefined ? "" : ` at position ${formatNumber(event.position)}`;
      const what = `attempt ${event.attempt}${where}: ${printable(messageOf(event.error))}`;
      return `${cli.paint("red", what)} ${cli.paint("dim", `(next: ${event.next})`)}`;
    }
  }
}

function lagInWords(cli: Cli, { events, ms, isTooMuch }: Extract<WorkEvent, { kind: "lag" }>["lag"]): string {
  if (!isTooMuch) return cli.paint("green", "is no longer too far behind");
  return cli.paint("yellow", `is behind: ${formatCount(events, "event")}, ${formatDuration(ms)}`);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [message = ""] = withoutPlace(error).split("\n", 1);
  return message;
}
