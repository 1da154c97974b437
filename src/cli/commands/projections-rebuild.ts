import type { Command } from "commander";
import type { AnyProjection } from "../../core/projection.ts";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ProjectionStatus } from "../../runtime/work-status.ts";
import type { Cli } from "../cli.ts";
import { confirm } from "../confirm.ts";
import { printable } from "../format.ts";
import type { Act } from "../program.ts";
import { exitCodes } from "../surroundings.ts";
import { UsageError } from "../usage-error.ts";
import { chooseProjections, loadProjections } from "../work/definitions.ts";
import { follow, saidOutcome } from "../work/follow.ts";
import { said } from "../work/work-commands.ts";

interface RebuildOptions {
  readonly definitions?: string;
  /** Commander makes this of `--no-wait`. */
  readonly wait: boolean;
}

const rebuildHelp = `
Examples:
  $ hitherto projections rebuild orders --store shop.db
  $ hitherto projections rebuild --definitions ./projections.js --store shop.db

The read model is built anew beside the one that readers see; they are switched
when it has caught up. It is done by the process that runs the projection, or
with --definitions by this one. A rebuild that is interrupted goes on when the
projection is run again.`;

/** Adds the command that builds read models anew, beside what readers see. */
export function addRebuild(group: Command, act: Act): void {
  group
    .command("rebuild")
    .summary("build a read model anew, then switch readers to it")
    .description(
      "Builds a read model anew, beside what readers see, and waits until they are switched to it.",
    )
    .argument("[name]", "name of the projection; with --definitions, all in the file if left out")
    .option("--definitions <file>", "run the projections that this module exports, in this process")
    .option("--no-wait", "only ask for it")
    .addHelpText("after", rebuildHelp)
    .action(
      act((cli, name: string | undefined, options: RebuildOptions) => {
        if (options.definitions !== undefined) return rebuildHere(cli, name, options.definitions, options);
        if (name !== undefined) return rebuildThere(cli, name, options);
        throw new UsageError("which projection? Give its name, or --definitions FILE");
      }),
    );
}

async function rebuildThere(cli: Cli, name: string, { wait }: RebuildOptions): Promise<void> {
  await cli.withStore("write", async ({ projections: admin }) => {
    await admin.rebuild(name);
    const { owner } = await admin.status(name);
    if (!wait) return saidAsked(cli, name, owner);
    if (owner === undefined) return saidNobody(cli, name);
    const isDone = ({ rebuild }: ProjectionStatus): boolean => rebuild === undefined;
    const title = `Rebuilding ${printable(name)}`;
    await saidOutcome(cli, "Rebuilt", await follow(cli, { admin, title, names: [name], isDone, goesOn }));
  });
}

const goesOn =
  "The process that runs the projection goes on with it; hitherto projections list shows how far it is.";

function saidAsked(cli: Cli, name: string, owner: string | undefined): Promise<void> {
  const shown = cli.paint("cyan", printable(name));
  const who =
    owner === undefined ? "No process runs it now; it begins when one does." : `${printable(owner)} does it.`;
  return said(cli, { projection: name, isAsked: true, owner }, `Asked for a rebuild of ${shown}. ${who}`);
}

/** What was asked for stays written down, but it cannot be waited for. */
async function saidNobody(cli: Cli, name: string): Promise<void> {
  cli.exitCode = exitCodes.failed;
  await said(
    cli,
    { projection: name, isAsked: true, owner: undefined, isDone: false },
    [
      `No process runs ${cli.paint("cyan", printable(name))} now; it is built when one does.`,
      `Run it here: hitherto projections run ${printable(name)} --once --definitions FILE`,
    ].join("\n"),
  );
}

async function rebuildHere(
  cli: Cli,
  name: string | undefined,
  file: string,
  { wait }: RebuildOptions,
): Promise<void> {
  if (!wait) throw new UsageError("--definitions and --no-wait exclude each other");
  const projections = chooseProjections(await loadProjections(file), name === undefined ? [] : [name], file);
  await cli.withStore("write", async (store) => {
    const known = await store.projections.list();
    await using runner = await store.runProjections(projections);
    await askWhereNeeded(store, projections, known);
    const versions = new Map(runner.projections.map((projection) => [projection.name, projection.version]));
    const followed = await follow(cli, {
      admin: store.projections,
      title: projections.length === 1 ? `Rebuilding ${projections[0]!.name}` : "Rebuilding",
      names: [...versions.keys()],
      isDone: (status) => status.rebuild === undefined && status.version === versions.get(status.name),
      goesOn: "It goes on where it stopped when the projection is run again.",
    });
    await saidOutcome(cli, "Rebuilt", followed);
  });
}

/** What is new, or has a new version, is built because it is run; the rest must be asked for. */
async function askWhereNeeded(
  store: Hitherto,
  projections: readonly AnyProjection[],
  known: readonly ProjectionStatus[],
): Promise<void> {
  for (const { name, version } of projections) {
    const isThere = known.some((status) => status.name === name && status.version === version);
    if (isThere) await store.projections.rebuild(name);
  }
}

const resetHelp = `
Example:
  $ hitherto projections reset orders --store shop.db

Readers see the read model empty, and then grow. It is for when what the read
model says must not be seen at all; in any other case, rebuild it.`;

interface ResetOptions {
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** Adds the command that empties a read model and builds it in place. */
export function addReset(group: Command, act: Act): void {
  group
    .command("reset")
    .summary("empty a read model and build it in place")
    .description("Empties the read model that readers see, and waits until it is built again in place.")
    .argument("<name>", "name of the projection")
    .option("--yes", "do not ask")
    .option("--no-wait", "only empty it")
    .addHelpText("after", resetHelp)
    .action(act((cli, name: string, options: ResetOptions) => reset(cli, name, options)));
}

async function reset(cli: Cli, name: string, { yes, wait }: ResetOptions): Promise<void> {
  await cli.withStore("write", async (store) => {
    const { projections: admin } = store;
    await admin.status(name);
    const question = `Empty the read model ${printable(name)}? Readers see it empty until it is built again.`;
    if (!(await confirm(cli, question, { yes }))) return;
    const head = await store.head();
    await admin.reset(name);
    if (!wait) return said(cli, { projection: name, isReset: true }, `Emptied ${cli.paint("cyan", name)}.`);
    if ((await admin.status(name)).owner === undefined) return saidNobody(cli, name);
    const isDone = ({ position }: ProjectionStatus): boolean => position >= head;
    const title = `Building ${printable(name)}`;
    await saidOutcome(cli, "Built", await follow(cli, { admin, title, names: [name], isDone, goesOn }));
  });
}
