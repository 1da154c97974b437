/**
 * `shop report`: what was sold. Now is read from the read model `sales`; a moment of the past is folded from the events,
 * which read models have left behind.
 */
import type { Hitherto } from "hitherto";
import { HithertoError } from "hitherto/core";
import type { EventStore } from "hitherto/store";
import { viewReport } from "./report-view.ts";
import { createReport, type ReportBuilder } from "./report.ts";
import { readSalesReport } from "./sales-report.ts";

/** The options of the command. */
export interface ReportCommandOptions {
  readonly json?: boolean | undefined;
  /** Days from one sample of the daily revenue to the next. */
  readonly sampleEvery?: number | undefined;
}

/** Folds the store's orders into a report. */
export async function foldReport(store: EventStore, until?: string): Promise<ReportBuilder> {
  const report = createReport();
  for await (const page of store
    .read({ categories: ["order"], ...(until !== undefined && { until }) })
    .pages()) {
    for (const event of page) report.add(event);
  }
  return report;
}

/** Makes the report of now and returns it as text: JSON, or tables for people. The read models must be up to date. */
export async function reportCommand(
  store: Pick<Hitherto, "query">,
  { json, sampleEvery }: ReportCommandOptions,
): Promise<string> {
  const { report, daily } = await readSalesReport(store, { sampleEvery });
  return json === true ? JSON.stringify(report, null, 2) : viewReport(report, daily);
}

/** Makes the report of a moment of the past, from the events alone. */
export async function pastReportCommand(
  store: EventStore,
  asOf: string,
  { json, sampleEvery }: ReportCommandOptions,
): Promise<string> {
  const builder = await foldReport(store, asOf);
  const report = builder.build({ sampleEvery });
  if (json === true) return JSON.stringify(report, null, 2);
  return `As of ${asOf}\n\n${viewReport(report, builder.dailyRevenue())}`;
}

/**
 * The moment that a date or time stands for: a date is its beginning, and a time without a zone is in UTC, as in the
 * imported file.
 *
 * @throws `ARGUMENT_INVALID` for anything else.
 */
export function momentOf(text: string): string {
  const [, date, time = "00:00", zone = "Z"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ]([\d:.]+)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? [];
  const moment = new Date(`${date}T${time}${zone}`);
  const isReal =
    !Number.isNaN(moment.getTime()) && new Date(`${date}T00:00Z`).toISOString().slice(0, 10) === date;
  if (isReal) return moment.toISOString();
  const problem = `${JSON.stringify(text)} is neither a date such as 2011-02-01 nor a time such as 2011-02-01T12:00Z`;
  throw new HithertoError("ARGUMENT_INVALID", { argument: "--as-of", problem });
}
