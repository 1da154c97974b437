/**
 * Starts the threads of this folder.
 */
import { Worker } from "node:worker_threads";
import type { WorkerOptions } from "node:worker_threads";

/**
 * Starts the thread whose code is in a file of this folder, named without its extension: it runs as source and as built.
 *
 * A thread inherits the flags of its process. One of them, with which people try things out at the command line, no
 * thread can start with; then it gets none.
 */
export function startThread(file: string, options: WorkerOptions): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const isOfText = process.execArgv.some((flag) => flag.startsWith("--input-type"));
  return new Worker(new URL(`./${file}.${extension}`, import.meta.url), {
    ...options,
    ...(isOfText && { execArgv: [] }),
  });
}
