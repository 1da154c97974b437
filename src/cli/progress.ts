/**
 * A progress bar on standard error, where a person watches.
 */
import { SingleBar } from "cli-progress";
import type { Cli } from "./cli.ts";
import { formatBytes, formatDuration, formatNumber, printable } from "./format.ts";
import { rawOutput } from "./safe-output.ts";

/** Shows how far a long command has come. */
export interface Progress {
  /** `done` counts towards the total, which may have grown meanwhile; `events` is what is shown. */
  update(done: number, events: number, total?: number): void;
  /** Milliseconds since it began. */
  elapsedMs(): number;
  /** Removes the bar. */
  stop(): void;
}

/** What a progress bar is about. */
export interface ProgressOptions {
  /** Such as `Importing`. */
  readonly title: string;
  /** What `done` comes to in the end; undefined when that is not known, and then there is no bar, only the count. */
  readonly total: number | undefined;
  /** What was done before it began. Default 0. */
  readonly from?: number;
  /** What is counted. Default `events`. */
  readonly unit?: "events" | "bytes";
}

/** Begins a progress bar. It stays silent unless standard error is a terminal and the output is for people. */
export function startProgress(
  cli: Cli,
  { title, total, from = 0, unit = "events" }: ProgressOptions,
): Progress {
  const { stderr } = cli.surroundings;
  const began = performance.now();
  const elapsedMs = (): number => performance.now() - began;
  if (cli.isJson || stderr.isTTY !== true) {
    return { update: () => undefined, elapsedMs, stop: () => undefined };
  }
  const bar = new SingleBar({
    format:
      total === undefined
        ? `${printable(title)} {events} · {rate}/s · {elapsed}`
        : barFormat(printable(title)),
    stream: rawOutput(stderr),
    barsize: 20,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    clearOnComplete: true,
    gracefulExit: false,
    fps: 8,
  });
  const payload = (events: number, done: number, of = 0): object => ({
    events: unit === "bytes" ? formatBytes(events) : `${formatNumber(events)} events`,
    rate: (unit === "bytes" ? formatBytes : formatNumber)(
      Math.round((events * 1_000) / Math.max(1, elapsedMs())),
    ),
    elapsed: formatDuration(elapsedMs()),
    left: leftInWords({ done: done - from, remaining: of - done, elapsedMs: elapsedMs() }),
  });
  bar.start(total ?? 0, from, payload(0, from));
  return {
    update: (done, events, grown = total) => {
      if (grown !== undefined) bar.setTotal(grown);
      bar.update(Math.min(done, grown ?? done), payload(events, done, grown));
    },
    elapsedMs,
    stop: () => bar.stop(),
  };
}

function barFormat(title: string): string {
  return `${title} {bar} {percentage} % · {events} · {rate}/s · {left}`;
}

interface Course {
  /** What has been done since it began, and what remains of the total. */
  readonly done: number;
  readonly remaining: number;
  readonly elapsedMs: number;
}

function leftInWords({ done, remaining, elapsedMs }: Course): string {
  return done <= 0 ? "…" : `${formatDuration(Math.max(0, remaining / done) * elapsedMs)} left`;
}
