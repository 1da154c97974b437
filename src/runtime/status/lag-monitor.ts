/**
 * Watches a lag and says when it begins, and when it ceases, to be too much. It looks by the clock, not by the progress
 * made, so it also tells of work that stands still: halted, paused, or stuck in a handler.
 *
 * States
 * - **within**: the lag was no more than the threshold. A look that finds more says so and leads to *beyond*.
 * - **beyond**: a look that finds less than half of the threshold says so and leads back to *within*; anything between
 *   changes nothing, so that a lag that hovers about the threshold is not told again and again.
 * - **stopped**: by `stop`, or because the store was closed. Nothing is told any more.
 */
import type { EventFilter } from "../../core/query.ts";
import { endsHandle } from "../../store/ends-handle.ts";
import type { Lag } from "../work-status.ts";
import type { Work } from "../work.ts";
import { measureLag } from "./lag.ts";

/** What to watch. */
export interface LagMonitorOptions {
  /** The threshold. */
  readonly alertMs: number;
  /** Which events count. */
  readonly filter?: EventFilter | undefined;
  /** The position worked off; undefined while there is nothing to be said, which counts as no lag. */
  readonly position: () => number | undefined | Promise<number | undefined>;
  /** Told when the lag begins (`isTooMuch`) or ceases to be too much. Must not throw. */
  readonly onLag: (lag: Lag) => void;
  /** Told of looks that fail; the next one takes place all the same. */
  readonly onError: (error: unknown) => void;
}

/** A lag being watched. */
export interface LagMonitor {
  /** Looks now rather than at the next time; when catching up, say. */
  check(): Promise<void>;
  stop(): void;
}

const intervalMsMax = 1_000;

/** Watches the lag of something from now on. Its timer keeps no process alive. */
export function monitorLag(work: Pick<Work, "store" | "plan">, options: LagMonitorOptions): LagMonitor {
  const { alertMs, filter, position, onLag, onError } = options;
  const monitor = { isBeyond: false, isStopped: false };

  const measure = async (): Promise<Lag> => {
    const head = await work.store.head();
    const reached = (await position()) ?? head;
    return measureLag(work.store, { position: reached, head, filter, now: work.plan.clock(), alertMs });
  };
  const look = async (): Promise<void> => {
    const lag = await measure();
    if (monitor.isStopped || !hasTurned(monitor.isBeyond, lag, alertMs)) return;
    monitor.isBeyond = !monitor.isBeyond;
    onLag(lag);
  };
  const stop = (): void => {
    monitor.isStopped = true;
    clearInterval(timer);
  };
  const looks = oneAtATime(() =>
    look().catch((error: unknown) => {
      if (endsHandle(error)) stop();
      else if (!monitor.isStopped) onError(error);
    }),
  );
  const timer = setInterval(() => void looks(), Math.min(intervalMsMax, Math.ceil(alertMs / 2))).unref();
  return { check: looks, stop };
}

function hasTurned(isBeyond: boolean, lag: Lag, alertMs: number): boolean {
  return isBeyond ? lag.ms < alertMs / 2 || lag.ms === 0 : lag.isTooMuch;
}

/** A call while one is under way shares its result. */
function oneAtATime(task: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  return () => {
    underWay ??= task().finally(() => (underWay = undefined));
    return underWay;
  };
}
