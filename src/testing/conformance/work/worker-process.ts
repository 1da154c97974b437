/**
 * A process that works on a store, seen from the test that started it.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { WorkOrder } from "./worker.ts";

/** A `ChildProcess` of `node:child_process` with pipes; named so little that these types can do without those of Node. */
export interface SpawnedProcess {
  readonly pid?: number | undefined;
  readonly stdin: object | null;
  readonly stdout: object | null;
  readonly stderr: object | null;
}

/** A process that a test has started. */
export interface Worker {
  readonly pid: number;
  /** Resolves when it has begun its work; rejects when it ended before, with what it said. */
  readonly ready: Promise<void>;
  /** Makes it stand still. */
  stop(): void;
  /** Lets it go on. */
  go(): void;
  /** Kills it and waits for its end. Fails when it had ended by itself. */
  kill(): Promise<void>;
}

/** Gives a process its order. */
export function startWorker(spawned: SpawnedProcess, order: WorkOrder): Worker {
  const child = spawned as ChildProcess;
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("A worker needs pipes.");
  let [said, isKilled] = ["", false];
  stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  // It may be killed before it has read its order.
  stdin.on("error", () => undefined);
  stdin.write(`${JSON.stringify(order)}\n`);
  const exit = once(child, "exit");
  const endedEarly = exit.then(() => {
    if (!isKilled) throw new Error(`the worker ended by itself: ${said}`);
  });
  endedEarly.catch(() => undefined);
  const ready = Promise.race([once(stdout, "data").then(() => undefined), endedEarly]);
  ready.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ready,
    stop: () => void child.kill("SIGSTOP"),
    go: () => void child.kill("SIGCONT"),
    kill: () => {
      isKilled ||= child.exitCode === null && child.kill("SIGKILL");
      return endedEarly;
    },
  };
}
