/**
 * The run's side of a process that does the work.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { folderOfPeer, isPeer } from "./contenders/peer-modules.ts";
import type { Answer, Job, Order } from "./protocol.ts";
import type { ParallelAttempt, Slice } from "./work/work.ts";

/** A process that is prepared to do slices of the work. */
export interface Runner {
  readonly configuration: string;
  readonly attempt: ParallelAttempt | undefined;
  slice(ms: number): Promise<Slice>;
  close(): Promise<void>;
}

/** One peer formats each step for a log that nobody sees unless it is told that this is earnest; one uses its driver so
 * that the driver warns. */
const quiet = { ...process.env, NODE_ENV: "production", LOG_LEVEL: "error", NODE_NO_WARNINGS: "1" };
const entry = fileURLToPath(new URL("runner-process.ts", import.meta.url));

/** Starts a process and waits until it is prepared. Rejects with what the library says when it cannot do the work. */
export async function startRunner(job: Job): Promise<Runner> {
  mkdirSync(job.folder, { recursive: true });
  const child = fork(entry, [JSON.stringify(job)], {
    // Results go to standard output; some libraries print their errors there.
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    ...(isPeer(job.runner) && { cwd: folderOfPeer(job.runner), env: quiet }),
  });
  const ready = await answered(child);
  if (ready.kind !== "ready") throw new TypeError("a runner is ready first");
  return {
    configuration: ready.configuration,
    attempt: ready.attempt,
    slice: async (ms) => {
      const done = await ordered(child, { kind: "slice", ms });
      if (done.kind !== "slice") throw new TypeError("a slice is answered as a slice");
      return done.slice;
    },
    close: () => close(child),
  };
}

function ordered(child: ChildProcess, order: Order): Promise<Answer> {
  const answer = answered(child);
  child.send(order);
  return answer;
}

async function answered(child: ChildProcess): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const onExit = (): void => reject(new Error("the process ended"));
  child.once("message", resolve);
  child.once("exit", onExit);
  try {
    const answer = await promise;
    if (answer.kind !== "failed") return answer;
    child.kill();
    throw new Error(answer.message);
  } finally {
    child.off("message", resolve);
    child.off("exit", onExit);
  }
}

async function close(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || !child.connected) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.send({ kind: "close" } satisfies Order);
  await promise;
}
