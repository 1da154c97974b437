/**
 * Bringing the shop's read models up to date, and building them anew, with a bar for each where a person watches.
 *
 * Both can be killed anywhere: what a batch has done and its place in the log are stored together, so the next run goes
 * on from there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MultiBar, type SingleBar } from "cli-progress";
import type { AnyProjection, Hitherto, ProjectionStatus } from "hitherto";
import { formatCount } from "./console.ts";
import { orders } from "./orders.ts";
import { products } from "./products.ts";
import { sales } from "./sales.ts";

/** All of them. */
export const readModels: readonly AnyProjection[] = [orders, products, sales];

/** Whether to draw. */
export interface ProgressOptions {
  /** Draw nothing: what is printed is for a program. */
  readonly isQuiet?: boolean | undefined;
}

/** Brings all read models up to the end of the log, unless another process is at it; then waits for that one. */
export async function catchUp(store: Hitherto, options: ProgressOptions = {}): Promise<void> {
  await using runner = await store.runProjections(readModels);
  await withBars(store, options, async () => runner.caughtUp());
}

/** Builds read models anew, beside those that are read meanwhile. */
export async function rebuild(
  store: Hitherto,
  names: readonly string[],
  options: ProgressOptions = {},
): Promise<void> {
  await using runner = await store.runProjections(readModels);
  for (const name of names) await store.projections.rebuild(name);
  await withBars(store, options, async () => {
    // One that is halted does not get there; `caughtUp` throws why.
    const isUnderWay = ({ name, rebuild: built }: ProjectionStatus): boolean =>
      names.includes(name) && built !== undefined && built.state !== "halted";
    while ((await store.projections.list()).some(isUnderWay)) await sleep(lookMs);
    await runner.caughtUp();
  });
}

const lookMs = 100;

/** What takes less time than this is not worth a bar. */
const patienceMs = 300;

async function withBars(
  store: Hitherto,
  { isQuiet = false }: ProgressOptions,
  work: () => Promise<void>,
): Promise<void> {
  const done = new AbortController();
  const drawing = isQuiet || !process.stderr.isTTY ? undefined : drawBars(store, done.signal);
  try {
    await work();
  } finally {
    done.abort();
    await drawing;
  }
}

async function drawBars(store: Hitherto, done: AbortSignal): Promise<void> {
  await sleep(patienceMs, undefined, { signal: done }).catch(() => undefined);
  if (done.aborted) return;
  const multi = new MultiBar({
    format: "{name} {bar} {percentage} % · {rate} events/s · {eta_formatted} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
  });
  const bars = new Map<string, Bar>();
  while (!done.aborted) {
    for (const status of await store.projections.list()) drawBar(multi, bars, status);
    await sleep(lookMs, undefined, { signal: done }).catch(() => undefined);
  }
  multi.stop();
}

/** A bar, and where it was when it appeared. */
interface Bar {
  readonly bar: SingleBar;
  readonly from: number;
  readonly beganAt: number;
}

function drawBar(multi: MultiBar, bars: Map<string, Bar>, status: ProjectionStatus): void {
  const { name, position: reached, lag } = status;
  const { position, head } = status.rebuild ?? { position: reached, head: reached + lag.events };
  const shown = bars.get(name) ?? {
    bar: multi.create(1, 0, { name: name.padEnd(9), rate: "–" }),
    from: position,
    beganAt: performance.now(),
  };
  bars.set(name, shown);
  const seconds = Math.max(0.001, (performance.now() - shown.beganAt) / 1_000);
  const rate = Math.max(0, Math.round((position - shown.from) / seconds));
  shown.bar.setTotal(Math.max(1, head));
  // A bar at its end is not moved any more, so that the rate stays what it was.
  if (position < head) shown.bar.update(position, { rate: formatCount(rate) });
  else if (shown.bar.getProgress() < 1) shown.bar.update(Math.max(1, head));
}
