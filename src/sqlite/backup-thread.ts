/**
 * The thread that copies a store into another file: says how far it is, then what it made.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { HithertoError } from "../core/errors.ts";
import type { BackupMessage } from "./backup.ts";
import { copyStore } from "./copy-store.ts";
import type { CopyJob } from "./copy-store.ts";
import { toStoreError } from "./sql-errors.ts";

const say = (message: BackupMessage): void => parentPort?.postMessage(message);
const job = workerData as CopyJob;

try {
  const report = await copyStore(job, (done, total, step) => say({ kind: "progress", done, total, step }));
  say({ kind: "report", report });
} catch (error) {
  const { code, details } = toStoreError(error, job.source, job.busyTimeoutMs) as HithertoError;
  say({ kind: "error", code, details });
}
