/**
 * Lets the tasks of one stream run one after the other, in the order they came, and those of different streams side by
 * side. It is here for speed alone: commands that would meet each other's conflicts wait instead. Safety rests on the
 * expected revision of each append, for other handles and processes write to the same stream.
 *
 * `tails` holds, for each stream with tasks, the promise of the last one; a stream without tasks has no entry.
 */
import { limits } from "../core/limits.ts";
import { queueFull } from "../store/event-loop.ts";
import { throwIfAborted } from "../store/read-options.ts";

/** Runs tasks in order for each stream. */
export interface StreamQueue {
  /**
   * Runs `task` once all earlier tasks of `stream` are done, whether they succeeded or not.
   *
   * @throws `QUEUE_FULL` when `limits.commandsWaitingMax` tasks wait; `ABORTED` when the signal fires before the task
   * has begun: it then never begins.
   */
  run<Result>(stream: string, task: () => Promise<Result>, signal?: AbortSignal): Promise<Result>;
}

/** Makes an empty queue. */
export function createStreamQueue(): StreamQueue {
  const tails = new Map<string, Promise<void>>();
  let waiting = 0;

  async function run<Result>(
    stream: string,
    task: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    throwIfAborted(signal, "command");
    const max = limits.commandsWaitingMax;
    if (waiting >= max) return queueFull("commands", max);
    const turn = tails.get(stream);
    const done = Promise.withResolvers<void>();
    // The place in the queue is kept until both the earlier tasks and this one are done, aborted or not.
    const tail = turn === undefined ? done.promise : Promise.all([turn, done.promise]).then(() => {});
    tails.set(stream, tail);
    waiting += 1;
    try {
      if (turn !== undefined) await abortable(turn, signal);
      return await task();
    } finally {
      waiting -= 1;
      done.resolve();
      void tail.then(() => tails.get(stream) === tail && tails.delete(stream));
    }
  }

  return { run };
}

/** Waits for a promise that never rejects, or until the signal fires. @throws `ABORTED` */
async function abortable(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([promise, aborted.promise]);
  signal.removeEventListener("abort", abort);
  throwIfAborted(signal, "command");
}
