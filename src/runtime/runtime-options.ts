/**
 * How definitions are run: the options of `open` and `createHitherto`, checked and completed.
 */
import { HithertoError } from "../core/errors.ts";
import type { AnyProjection } from "../core/projection.ts";
import { inWords } from "../store/check-input.ts";
import { checkedClock } from "../store/clock.ts";
import { reportTo } from "../store/diagnostic.ts";
import type { Diagnostic, Report } from "../store/diagnostic.ts";

/** When snapshots are taken, and how many are kept. */
export interface SnapshotPolicy {
  /** A snapshot is taken whenever the number of a stream's events passes a multiple of this. Default 100. */
  readonly every?: number | undefined;
  /** Snapshots kept of each stream and decider. Default 3. */
  readonly keep?: number | undefined;
  /** A snapshot older than this is taken again once there are newer events. Default: age does not matter. */
  readonly maxAgeMs?: number | undefined;
}

/**
 * How definitions are run.
 *
 * @example
 * ```ts
 * import type { RuntimeOptions } from "hitherto";
 * const options: RuntimeOptions = {
 *   snapshots: { every: 500, keep: 1 },
 *   onError: ({ operation, stream, error }) => console.warn(operation, stream, error),
 * };
 * ```
 */
export interface RuntimeOptions {
  /** When to take snapshots. `false`: only when asked to, and they are not used. */
  readonly snapshots?: SnapshotPolicy | false | undefined;
  /** States kept in memory, those used last. 0 keeps none. Default 1,000. */
  readonly cacheSize?: number | undefined;
  /** The time now, of the years 1970 to 9999; any other is refused with `ARGUMENT_INVALID`. Default: the machine's clock. */
  readonly clock?: (() => Date) | undefined;
  /** A number from 0 up to 1, for the jitter between retries. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /**
   * Projections to run inline: each append through this handle also brings their read models up to date, in the same
   * transaction. An event that such a projection can not take refuses its append. What others append, or what was
   * there before, is caught up in the background.
   */
  readonly inline?: readonly AnyProjection[] | undefined;
  /** Told of what goes wrong in the background. Default: a process warning. */
  readonly onError?: ((diagnostic: Diagnostic) => void) | undefined;
}

/** Complete options. */
export interface RuntimePlan {
  readonly snapshots: { readonly every: number; readonly keep: number; readonly maxAgeMs: number } | false;
  readonly cacheSize: number;
  readonly clock: () => Date;
  readonly random: () => number;
  readonly inline: readonly AnyProjection[];
  /** Never throws. */
  readonly report: Report;
}

/** Checks options and fills in the defaults. @throws `ARGUMENT_INVALID` */
export function planRuntime(options: RuntimeOptions = {}): RuntimePlan {
  if (typeof options !== "object" || options === null) refuse("options", "an object", options);
  const { snapshots = {}, cacheSize = 1_000, clock, random = Math.random } = options;
  const { onError } = options;
  requireInteger("cacheSize", cacheSize, 0);
  for (const [argument, value] of Object.entries({ clock, random, onError })) {
    if (value !== undefined && typeof value !== "function") refuse(argument, "a function", value);
  }
  const report = reportTo(onError);
  return {
    snapshots: planSnapshots(snapshots),
    cacheSize,
    clock: checkedClock(clock),
    random,
    inline: options.inline ?? [],
    report,
  };
}

function planSnapshots(policy: SnapshotPolicy | false): RuntimePlan["snapshots"] {
  if (policy === false) return false;
  if (typeof policy !== "object" || policy === null) refuse("snapshots", "an object or false", policy);
  const { every = 100, keep = 3, maxAgeMs = Infinity } = policy;
  requireInteger("snapshots.every", every, 1);
  requireInteger("snapshots.keep", keep, 1);
  if (maxAgeMs !== Infinity) requireInteger("snapshots.maxAgeMs", maxAgeMs, 1);
  return { every, keep, maxAgeMs };
}

function requireInteger(argument: string, value: unknown, least: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  refuse(argument, `an integer from ${least}`, value);
}

function refuse(argument: string, wanted: string, found: unknown): never {
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be ${wanted}, not ${inWords(found)}`,
  });
}
