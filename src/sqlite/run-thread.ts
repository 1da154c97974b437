/**
 * The frame of every thread of this folder: tells the thread that started it (`start-thread.ts`) what becomes of it.
 *
 * Nothing is left to the event loop of the thread. Code that a process preloads runs in its threads too: it may catch
 * every uncaught error, and its timers may keep a thread alive that has nothing left to do.
 */
import { parentPort } from "node:worker_threads";
import type { ErrorCode, ErrorDetails, HithertoError } from "../core/errors.ts";
import { toStoreError } from "./sql-errors.ts";

/** What every thread says of itself. */
export type ThreadMessage =
  | { readonly kind: "started" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly details: ErrorDetails<ErrorCode> }
  | { readonly kind: "done" };

/** Runs the whole work of a thread, which calls `started` when it is ready for work, and ends the thread. */
export async function runThread(
  store: string,
  work: (started: () => void) => void | Promise<void>,
): Promise<never> {
  try {
    await work(() => say({ kind: "started" }));
    say({ kind: "done" });
  } catch (error) {
    const { code, details } = toStoreError(error, store) as HithertoError;
    say({ kind: "failed", code, details });
  }
  // Ends this thread only.
  return process.exit();
}

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}
