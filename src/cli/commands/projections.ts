import type { Command } from "commander";
import type { Act } from "../program.ts";
import { projectionKind } from "../work/projection-kind.ts";
import { addLookCommands, addPauseCommands, addRemoveCommand } from "../work/work-commands.ts";
import { addRebuild, addReset } from "./projections-rebuild.ts";
import { addRun } from "./projections-run.ts";

const help = `
Examples:
  $ hitherto projections list --watch --store shop.db
  $ hitherto projections rebuild orders --store shop.db
  $ hitherto projections run --definitions ./projections.js --store shop.db

What is asked for here is written down in the store, and carried out by the
processes that run the projection. run, and rebuild with --definitions, do so
in this process.`;

/** Adds the commands that look after projections. */
export function addProjections(program: Command, act: Act): void {
  const group = program
    .command("projections")
    .summary("look after projections: list, run, rebuild, pause …")
    .description("Looks after projections and their read models, whichever processes run them.")
    .helpCommand(false)
    .addHelpText("after", help);
  addLookCommands(group, act, projectionKind);
  addRun(group, act);
  addPauseCommands(group, act, projectionKind);
  addRebuild(group, act);
  addReset(group, act);
  addRemoveCommand(group, act, projectionKind);
}
