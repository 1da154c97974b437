// The shop's commands: `npm run shop -- --help`.
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { open } from "hitherto";
import { isHithertoError } from "hitherto/core";
import { runDemo } from "./demo.ts";
import { importCommand, type ImportCommandOptions } from "./import-command.ts";
import { momentOf, reportCommand, type ReportCommandOptions } from "./report-command.ts";

/** It failed, or the command line itself is wrong. */
const exitCodes = { failed: 1, usage: 2 } as const;

interface StoreOption {
  readonly store: string;
}

const program = new Command("shop")
  .description("A shop on Hitherto: orders as events, and old invoices too.")
  .showHelpAfterError("Add --help to see what is possible.")
  .exitOverride();

program
  .command("demo")
  .description("Take made-up orders in a fresh store, and show what happened.")
  .option("--seed <n>", "the same number gives the same orders", wholeNumber)
  .option("--orders <n>", "how many orders, at least 6", wholeNumber)
  .action(async (options: { readonly seed?: number; readonly orders?: number }) => {
    await runDemo((line = "") => console.log(line), options);
  });

program
  .command("import")
  .description("Import a CSV file of transactions (also .csv.gz): a stream of events for each invoice.")
  .argument("<file>", "the columns of the Online Retail data set; its local times are taken as UTC")
  .requiredOption("--store <url>", "the store, such as shop.db; made if it is not there")
  .option("--skip-invalid", "leave out, and count, lines that are not valid and the invoices they belong to")
  .option("--json", "print what was done as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- import transactions.csv.gz --store shop.db")
  .action(async (file: string, options: ImportCommandOptions & StoreOption) => {
    console.log(await importCommand(() => open(options.store), file, options));
  });

program
  .command("report")
  .description("Say what was sold, from the events alone.")
  .requiredOption("--store <url>", "the store, such as shop.db")
  .option(
    "--as-of <moment>",
    "only what was recorded up to then: 2011-02-01 (its beginning, UTC) or 2011-02-01T12:00Z",
    momentOf,
  )
  .option(
    "--sample-every <days>",
    "days from one sample of the daily revenue to the next (default 20)",
    wholeNumber,
  )
  .option("--json", "print the report as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- report --store shop.db --as-of 2011-02-01")
  .action(async (options: ReportCommandOptions & StoreOption) => {
    await using store = await open(options.store, { mode: "read" });
    console.log(await reportCommand(store, options));
  });

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number above zero.");
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitCodes.usage;
  } else if (isHithertoError(error)) {
    console.error(`${error.message} [${error.code}]`);
    process.exitCode = exitCodes.failed;
  } else {
    throw error;
  }
}
