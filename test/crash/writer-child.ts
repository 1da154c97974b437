/**
 * The process that crash tests kill: many tasks append, cut streams back, reclaim and take snapshots, and note what was
 * acknowledged in a ledger. It goes on until it is killed, or its parent is gone.
 *
 *   node test/crash/writer-child.ts FILE LEDGER SEED LIFE PLAN
 *
 * It says `ready` when the store is open. What a task does follows from seed, life and task alone; in which order
 * the tasks take turns does not.
 */
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "../../src/core/errors.ts";
import { openSqliteStore } from "../../src/sqlite/index.ts";
import type { EventStore } from "../../src/store/event-store.ts";
import { randomFrom } from "../../src/testing/conformance/random.ts";
import type { Random } from "../../src/testing/conformance/random.ts";
import { writeLedger } from "./ledger.ts";
import type { LedgerWriter } from "./ledger.ts";
import { churnCountMax, churnStreams, operationOf } from "./operations.ts";
import type { AppendKind } from "./operations.ts";

/** What tasks do: `[kind, weight]`. */
type Plan = ReadonlyArray<readonly [AppendKind | "cut" | "reclaim" | "snapshot", number]>;

const plans: Readonly<Record<string, Plan>> = {
  mixed: [
    ["single", 30],
    ["batch", 4],
    ["multi", 12],
    ["big", 1],
    ["ids", 10],
    ["counter", 12],
    ["once", 8],
    ["claim", 8],
    ["churn", 12],
    ["cut", 3],
    ["reclaim", 2],
    ["snapshot", 3],
  ],
  reclaim: [
    ["churn", 60],
    ["cut", 20],
    ["reclaim", 20],
    ["single", 5],
  ],
  import: [["import", 1]],
  big: [
    ["big", 3],
    ["batch", 1],
  ],
};

interface Task {
  readonly store: EventStore;
  readonly ledger: LedgerWriter;
  readonly random: Random;
  readonly life: number;
  /** Beginning of the names of its operations. */
  readonly place: string;
}

const tasksAtOnce = 24;

async function main([path, ledgerPath, seed, life, planName]: readonly string[]): Promise<void> {
  process.stdin.on("end", () => process.exit(0)).resume();
  const ledger = writeLedger(ledgerPath!);
  ledger.write({ kind: "life", life: Number(life) });
  const store = await openSqliteStore(path!);
  process.stdout.write("ready\n");
  await store.setStreamPolicy(churnStreams[0]!, { maxCount: churnCountMax });
  const plan = plans[planName ?? "mixed"]!;
  const tasks = Array.from({ length: tasksAtOnce }, (_, number) => {
    const random = randomFrom(Number(seed) * 7919 + Number(life) * 101 + number);
    return runTask({ store, ledger, random, life: Number(life), place: `${life}:${number}` }, plan);
  });
  await Promise.all(tasks);
}

async function runTask(task: Task, plan: Plan): Promise<void> {
  const total = plan.reduce((sum, [, weight]) => sum + weight, 0);
  for (let number = 0; ; number++) {
    let drawn = task.random.integer(total);
    const [kind] = plan.find(([, weight]) => (drawn -= weight) < 0)!;
    if (kind === "cut") await cut(task);
    else if (kind === "reclaim") await task.store.reclaim();
    else if (kind === "snapshot") await snapshot(task);
    else await append(task, kind, number);
    // Now and then a task pauses, so that groups of every size are written.
    if (task.random.once(20)) await setTimeout(task.random.integer(20));
  }
}

async function append({ store, ledger, place }: Task, kind: AppendKind, number: number): Promise<void> {
  const op = `${kind}:${place}:${number}`;
  const revision = kind === "counter" ? ((await store.findStream("counter-1"))?.revision ?? -1) : -1;
  const { appends, options } = operationOf(op, revision);
  ledger.write({ kind: "try", op, ...(kind === "counter" && { revision }) });
  try {
    const result = await store.append(appends, options);
    ledger.write({ kind: "done", op, result });
  } catch (error) {
    if (!isHithertoError(error, "REVISION_CONFLICT", "CONDITION_CONFLICT")) throw error;
    ledger.write({ kind: "refused", op, code: error.code });
  }
}

async function cut({ store, ledger, random, life }: Task): Promise<void> {
  const [stream, isDeletion] = random.once(2) ? [churnStreams[1]!, true] : [churnStreams[2]!, false];
  if (isDeletion) {
    ledger.write({ kind: "cut", life, stream, isDone: false });
    await store.deleteStream(stream);
    ledger.write({ kind: "cut", life, stream, isDone: true });
    return;
  }
  const last = (await store.findStream(stream))?.revision ?? 0;
  const before = Math.max(0, last - random.integer(40));
  ledger.write({ kind: "cut", life, stream, before, isDone: false });
  await store.setStreamPolicy(stream, { truncateBefore: before });
  ledger.write({ kind: "cut", life, stream, before, isDone: true });
}

async function snapshot({ store, random }: Task): Promise<void> {
  const state = new Uint8Array(random.integer(5_000));
  const kept = await store.findStream("keep-1");
  if (kept === undefined) return;
  const revision = random.integer(kept.revision + 1);
  const takenAt = new Date().toISOString();
  await store.snapshots.save({ stream: "keep-1", name: "thing", stateVersion: 1, revision, takenAt, state });
}

await main(process.argv.slice(2));
