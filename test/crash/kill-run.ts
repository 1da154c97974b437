/**
 * Kills writers, over and over, and compares after each kill what they were told with what is there.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openSqliteStore } from "../../src/sqlite/index.ts";
import type { EventStore } from "../../src/store/event-store.ts";
import { randomFrom } from "../../src/testing/conformance/random.ts";
import type { Random } from "../../src/testing/conformance/random.ts";
import { makeScratch } from "../integration/sqlite/scratch.ts";
import { readLedger } from "./ledger.ts";
import type { LedgerLine } from "./ledger.ts";
import { operationOf } from "./operations.ts";
import type { Examined } from "./witness.ts";
import { Witness } from "./witness.ts";

/** How to run. */
export interface KillRun {
  readonly kills: number;
  /** What the run does follows from it, save for the timing of processes. */
  readonly seed: number;
  /** What the writers do; see `writer-child.ts`. Default: mixed. */
  readonly plan?: string;
  /** After so many kills a fresh file is begun. Default 20. */
  readonly livesPerFile?: number;
  /** Writers are killed within so many milliseconds of being ready. Default 600. */
  readonly delayMsMax?: number;
  readonly onKill?: (killed: number, examined: Examined) => void;
}

/** What came of it. */
export interface KillSummary {
  readonly kills: number;
  /** Kills before the writer had opened the store. */
  readonly earlyKills: number;
  readonly events: number;
  readonly acknowledged: number;
  readonly unheard: number;
}

/** A process that writes. */
export interface Writer {
  readonly process: ChildProcess;
  /** Resolves when it has opened the store; rejects when it ended before. */
  readonly ready: Promise<void>;
  /** Kills it and waits for its end; fails when it had ended by itself. */
  kill(): Promise<void>;
}

/** Starts `writer-child.ts`. */
export function startWriter(path: string, seed: number, life: number, plan = "mixed"): Writer {
  const script = fileURLToPath(new URL("writer-child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path, `${path}.ledger`, String(seed), String(life), plan], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const exit = once(child, "exit");
  const ended = exit.then(() => {
    throw new Error(`the writer ended by itself: ${said}`);
  });
  ended.catch(() => undefined);
  const ready = Promise.race([once(child.stdout, "data").then(() => undefined), ended]);
  ready.catch(() => undefined);
  return {
    process: child,
    ready,
    kill: async () => {
      child.kill("SIGKILL");
      await exit;
      if (child.signalCode !== "SIGKILL") throw new Error(`the writer ended by itself: ${said}`);
    },
  };
}

/** Kills so many writers one after the other. Fails at the first disagreement, naming seed and kill. */
export async function runKills(run: KillRun): Promise<KillSummary> {
  const { kills, seed, livesPerFile = 20 } = run;
  using scratch = makeScratch();
  const random = randomFrom(seed);
  const sum = { kills: 0, earlyKills: 0, events: 0, acknowledged: 0, unheard: 0 };
  while (sum.kills < kills) {
    const path = scratch.path();
    const witness = new Witness();
    let examined: Examined = { events: 0, acknowledged: 0, unheard: 0 };
    for (let life = 1; life <= livesPerFile && sum.kills < kills; life++) {
      try {
        const isEarly = await killOne(path, life, random, run);
        if (isEarly) sum.earlyKills++;
        examined = await examineFile(path, witness, { random, mayNotExist: isEarly });
      } catch (error) {
        throw new Error(`kill ${sum.kills + 1} of the run with seed ${seed} (life ${life})`, {
          cause: error,
        });
      }
      sum.kills++;
      run.onKill?.(sum.kills, examined);
    }
    sum.events += examined.events;
    sum.acknowledged += examined.acknowledged;
    sum.unheard += examined.unheard;
    for (const suffix of ["", "-wal", "-shm", ".ledger"]) rmSync(path + suffix, { force: true });
  }
  return sum;
}

/** One in six is killed at any moment of its start, the others while they write. Tells whether it was early. */
async function killOne(path: string, life: number, random: Random, run: KillRun): Promise<boolean> {
  const writer = startWriter(path, run.seed, life, run.plan);
  const isEarly = random.once(6);
  const { delayMsMax = 600 } = run;
  if (!isEarly) await writer.ready;
  await setTimeout(random.integer(isEarly ? 350 : delayMsMax));
  await writer.kill();
  return isEarly;
}

/** Opens the file for writing or, one time in three, for reading only, so that its write-ahead log stays as it is. */
async function examineFile(
  path: string,
  witness: Witness,
  { random, mayNotExist }: { readonly random: Random; readonly mayNotExist: boolean },
): Promise<Examined> {
  const mode = random.once(3) && !mayNotExist ? "read" : "create";
  await using store = await openSqliteStore(path, { mode });
  const ledger = readLedger(`${path}.ledger`);
  if (mode === "create") await repeatUnheard(store, ledger, random);
  return await witness.examine(store, ledger);
}

/** Repeats some appends with ids that nobody heard of: each is stored afterwards, once. */
async function repeatUnheard(
  store: EventStore,
  ledger: readonly LedgerLine[],
  random: Random,
): Promise<void> {
  const heard = new Set(ledger.flatMap((line) => (line.kind === "done" ? [line.op] : [])));
  const unheard = ledger.flatMap((line) => {
    return line.kind === "try" && line.op.startsWith("ids:") && !heard.has(line.op) ? [line.op] : [];
  });
  for (const op of unheard.slice(-8)) {
    const { appends } = operationOf(op);
    const id = appends[0]!.events[0]!.id!;
    const stored = await store.findEvent(id);
    if (stored === undefined && random.once(2)) continue;
    const result = await store.append(appends);
    if (result.isDuplicate !== (stored !== undefined)) throw new Error(`${op} is a duplicate: ${!stored}`);
    if (stored !== undefined && stored.position !== result.firstPosition) throw new Error(`${op} has moved`);
  }
}
