/**
 * A progress bar on standard error, where a person watches.
 */
import { SingleBar } from "cli-progress";
import type { Cli } from "./cli.ts";
import { formatDuration, formatNumber } from "./format.ts";

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
}

/** Begins a progress bar. It stays silent unless standard error is a terminal and the output is for people. */
export function startProgress(cli: Cli, { title, total }: ProgressOptions): Progress {
  const { stderr } = cli.surroundings;
  const began = performance.now();
  const elapsedMs = (): number => performance.now() - began;
  if (cli.isJson || stderr.isTTY !== true) {
    return { update: () => undefined, elapsedMs, stop: () => undefined };
  }
  const bar = new SingleBar({
    format: total === undefined ? `${title} {events} · {rate}/s · {elapsed}` : barFormat(title),
    stream: stderr,
    barsize: 20,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    clearOnComplete: true,
    gracefulExit: false,
    etaBuffer: 50,
    fps: 8,
  });
  const payload = (events: number): object => ({
    events: `${formatNumber(events)} events`,
    rate: formatNumber(Math.round((events * 1_000) / Math.max(1, elapsedMs()))),
    elapsed: formatDuration(elapsedMs()),
  });
  bar.start(total ?? 0, 0, payload(0));
  return {
    update: (done, events, grown = total) => {
      if (grown !== undefined) bar.setTotal(grown);
      bar.update(Math.min(done, grown ?? done), payload(events));
    },
    elapsedMs,
    stop: () => bar.stop(),
  };
}

function barFormat(title: string): string {
  return `${title} {bar} {percentage} % · {events} · {rate}/s · {eta_formatted} left`;
}
