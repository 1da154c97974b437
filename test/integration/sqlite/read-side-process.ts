/**
 * A process at work on the read side, for `read-side-processes.test.ts` and `test/crash/read-side.test.ts`.
 *
 *   node read-side-process.ts FILE MODE NAME COUNT
 *
 * Says `ready` once the store is open, waits for a line on its input, does its work and prints what came of it. In mode
 * `work` it goes on until it is killed, and prints each number that was acknowledged.
 */
import { once } from "node:events";
import { isHithertoError } from "../../../src/core/errors.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import type { ReadSideCommit, ReadSideTransaction, StoredRecord } from "../../../src/store/read-side.ts";

/** The record that everybody counts in. */
export const counter = { space: "race", key: "counter" } as const;

/** The read model that is built anew over and over. */
export const shape = { kind: "documents", indexes: [["by"], ["n", "by"]] } as const;

const [path, mode, name, count] = process.argv.slice(2) as [string, string, string, string];
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

function counting(record: StoredRecord | undefined): ReadSideCommit {
  const value = Number(record?.value ?? 0) + 1;
  return { expect: [{ ...counter, version: record?.version ?? 0 }], put: [{ ...counter, value }] };
}

/** Counts up by compare-and-set, now by a commit, now by a transaction; says how often. */
async function increment({ readSide }: EventStore): Promise<unknown> {
  let [wins, conflicts] = [0, 0];
  const one = async (): Promise<void> => {
    const changes = counting(await readSide.findRecord(counter));
    const isRelaxed = (wins + conflicts) % 2 === 0;
    if ((wins + conflicts) % 3 > 0) await readSide.commit(changes, { isDurable: !isRelaxed });
    else await readSide.transaction((transaction) => transaction.commit(changes));
  };
  while (wins < Number(count)) {
    try {
      await one();
      wins++;
    } catch (error) {
      if (!isHithertoError(error, "RECORD_CONFLICT")) throw error;
      conflicts++;
    }
  }
  return { wins, conflicts };
}

/** Builds generations to a higher position than the active one and activates them, in competition; says how often. */
async function rebuild({ readSide }: EventStore): Promise<unknown> {
  let [activated, overtaken] = [0, 0];
  for (let round = 0; round < Number(count); round++) {
    const generation = await readSide.nextGeneration();
    const active = (await readSide.listModels("orders")).find(({ state }) => state === "active");
    const to = (active?.position ?? 0) + 1;
    const json = JSON.stringify({ by: name, n: to, generation });
    const documents = [{ key: "only", json, indexed: [name, to], position: to }];
    try {
      await readSide.commit({ models: [{ step: "create", generation, name: "orders", version: 1, shape }] });
    } catch (error) {
      if (!isHithertoError(error, "MODEL_CONFLICT")) throw error;
      continue;
    }
    try {
      await readSide.commit({ models: [{ step: "advance", generation, from: 0, to, documents }] });
      await readSide.commit({ models: [{ step: "activate", generation }] }, { isDurable: false });
      activated++;
    } catch (error) {
      if (!isHithertoError(error, "MODEL_CONFLICT")) throw error;
      overtaken++;
      await readSide.commit({ models: [{ step: "drop", generation }] });
    }
  }
  return { activated, overtaken };
}

/** One step of work: an event, a document, a record and a row that all say the same number, or nothing of it. */
export function workStep(n: number): ReadSideCommit {
  const documents = [{ key: `k${n % 7}`, json: JSON.stringify({ n }), indexed: [null, n], position: n }];
  return {
    models: [{ step: "advance", generation: 1, from: n - 1, to: n, documents }],
    put: [{ ...counter, value: n }],
  };
}

async function workInTransaction(transaction: ReadSideTransaction, n: number): Promise<void> {
  await transaction.append({ stream: "work", expect: "any", events: [{ type: "Worked", data: n }] });
  await transaction.sql(2).run("INSERT INTO {steps} VALUES (?)", [n]);
  await transaction.commit(workStep(n));
}

/**
 * Works on from where the one before was killed. Every third step is a relaxed commit, without a row and with an event that
 * is there before: no read model is beyond the end of the log.
 */
async function work(store: EventStore): Promise<unknown> {
  const { readSide } = store;
  const sql = { kind: "sql", tables: { steps: "n INTEGER PRIMARY KEY" }, indexes: {} } as const;
  if ((await readSide.nextGeneration()) === 1) {
    await readSide.commit({
      models: [
        { step: "create", generation: 1, name: "orders", version: 1, shape },
        { step: "activate", generation: 1 },
        { step: "create", generation: 2, name: "rows", version: 1, shape: sql },
        { step: "activate", generation: 2 },
      ],
    });
  }
  for (let n = Number((await readSide.findRecord(counter))?.value ?? 0) + 1; ; n++) {
    if (n % 3 > 0) {
      await readSide.transaction((transaction) => workInTransaction(transaction, n));
    } else {
      await store.append({ stream: "other", events: [{ type: "Worked", data: n }] });
      await readSide.commit(workStep(n), { isDurable: n % 2 === 0 });
    }
    say(n);
  }
}

const modes: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = { increment, rebuild, work };

if (mode !== undefined && process.argv[1]?.endsWith("read-side-process.ts") === true) {
  await using store = await openSqliteStore(path);
  say("ready");
  await once(process.stdin, "data");
  process.stdin.unref();
  say(await modes[mode]!(store));
  process.stdin.destroy();
}
