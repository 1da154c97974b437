/** `shop import`: reads a file of transactions into a store, with a progress bar where a person watches. */
import { SingleBar } from "cli-progress";
import type { Hitherto } from "hitherto";
import { HithertoError } from "hitherto/core";
import { formatCount } from "./console.ts";
import {
  importTransactions,
  type ImportResult,
  invalidKept,
  type Survey,
  surveyTransactions,
} from "./import.ts";
import { catchUp } from "./read-models.ts";

/** The options of the command. */
export interface ImportCommandOptions {
  /** Leave out, and count, lines that are not valid and the invoices they belong to. */
  readonly skipInvalid?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/**
 * Imports the file and returns what to print. Notes for people go to standard error.
 *
 * @throws `LINE_INVALID` for the first line that is not valid, before anything is stored; none with `skipInvalid`.
 */
export async function importCommand(
  openStore: () => Promise<Hitherto>,
  path: string,
  options: ImportCommandOptions,
): Promise<string> {
  const began = performance.now();
  const survey = await surveyTransactions(path);
  showInvalid(path, survey);
  const [first] = survey.invalid;
  if (first !== undefined && options.skipInvalid !== true) {
    throw new HithertoError("LINE_INVALID", { source: path, line: first.line, problem: first.problem });
  }
  await using store = await openStore();
  const result = await importWithProgress(store, path, survey, options);
  const importMs = performance.now() - began;
  await catchUp(store, { isQuiet: options.json });
  if (options.json === true) return JSON.stringify(summaryOf(path, survey, result), null, 2);
  const readModelsMs = performance.now() - began - importMs;
  return inWords(survey, result, { importMs, readModelsMs });
}

async function importWithProgress(
  store: Hitherto,
  path: string,
  survey: Survey,
  options: ImportCommandOptions,
): Promise<ImportResult> {
  const progress = startProgress(survey.rows, options);
  try {
    const onProgress = (rows: number): void => progress.update(rows);
    return await importTransactions(store, path, survey, { skipChanged: options.skipInvalid, onProgress });
  } finally {
    progress.stop();
  }
}

const invalidShown = 20;

/** All that is wrong with the file, at once. */
function showInvalid(path: string, { invalid, invalidCount }: Survey): void {
  for (const { line, problem, text } of invalid.slice(0, invalidShown)) {
    console.error(`${path}:${line}: ${problem}\n    ${JSON.stringify(text.slice(0, 120))}`);
  }
  if (invalidCount > invalidShown) console.error(`… ${formatCount(invalidCount - invalidShown)} more lines`);
}

interface Progress {
  update(rows: number): void;
  stop(): void;
}

function startProgress(total: number, { json }: ImportCommandOptions): Progress {
  if (json === true || !process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format:
      "Importing {bar} {percentage} % · {value} of {total} lines · {rate} lines/s · {eta_formatted} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
  });
  const began = performance.now();
  bar.start(total, 0, { rate: "–" });
  return {
    update: (rows) => {
      if (rows === 0) return;
      const seconds = Math.max(0.001, (performance.now() - began) / 1_000);
      bar.update(rows, { rate: formatCount(Math.round(rows / seconds)) });
    },
    stop: () => bar.stop(),
  };
}

function summaryOf(path: string, survey: Survey, result: ImportResult): object {
  return {
    source: path,
    rows: result.rows,
    invoices: result.invoices,
    alreadyStored: result.alreadyStored,
    events: result.events,
    skippedLines: survey.invalidCount,
    skippedInvoices: [...new Set([...survey.spoiltInvoices, ...result.changedInvoices])].slice(
      0,
      invalidKept,
    ),
  };
}

interface Durations {
  readonly importMs: number;
  readonly readModelsMs: number;
}

function inWords(survey: Survey, result: ImportResult, { importMs, readModelsMs }: Durations): string {
  const lines = [
    `${formatCount(result.rows)} lines of ${formatCount(result.invoices)} invoices are in the store, as ` +
      `${formatCount(result.events)} events (${(importMs / 1_000).toFixed(1)} s). Local times were taken as UTC.`,
    `The read models are up to date (${(readModelsMs / 1_000).toFixed(1)} s).`,
  ];
  if (result.alreadyStored > 0) {
    lines.push(`${formatCount(result.alreadyStored)} of these invoices were there before.`);
  }
  if (survey.invalidCount > 0) {
    const invoices = formatCount(survey.spoiltInvoices.size);
    lines.push(
      `Left out: ${formatCount(survey.invalidCount)} invalid lines, and with them ${invoices} invoices.`,
    );
  }
  if (result.changedInvoices.length > 0) {
    lines.push(
      `Left out, because the store has other lines for them: invoices ${result.changedInvoices.join(", ")}.`,
    );
  }
  return lines.join("\n");
}
