/**
 * Hitherto as it comes: the engine's store with its defaults, folding with a decider's functions.
 */
import { decider, fold } from "hitherto/core";
import { openPostgresStore } from "hitherto/postgres";
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import type { BenchEvent } from "../events.ts";
import { evolveBalance, noBalance } from "../events.ts";
import type { Contender } from "./contender.ts";

const account = decider("account", {
  initial: () => noBalance,
  evolve: evolveBalance,
  decide: { deposit: (_state, data: BenchEvent["data"]) => ({ type: "MoneyDeposited", data }) },
});

/** Opens a store of ours, on a file or on the URL of a database. */
export async function openHitherto(location: string): Promise<Contender> {
  const store = await openStore(location);
  return {
    configuration: configurationOn(location),
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

/** Opens the store on a file or on the URL of a database. */
export function openStore(location: string, mode: "create" | "read" = "create"): Promise<EventStore> {
  return isDatabase(location) ? openPostgresStore(location, { mode }) : openSqliteStore(location, { mode });
}

/** How we are configured, for the results. */
export function configurationOn(location: string): string {
  if (isDatabase(location)) return "defaults: up to 10 connections and one that listens";
  return "fsync before each acknowledgement (WAL, synchronous=FULL), defaults";
}

function isDatabase(location: string): boolean {
  return location.startsWith("postgres:") || location.startsWith("postgresql:");
}
