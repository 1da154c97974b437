/**
 * Hitherto as it comes: `openSqliteStore` with its defaults, folding with a decider's functions.
 */
import { decider, fold } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { BenchEvent } from "../events.ts";
import { evolveBalance, noBalance } from "../events.ts";
import type { Contender } from "./contender.ts";

const account = decider("account", {
  initial: () => noBalance,
  evolve: evolveBalance,
  decide: { deposit: (_state, data: BenchEvent["data"]) => ({ type: "MoneyDeposited", data }) },
});

/** Opens a store of ours. */
export async function openHitherto(path: string): Promise<Contender> {
  const store = await openSqliteStore(path);
  return {
    configuration: "fsync before each acknowledgement (WAL, synchronous=FULL), defaults",
    isConcurrent: true,
    append: async (stream, events) => {
      await store.append({ stream, events });
    },
    rebuild: async (stream) => {
      let state = account.initial();
      for await (const page of store.readStream(stream).pages()) state = fold(account, page, { from: state });
      return state.transactions;
    },
    readLog: async () => {
      let count = 0;
      for await (const page of store.read().pages()) count += page.length;
      return count;
    },
    close: () => store.close(),
  };
}
