/**
 * Lets the event loop turn while a caller reads in a loop.
 *
 * Reads in memory and from a file end without I/O, so their promises settle as microtasks. A loop that awaits nothing else
 * (`while ((await store.head()) < position)`) would keep timers, sockets and the answers of the writer thread from ever running.
 * So reads share a time slice, one for each thread, whatever its handles:
 *
 * **None**: no read was answered since the event loop turned. The next answer begins a slice and schedules its end.
 * **Running**: answers settle at once, until the slice has lasted {@link sliceMs}.
 * **Over**: answers settle when the event loop has turned, which also ends the slice.
 */
import { performance } from "node:perf_hooks";
// Not the globals: a test's fake timers replace those, and reads would wait until the test advances its clock.
import { setImmediate as schedule } from "node:timers";
import { HithertoError } from "../core/errors.ts";

/** How long reads may keep the event loop from turning, in milliseconds. */
export const sliceMs = 8;

/** When the slice began; undefined when there is none. */
let began: number | undefined;

function endSlice(): void {
  began = undefined;
}

/** Runs `body` now. What it returns or throws becomes a promise, which waits for the event loop when the slice is over. */
export function answer<Result>(body: () => Result | Promise<Result>): Promise<Result> {
  const answered = new Promise<Result>((resolve) => {
    resolve(body());
  });
  const turn = yieldIfDue();
  return turn === undefined ? answered : after(turn, answered);
}

/** Resolves when the event loop has turned; undefined while the slice is not over. */
export function yieldIfDue(): Promise<void> | undefined {
  if (began === undefined) {
    began = performance.now();
    schedule(endSlice);
    return undefined;
  }
  return performance.now() - began < sliceMs ? undefined : nextTurn();
}

/** Resolves when the event loop has turned. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    schedule(resolve);
  });
}

/**
 * Refuses what a queue has no room for, when the event loop has turned: the queue must be able to get shorter under a caller
 * that tries again immediately. @throws `QUEUE_FULL`
 */
export async function queueFull(queue: string, max: number): Promise<never> {
  await nextTurn();
  throw new HithertoError("QUEUE_FULL", { queue, max });
}

async function after<Result>(turn: Promise<void>, answered: Promise<Result>): Promise<Result> {
  // It is awaited below; until then, a rejection is not an unhandled one.
  answered.catch(() => undefined);
  await turn;
  return answered;
}
