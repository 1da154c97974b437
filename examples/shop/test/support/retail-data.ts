// The real data: in the folder that HITHERTO_RETAIL_DATA names, or in data/online-retail of a folder beside the
// repository. Where it is missing, a made-up file with the same quirks takes its place.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import type { Report } from "../../src/report.ts";
import { transactionFiles } from "./generated-transactions.ts";
import { naiveReport } from "./naive-report.ts";
import { csvOf, writeCsv } from "./transactions.ts";

/** A file of transactions, and what the report must say of it. */
export interface RetailData {
  readonly path: string;
  /** As it is printed: pretty JSON. */
  readonly expected: string;
  readonly isReal: boolean;
}

const root = fileURLToPath(new URL("../../../..", import.meta.url));

/** The real data, or made-up data written into `folder`. */
export function findRetailData(folder: string): RetailData {
  const home = process.env["HITHERTO_RETAIL_DATA"] ?? beside(root);
  if (home !== undefined && existsSync(join(home, "expected.json"))) {
    const expected = readFileSync(join(home, "expected.json"), "utf8").trim();
    return { path: join(home, "transactions.csv.gz"), expected, isReal: true };
  }
  console.warn(
    "\n*** THE REAL DATA IS MISSING: the shop's import is tested on made-up transactions only. Name the folder of the" +
      "\n*** Online Retail files (transactions.csv.gz, expected.json) in HITHERTO_RETAIL_DATA to test on the real ones.\n",
  );
  return madeUpData(folder);
}

function beside(folder: string): string | undefined {
  const [found] = globSync("../*/data/online-retail", { cwd: folder });
  return found === undefined ? undefined : join(folder, found);
}

/** Made-up data with the quirks of the real ones, written into `folder`. */
export function madeUpData(folder: string, invoices = 4_000): RetailData {
  const [rows = []] = fc.sample(transactionFiles({ min: invoices, max: invoices }), {
    numRuns: 1,
    seed: 2011,
  });
  const expected: Report = naiveReport(rows);
  return {
    path: writeCsv(folder, "transactions.csv.gz", csvOf(rows)),
    expected: JSON.stringify(expected, null, 2),
    isReal: false,
  };
}
