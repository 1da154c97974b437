/**
 * The recorded process: writes to a store in the folder that is its first argument, and notes in a ledger there what was
 * acknowledged as durable. The second argument says what it does, the third is the seed.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { randomFrom } from "../../../src/testing/conformance/random.ts";

const [folder = "", script = "", seed = "1"] = process.argv.slice(2);
const path = join(folder, "a.db");
const ledger = openSync(join(folder, "ledger"), "a");
const note = (line: object): void => void writeSync(ledger, `${JSON.stringify(line)}\n`);
let n = 0;

function failSyncs(count: number): void {
  const file = openSync(join(folder, "syncs.fail"), "w");
  writeSync(file, String(count));
  closeSync(file);
}

/** What is not durable when it resolves; large enough to fill pages of its own. */
const leave = (store: EventStore): Promise<unknown> =>
  store.readSide.commit(
    { put: [{ space: "power", key: "loose", value: { n: ++n, pad: "x".repeat(20_000) } }] },
    { isDurable: false },
  );

async function append(store: EventStore, stream = "a", count = 1): Promise<void> {
  const numbers = Array.from({ length: count }, () => ++n);
  const events = numbers.map((number) => ({ type: "A", data: { n: number } }));
  const { firstPosition, streams } = await store.append({ stream, events });
  for (const [index, number] of numbers.entries()) {
    note({ position: firstPosition + index, stream, revision: streams[0]!.firstRevision + index, n: number });
  }
}

async function transact(store: EventStore, isDurable: boolean): Promise<void> {
  const number = ++n;
  const event = { type: "A", data: { n: number } };
  const { position, revision } = await store.readSide.transaction(
    (transaction) => transaction.append({ stream: "t", events: [event] }),
    { isDurable },
  );
  if (isDurable) note({ position, stream: "t", revision, n: number });
}

async function commit(store: EventStore): Promise<void> {
  const value = ++n;
  await store.readSide.commit({ put: [{ space: "power", key: "durable", value: { n: value } }] });
  note({ key: "durable", value });
}

/** Says what became of a call that may fail. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "done";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const scripts: Readonly<Record<string, () => Promise<void>>> = {
  /** A sync fails behind commits that were never synced; everything after it is acknowledged. */
  async "fail once"() {
    const store = await openSqliteStore(path);
    await append(store);
    await leave(store);
    failSyncs(1);
    console.log(await outcomeOf(append(store)));
    console.log(await outcomeOf(append(store)));
    console.log(await outcomeOf(transact(store, true)));
  },

  /** The sync of a transaction fails. */
  async "fail transaction"() {
    const store = await openSqliteStore(path);
    await append(store);
    await leave(store);
    failSyncs(1);
    console.log(await outcomeOf(transact(store, true)));
    console.log(await outcomeOf(append(store)));
  },

  /** Syncs go on failing until the store is closed; then the disk works again. */
  async "fail until closed"() {
    const store = await openSqliteStore(path);
    await append(store);
    await leave(store);
    failSyncs(1_000_000);
    for (const call of [append(store), append(store), commit(store), transact(store, true)]) {
      console.log(await outcomeOf(call));
    }
    await store.close();
    failSyncs(0);
    const again = await openSqliteStore(path);
    console.log(await outcomeOf(append(again)));
    await again.close();
  },

  /** Everything, in all orders, with a pause, closing and opening, and syncs that fail if `seed` is even. */
  async mixed() {
    const random = randomFrom(Number(seed));
    const mayFail = Number(seed) % 2 === 0;
    const pick = random.integer;
    for (let life = 0; life < 3; life++) {
      const store = await openSqliteStore(path);
      for (let round = 0; round < 40; round++) {
        if (mayFail && pick(8) === 0) failSyncs(1 + pick(2));
        const calls = Array.from({ length: 1 + pick(4) }, async () => {
          const kind = pick(7);
          if (kind === 0) await leave(store);
          else if (kind === 1) await transact(store, false);
          else if (kind === 2) await transact(store, true);
          else if (kind === 3) await commit(store);
          else await append(store, `s-${pick(3)}`, 1 + pick(5));
        });
        for (const outcome of await Promise.all(calls.map((call) => outcomeOf(call)))) {
          if (outcome !== "done" && (outcome !== "STORE_IO" || !mayFail)) throw new Error(outcome);
        }
        if (pick(5) === 0) await setTimeout(20);
      }
      // Longer than the writer thread waits before it moves the log into the database.
      if (life === 1) await setTimeout(700);
      await store.close();
    }
  },
};

await scripts[script]!();
// Without closing what is open: the power is cut.
process.exit(0);
