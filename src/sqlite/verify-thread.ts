/**
 * The thread that verifies a file: says how far it is, then what it found.
 */
import { parentPort, workerData } from "node:worker_threads";
import { runThread } from "./run-thread.ts";
import { connect } from "./schema.ts";
import type { ConnectOptions } from "./schema.ts";
import { StoreFile } from "./store-file.ts";
import { verifyFile } from "./verify.ts";
import type { VerifyMessage } from "./verify.ts";

const say = (message: VerifyMessage): void => parentPort?.postMessage(message);
const options = workerData as ConnectOptions;

await runThread(options.path, (started) => {
  started();
  const db = connect(options);
  const file = new StoreFile(options.path, options.files);
  const report = verifyFile(db, options.path, (done, total) => say({ kind: "progress", done, total }));
  db.close();
  file.check();
  say({ kind: "report", report });
});
