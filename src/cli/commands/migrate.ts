import type { Command } from "commander";
import type { PostgresMigration } from "../../postgres/migrate-store.ts";
import type { Cli } from "../cli.ts";
import { printable } from "../format.ts";
import type { Act } from "../program.ts";
import { UsageError } from "../usage-error.ts";

const help = `
Examples:
  $ hitherto migrate --store postgres://owner@localhost/bank
  $ hitherto migrate --dry-run --grant bank_app \\
      --store postgres://owner@localhost/bank | psql -1 bank

For stores on PostgreSQL whose applications may not make tables themselves. A
store in a file is lifted when it is opened for writing.`;

interface MigrateOptions {
  readonly dryRun?: boolean;
  readonly grant?: string;
}

/** Adds the command that makes or lifts a store on a server. */
export function addMigrate(program: Command, act: Act): void {
  program
    .command("migrate")
    .summary("make a store on PostgreSQL, or lift it to this version")
    .description("Makes a store on PostgreSQL, or lifts it to the format of this version of Hitherto.")
    .option("--dry-run", "print the SQL and change nothing")
    .option("--grant <role>", "give a role what an application needs: all but changing events")
    .addHelpText("after", help)
    .action(act((cli, options: MigrateOptions) => migrate(cli, options)));
}

async function migrate(cli: Cli, { dryRun = false, grant: grantTo }: MigrateOptions): Promise<void> {
  const url = cli.storeUrl();
  if (!/^postgres(ql)?:/i.test(url)) {
    throw new UsageError("migrate is for stores on PostgreSQL; others are lifted when they are opened");
  }
  // Loaded when it is asked for, as `open` does.
  const { migratePostgresStore, planPostgresMigration } = await import("../../postgres/migrate-store.ts");
  const migration = await (dryRun ? planPostgresMigration : migratePostgresStore)(url, { grantTo });
  if (dryRun && migration.sql === "" && !cli.isJson) {
    cli.note(`Nothing to do: the store has format ${migration.toFormat}.`);
    return;
  }
  await cli.out.line(dryRun ? planInWords(cli, migration) : resultInWords(cli, migration));
}

function planInWords(cli: Cli, migration: PostgresMigration): string {
  return cli.isJson ? JSON.stringify(migration) : migration.sql.trim();
}

function resultInWords(cli: Cli, { store, fromFormat, toFormat }: PostgresMigration): string {
  if (cli.isJson) return JSON.stringify({ store, fromFormat, toFormat });
  const name = printable(store);
  if (fromFormat === 0) return `Made ${name}: format ${toFormat}.`;
  if (fromFormat === toFormat) return `Nothing to do: ${name} has format ${toFormat}.`;
  return `Lifted ${name} from format ${fromFormat} to ${toFormat}.`;
}
