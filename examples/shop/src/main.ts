// The shop's commands: `npm run shop -- --help`.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type Hitherto, open } from "hitherto";
import { isHithertoError } from "hitherto/core";
import { type DemoOptions, runDemo } from "./demo.ts";
import { importCommand, type ImportCommandOptions } from "./import-command.ts";
import { orderCommand, ordersCommand, type OrdersCommandOptions } from "./orders-command.ts";
import { orderStatuses } from "./orders.ts";
import { productOrders, productsCommand, type ProductsCommandOptions } from "./products-command.ts";
import { catchUp, readModels } from "./read-models.ts";
import { rebuildCommand } from "./rebuild-command.ts";
import { momentOf, pastReportCommand, reportCommand, type ReportCommandOptions } from "./report-command.ts";

/** It failed, or the command line itself is wrong. */
const exitCodes = { failed: 1, usage: 2 } as const;

interface JsonOption {
  readonly json?: boolean | undefined;
}

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
  .option("--store <url>", "an empty store, or one that is not there yet (default: a temporary file)")
  .action(async (options: DemoOptions) => {
    await runDemo((line = "") => console.log(line), options);
  });

program
  .command("import")
  .description("Import a CSV file of transactions (also .csv.gz): a stream of events for each invoice.")
  .argument("<file>", "the columns of the Online Retail data set; its local times are taken as UTC")
  .requiredOption(
    "--store <url>",
    "the store, such as shop.db or postgres://localhost/shop; made if it is not there",
  )
  .option("--skip-invalid", "leave out, and count, lines that are not valid and the invoices they belong to")
  .option("--json", "print what was done as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- import transactions.csv.gz --store shop.db")
  .action(async (file: string, options: ImportCommandOptions & StoreOption) => {
    console.log(await importCommand(() => open(options.store), file, options));
  });

program
  .command("report")
  .description("Say what was sold, now or as of a moment of the past.")
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
  .action(async ({ asOf, ...options }: ReportCommandOptions & StoreOption & { readonly asOf?: string }) => {
    if (asOf === undefined) return print(options, (store) => reportCommand(store, options));
    await using store = await open(options.store, { mode: "read" });
    console.log(await pastReportCommand(store, asOf, options));
  });

program
  .command("orders")
  .description("List orders, newest first.")
  .requiredOption("--store <url>", "the store, such as shop.db")
  .option("--customer <name>", "only those of a customer")
  .addOption(new Option("--status <status>", "only those that stand so").choices(orderStatuses))
  .option("--limit <n>", "orders on a page (default 20)", wholeNumber)
  .option("--after <cursor>", "the next page, as the page before it said")
  .option("--json", "print them as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- orders --customer 17850.0 --store shop.db")
  .action((options: OrdersCommandOptions & StoreOption) =>
    print(options, (store) => ordersCommand(store, options)),
  );

program
  .command("order")
  .description("Show an order.")
  .argument("<number>", "such as 536365")
  .requiredOption("--store <url>", "the store, such as shop.db")
  .option("--json", "print it as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- order 536365 --store shop.db")
  .action((number: string, options: JsonOption & StoreOption) =>
    print(options, async (store) => {
      const text = await orderCommand(store, number, options);
      if (text !== undefined) return text;
      console.error(`There is no order ${number}.`);
      process.exitCode = exitCodes.failed;
      return undefined;
    }),
  );

program
  .command("top-products")
  .description("List what sells best.")
  .requiredOption("--store <url>", "the store, such as shop.db")
  .addOption(new Option("--by <measure>", "what counts (default revenue)").choices(productOrders))
  .option("--limit <n>", "how many (default 10)", wholeNumber)
  .option("--json", "print them as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- top-products --by pieces --store shop.db")
  .action((options: ProductsCommandOptions & StoreOption) =>
    print(options, (store) => productsCommand(store, options)),
  );

program
  .command("rebuild")
  .description("Build read models anew, while they go on being read. Killed, it goes on where it was.")
  .addArgument(new Argument("[names...]", "default: all of them").choices(readModels.map(({ name }) => name)))
  .requiredOption("--store <url>", "the store, such as shop.db")
  .option("--json", "print what was built as JSON")
  .addHelpText("after", "\nExample:\n  $ npm run shop -- rebuild sales --store shop.db")
  .action(async (names: readonly string[], options: JsonOption & StoreOption) => {
    await using store = await open(options.store, { mode: "write" });
    console.log(await rebuildCommand(store, names, options));
  });

/** Brings the read models up to date, and prints what is read from them. */
async function print(
  { store: url, json }: JsonOption & StoreOption,
  read: (store: Hitherto) => Promise<string | undefined>,
): Promise<void> {
  await using store = await open(url, { mode: "write" });
  await catchUp(store, { isQuiet: json });
  const text = await read(store);
  if (text !== undefined) console.log(text);
}

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
