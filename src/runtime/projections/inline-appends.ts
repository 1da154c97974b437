/**
 * Appends that also bring inline read models up to date, in one transaction.
 *
 * Appends of one turn of the event loop, and those that come while a transaction runs, share the next transaction: a
 * **group**. Within it they are decided in the order in which they were called, and each alone: one that is refused has
 * changed nothing. Then the read models are stepped over what was appended.
 *
 * If an event of an append is one that a read model can not take, all of the group is undone, the guilty append is refused with
 * `PROJECTION_FAILED`, and the group begins again without it. If it was an event of somebody else, the group begins again
 * without that read model.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { AnyProjection } from "../../core/projection.ts";
import { definedParts } from "../../core/selections.ts";
import { encodeAppend } from "../../store/encode-append.ts";
import { queueFull } from "../../store/event-loop.ts";
import type { AppendOptions, AppendResult, StreamAppend } from "../../store/event-store.ts";
import { checkOptions, checkSignal, throwIfAborted } from "../../store/read-options.ts";
import type { ReadSide, ReadSideTransaction } from "../../store/read-side.ts";
import { EventFailed, toProjectionFailed } from "./event-failure.ts";
import { stepInline } from "./inline-step.ts";

/** What inline appends work with. */
export interface InlineOptions {
  readonly readSide: Pick<ReadSide, "transaction">;
  readonly projections: readonly AnyProjection[];
  /** Resolves when the read models have been looked for; never rejects. */
  readonly ready: Promise<void>;
}

/** Appends in one transaction at most, so that others can write in between. */
const groupMax = 500;

interface Waiting {
  readonly batch: StreamAppend | readonly StreamAppend[];
  readonly options: AppendOptions;
  readonly signal: AbortSignal | undefined;
  readonly settled: PromiseWithResolvers<AppendResult>;
}

type Outcome = { readonly result: AppendResult } | { readonly error: unknown };

/** Appends of one handle. */
export class InlineAppends {
  readonly #options: InlineOptions;
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;

  constructor(options: InlineOptions) {
    this.#options = options;
  }

  /** As {@link EventStore.append}. @throws also `PROJECTION_FAILED` */
  async append(
    batch: StreamAppend | readonly StreamAppend[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    checkOptions(options);
    const { condition, signal } = options;
    checkSignal(signal);
    throwIfAborted(signal, "append");
    encodeAppend(batch, options);
    const max = limits.appendsWaitingMax;
    if (this.#waiting.length >= max) return queueFull("appends with inline projections", max);
    const settled = Promise.withResolvers<AppendResult>();
    // A copy: the caller may change what it gave as soon as this has been called.
    const [ownBatch, ownCondition] = structuredClone([batch, condition] as const);
    this.#waiting.push({
      batch: ownBatch,
      options: definedParts({ condition: ownCondition }),
      signal,
      settled,
    });
    this.#draining ??= this.#drain();
    return untilAborted(settled.promise, signal);
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    await this.#options.ready;
    while (this.#waiting.length > 0) {
      // So that all appends of this turn come along.
      await endOfTurn();
      const group = this.#waiting.slice(0, groupMax);
      this.#waiting = this.#waiting.slice(groupMax);
      await this.#write(group);
    }
    this.#draining = undefined;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const skipped = new Set<AnyProjection>();
    let rest = group;
    for (;;) {
      rest = rest.filter(({ signal }) => signal?.aborted !== true);
      if (rest.length === 0) return;
      try {
        const outcomes = await this.#transact(rest, skipped);
        for (const [index, { settled }] of rest.entries()) settle(settled, outcomes[index]!);
        return;
      } catch (error) {
        const isSlow = isHithertoError(error, "TRANSACTION_TIMEOUT") && rest.length > 1;
        if (isSlow) return this.#writeEach(rest);
        if (!(error instanceof StepFailed)) return rejectAll(rest, error);
        const { guilty, projection, failure } = error;
        if (guilty === undefined) skipped.add(projection);
        else guilty.settled.reject(toProjectionFailed(projection, failure));
        rest = rest.filter((one) => one !== guilty);
      }
    }
  }

  async #writeEach(group: readonly Waiting[]): Promise<void> {
    for (const one of group) await this.#write([one]);
  }

  #transact(group: readonly Waiting[], skipped: ReadonlySet<AnyProjection>): Promise<readonly Outcome[]> {
    const { readSide, projections } = this.#options;
    return readSide.transaction(async (transaction) => {
      const before = await transaction.head();
      const outcomes: Outcome[] = [];
      for (const { batch, options } of group) outcomes.push(await tryAppend(transaction, batch, options));
      const head = await transaction.head();
      for (const projection of projections) {
        if (skipped.has(projection)) continue;
        try {
          await stepInline(transaction, projection, { before, head });
        } catch (error) {
          if (!(error instanceof EventFailed)) throw error;
          const guilty = group[findAppend(outcomes, error.failure.event.position, before)];
          throw new StepFailed(projection, error.failure, guilty);
        }
      }
      return outcomes;
    });
  }
}

/** A read model could not take an event. */
class StepFailed extends EventFailed {
  readonly projection: AnyProjection;
  /** The append that the event belongs to; undefined when it was in the log before. */
  readonly guilty: Waiting | undefined;

  constructor(projection: AnyProjection, failure: EventFailed["failure"], guilty: Waiting | undefined) {
    super(failure);
    this.projection = projection;
    this.guilty = guilty;
  }
}

function endOfTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.nextTick(resolve);
  return promise;
}

/** A refused append leaves the transaction as it was; a failing store ends it. */
async function tryAppend(
  transaction: ReadSideTransaction,
  batch: Waiting["batch"],
  options: AppendOptions,
): Promise<Outcome> {
  try {
    return { result: await transaction.append(batch, options) };
  } catch (error) {
    const isRefusal = isHithertoError(error) && !error.code.startsWith("STORE_");
    if (!isRefusal || error.code === "TRANSACTION_TIMEOUT") throw error;
    return { error };
  }
}

/** Index of the append that the event at a position belongs to, or -1. */
function findAppend(outcomes: readonly Outcome[], position: number, before: number): number {
  if (position <= before) return -1;
  return outcomes.findIndex(
    (one) => "result" in one && one.result.firstPosition <= position && one.result.position >= position,
  );
}

function settle(settled: Waiting["settled"], outcome: Outcome): void {
  if ("result" in outcome) settled.resolve(outcome.result);
  else settled.reject(outcome.error);
}

function rejectAll(group: readonly Waiting[], error: unknown): void {
  for (const { settled } of group) settled.reject(error);
}

/** Abandons the wait when the signal says so. */
async function untilAborted<Result>(task: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return task;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(new HithertoError("ABORTED", { operation: "append" }));
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([task, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
