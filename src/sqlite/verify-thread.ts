/**
 * The thread that verifies a file: says how far it is, then what it found.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { HithertoError } from "../core/errors.ts";
import { connect } from "./schema.ts";
import type { ConnectOptions } from "./schema.ts";
import { toStoreError } from "./sql-errors.ts";
import { StoreFile } from "./store-file.ts";
import { verifyFile } from "./verify.ts";
import type { VerifyMessage } from "./verify.ts";

const say = (message: VerifyMessage): void => parentPort?.postMessage(message);
const options = workerData as ConnectOptions;

try {
  const db = connect(options);
  const file = new StoreFile(options.path, options.files);
  const report = verifyFile(db, options.path, (done, total) => say({ kind: "progress", done, total }));
  db.close();
  file.check();
  say({ kind: "report", report });
} catch (error) {
  const { code, details } = toStoreError(error, options.path, options.busyTimeoutMs) as HithertoError;
  say({ kind: "error", code, details });
}
