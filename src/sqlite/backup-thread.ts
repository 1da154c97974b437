/**
 * The thread that copies a store into another file: says how far it is, then what it made.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { BackupMessage } from "./backup.ts";
import { copyStore } from "./copy-store.ts";
import type { CopyJob } from "./copy-store.ts";
import { runThread } from "./run-thread.ts";

const say = (message: BackupMessage): void => parentPort?.postMessage(message);
const job = workerData as CopyJob;

await runThread(job.source, async (started) => {
  started();
  const report = await copyStore(job, (done, total, step) => say({ kind: "progress", done, total, step }));
  say({ kind: "report", report });
});
