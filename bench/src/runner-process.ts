// `node runner-process.ts JOB` does the work of one benchmark with one library, in slices, as its parent orders. Each
// library has a process to itself, so that none profits or suffers from another one's memory, threads and handlers.
import { benchmarks } from "./catalogue.ts";
import type { Answer, Job, Order } from "./protocol.ts";
import type { Work } from "./work/work.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as Job;

function answer(message: Answer): void {
  process.send?.(message);
}

async function prepare(): Promise<Work> {
  const benchmark = benchmarks[job.engine].find(({ id }) => id === job.benchmark);
  if (benchmark === undefined) throw new TypeError(`there is no benchmark ${job.benchmark}`);
  return benchmark.prepare(job.runner, { folder: job.folder, url: job.url, scale: job.scale });
}

async function obey(work: Work, order: Order): Promise<void> {
  if (order.kind === "slice") return answer({ kind: "slice", slice: await work.slice(order.ms) });
  await work.close();
  // Some libraries keep handles open after they were closed.
  process.exit();
}

function fail(error: unknown): void {
  answer({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
}

process.once("disconnect", () => process.exit(1));
process.on("unhandledRejection", fail);
prepare().then((work) => {
  process.on("message", (order: Order) => void obey(work, order).catch(fail));
  answer({ kind: "ready", configuration: work.configuration, attempt: work.attempt });
}, fail);
