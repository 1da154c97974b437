/**
 * Starts the threads of this folder and tells how they end. `run-thread.ts` is the other side.
 *
 * - **starting**: the code of the thread has not said `started`. An end now is `THREAD_NOT_STARTED`, unless the thread
 *   itself reports another error: the file of the thread is missing, or a preload (`--import`, `--require`) threw.
 * - **running**: an end now is `STORE_IO`, `OUT_OF_MEMORY` when the heap was too small, or the error that the thread reports.
 * - **done**: the thread has said `done`, and ends.
 */
import { existsSync } from "node:fs";
import { Worker, workerData } from "node:worker_threads";
import type { WorkerOptions } from "node:worker_threads";
import { HithertoError } from "../core/errors.ts";
import type { ThreadMessage } from "./run-thread.ts";

/** What a thread is for. */
export type ThreadName = "writer" | "checkpoint" | "verify" | "backup";

/** A thread that was started. */
export interface Thread {
  readonly worker: Worker;
  /** Resolves when the thread is ready for work; rejects when it ended before, with what `ended` gives. */
  readonly started: Promise<void>;
  /** Resolves when the thread has ended: with undefined when its work was done, or else with the reason. */
  readonly ended: Promise<HithertoError | undefined>;
}

/** In this form so that tools that collect the files of a deployment find them (`@vercel/nft`, which Next.js uses). */
const built: Readonly<Record<ThreadName, (options: WorkerOptions) => Worker>> = {
  writer: (options) => new Worker(new URL("./writer-thread.js", import.meta.url), options),
  checkpoint: (options) => new Worker(new URL("./checkpoint-thread.js", import.meta.url), options),
  verify: (options) => new Worker(new URL("./verify-thread.js", import.meta.url), options),
  backup: (options) => new Worker(new URL("./backup-thread.js", import.meta.url), options),
};

/**
 * Starts a thread for a store.
 *
 * A thread inherits the flags of its process. One of them, with which people try things out at the command line, no
 * thread can start with; then it gets none.
 *
 * @throws `THREAD_NOT_STARTED`
 */
export function startThread(
  name: ThreadName,
  store: string,
  options: Omit<WorkerOptions, "workerData"> & { readonly workerData: object },
): Thread {
  refuseWithinThread(name, store);
  const isOfText = process.execArgv.some((flag) => flag.startsWith("--input-type"));
  const all: WorkerOptions = {
    ...options,
    workerData: { ...options.workerData, hithertoThread: name },
    ...(isOfText && { execArgv: [] }),
  };
  // Bundlers that write CommonJS leave it empty.
  const here = import.meta.url as string | undefined;
  if (here === undefined) throw fileMissing(name, store, "the place of its file is unknown");
  const isBuilt = !here.endsWith(".ts");
  const url = new URL(`./${name}-thread.${isBuilt ? "js" : "ts"}`, here);
  if (!existsSync(url)) throw fileMissing(name, store, `its file ${url.href} does not exist`);
  try {
    return watch(isBuilt ? built[name](all) : new Worker(url, all), name, store);
  } catch (error) {
    throw notStarted(name, store, error);
  }
}

/** A preload that opens a store runs in the threads of that store too: each of them would start the next one. */
function refuseWithinThread(thread: ThreadName, store: string): void {
  const within = (workerData as { readonly hithertoThread?: string } | null)?.hithertoThread;
  if (within === undefined) return;
  const what = `code that the process preloads (--import, --require) opens a store in the ${within} thread of a store`;
  const problem = `${what}; let it do so only where isMainThread of node:worker_threads is true`;
  throw new HithertoError("THREAD_NOT_STARTED", { store, thread, problem });
}

function watch(worker: Worker, name: ThreadName, store: string): Thread {
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<HithertoError | undefined>();
  // Whoever waits for it handles it.
  started.promise.catch(() => undefined);
  let state: "starting" | "running" | "done" = "starting";
  let reported: HithertoError | undefined;
  let thrown: unknown;
  worker.on("message", (message: ThreadMessage) => {
    if (message.kind === "started") {
      state = "running";
      started.resolve();
    } else if (message.kind === "failed") {
      reported = new HithertoError(message.code, message.details);
    } else if (message.kind === "done") {
      state = "done";
    }
  });
  worker.on("error", (error) => {
    thrown = error;
  });
  worker.once("exit", () => {
    const make = state === "starting" ? notStarted : endedEarly;
    const failure = isOutOfMemory(thrown) ? outOfMemory : make;
    const reason = state === "done" ? undefined : (reported ?? failure(name, store, thrown));
    if (reason !== undefined) started.reject(reason);
    ended.resolve(reason);
  });
  return { worker, started: started.promise, ended: ended.promise };
}

function notStarted(thread: ThreadName, store: string, cause: unknown): HithertoError {
  const problem = messageOf(cause) ?? "it ended before it was ready";
  return new HithertoError("THREAD_NOT_STARTED", { store, thread, problem }, { cause });
}

function isOutOfMemory(thrown: unknown): boolean {
  return (thrown as NodeJS.ErrnoException | undefined)?.code === "ERR_WORKER_OUT_OF_MEMORY";
}

function outOfMemory(thread: ThreadName, store: string, cause: unknown): HithertoError {
  return new HithertoError("OUT_OF_MEMORY", { store, thread }, { cause });
}

function endedEarly(thread: ThreadName, store: string, cause: unknown): HithertoError {
  const problem = `the ${thread} thread ended: ${messageOf(cause) ?? "it has not said why"}`;
  return new HithertoError("STORE_IO", { store, problem }, { cause });
}

function fileMissing(thread: ThreadName, store: string, problem: string): HithertoError {
  return new HithertoError("THREAD_NOT_STARTED", { store, thread, problem });
}

function messageOf(error: unknown): string | undefined {
  return error instanceof Error ? error.message.replace(/\.$/, "") : undefined;
}
