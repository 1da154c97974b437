/**
 * The `hitherto` command: its sub-commands, its help, and how a run of it ends.
 */
import { Command, CommanderError } from "commander";
import { Cli } from "./cli.ts";
import type { CommonOptions } from "./cli.ts";
import { paintFor } from "./colours.ts";
import { addAppend } from "./commands/append.ts";
import { addBackup } from "./commands/backup.ts";
import { addConsumers } from "./commands/consumers.ts";
import { addExport } from "./commands/export.ts";
import { addImport } from "./commands/import.ts";
import { addLifecycle } from "./commands/lifecycle.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addParked } from "./commands/parked.ts";
import { addProjections } from "./commands/projections.ts";
import { addRead } from "./commands/read.ts";
import { addRestore } from "./commands/restore.ts";
import { addStats } from "./commands/stats.ts";
import { addStreams } from "./commands/streams.ts";
import { addVerify } from "./commands/verify.ts";
import { reportError } from "./report-error.ts";
import { withSafeOutput } from "./safe-output.ts";
import { exitCodes } from "./surroundings.ts";
import type { ExitCode, Surroundings } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

/** Makes a commander action of a function that takes a {@link Cli}, the arguments and the options. */
export type Act = <Args extends unknown[]>(run: (cli: Cli, ...args: Args) => Promise<void>) => CommandAction;

/** Commander calls an action with the arguments, the options and the command. */
type CommandAction = (this: Command, ...args: unknown[]) => Promise<void>;

const help = `
Examples:
  $ hitherto append order-17 --type OrderPlaced --data '{"total": 100}' \\
      --store shop.db
  $ hitherto read order-17 --store shop.db
  $ hitherto read --follow --store shop.db
  $ hitherto export --out shop.ndjson.gz --store shop.db
  $ hitherto projections list --watch --store shop.db

Exit codes: 0 done, 1 failed, refused or damaged, 2 wrong command line,
130 interrupted. Add --help to a command to see its options and examples.`;

/** Builds the command. Its actions set `exitCode` through `end`, and throw what {@link runProgram} reports. */
export function createProgram(
  surroundings: Surroundings,
  end: (exitCode: ExitCode) => void = () => {},
): Command {
  const program = new Command("hitherto")
    .description("Looks into Hitherto event stores, and looks after what is made of their events.")
    .option("--store <url>", "the store: a path such as shop.db, or postgres://… (env: HITHERTO_STORE)")
    .option("--json", "write JSON for programs, and errors as JSON")
    .version(surroundings.version, "--version", "show the version")
    .helpOption("--help", "show this help")
    .helpCommand(false)
    .addHelpText("after", help);
  configure(program, surroundings);
  // What the arguments and options are is said twice, to commander and in the types of `run`; the tests hold them together.
  const act = <Args extends unknown[]>(run: (cli: Cli, ...args: Args) => Promise<void>): CommandAction =>
    async function (...args) {
      refuseEmptyOptions(this);
      const cli = new Cli(surroundings, this.optsWithGlobals<CommonOptions>());
      // Commander knows the arguments and options only by their names; the tests hold them and their types together.
      await run(cli, ...(args as Args));
      end(cli.exitCode);
    };
  for (const add of commands) add(program, act);
  return program;
}

const commands = [
  addAppend,
  addRead,
  addStreams,
  addStats,
  addVerify,
  addExport,
  addImport,
  addBackup,
  addRestore,
  addLifecycle,
  addMigrate,
  addProjections,
  addConsumers,
  addParked,
];

/** Runs the command with the arguments behind its name. Never throws: what goes wrong is reported. */
export async function runProgram(args: readonly string[], given: Surroundings): Promise<ExitCode> {
  const surroundings = withSafeOutput(given);
  let exitCode: ExitCode = exitCodes.ok;
  const program = createProgram(surroundings, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    // Without a command, commander has shown the help already.
    if (error instanceof CommanderError && error.code === "commander.help") return exitCodes.usage;
    return reportError(error, surroundings, args.includes("--json"));
  }
}

/** An empty value comes of a shell variable that is not set: taken as it is, it would choose everything, or nothing. */
function refuseEmptyOptions(command: Command): void {
  const values: Readonly<Record<string, unknown>> = command.opts();
  for (const option of command.options) {
    const value = values[option.attributeName()];
    if ([value].flat().includes("")) throw new UsageError(`${option.long ?? option.flags} is empty`);
  }
}

function configure(program: Command, { stdout, stderr, env }: Surroundings): void {
  const paint = paintFor(stdout, env);
  const width = (): number => Math.min(stdout.isTTY === true ? (stdout.columns ?? 80) : 80, 100);
  program
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      // Errors are reported by `reportError`, in one form for all.
      outputError: () => undefined,
      getOutHelpWidth: width,
      getErrHelpWidth: width,
      getOutHasColors: () => true,
      getErrHasColors: () => true,
    })
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (text) => paint("bold", text),
      styleCommandText: (text) => paint("cyan", text),
      styleOptionTerm: (text) => paint("cyan", text),
      styleSubcommandTerm: (text) => paint("cyan", text),
      styleArgumentTerm: (text) => paint("cyan", text),
    });
}
