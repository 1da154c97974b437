/**
 * `@event-driven-io/emmett-sqlite`, with the connection that makes it fastest: a single one, kept open.
 *
 * By default it opens a connection for each call, which is ten times slower; 100 parallel appends then fail but for
 * one. Over a single connection they succeed, but join one transaction, and all but the last are acknowledged before
 * it commits: that is not durable, so they are handed over one at a time. Both were seen in release 0.42.4; WAL and
 * `synchronous=FULL` are what it has by default.
 */
import type { BenchEvent } from "../events.ts";
import { evolveBalance, noBalance } from "../events.ts";
import type { Contender } from "./contender.ts";
import { importPeer } from "./peer-modules.ts";

/** The little of its API that is used, as its own declarations have it. */
interface EmmettSqlite {
  sqliteConnection(options: { readonly fileName: string }): Connection;
  getSQLiteEventStore(options: {
    readonly fileName: string;
    readonly connectionOptions?: { readonly singleton: true; readonly connection: Connection };
  }): Store;
  readMessagesBatch(
    connection: Connection,
    options: { readonly after: bigint; readonly batchSize: number },
  ): Promise<{ readonly messages: readonly unknown[]; readonly currentGlobalPosition: bigint }>;
}

interface Connection {
  command(sql: string): Promise<unknown>;
  close(): void;
}

interface Store {
  appendToStream(stream: string, events: readonly BenchEvent[]): Promise<unknown>;
  aggregateStream(
    stream: string,
    options: { evolve: (state: unknown, event: BenchEvent) => unknown; initialState: () => unknown },
  ): Promise<{ readonly state: unknown }>;
}

const batchSize = 1_000;

/** Opens its store over one connection. */
export async function openEmmett(path: string): Promise<Contender> {
  const emmett = await importPeer<EmmettSqlite>("emmett-sqlite");
  const connection = emmett.sqliteConnection({ fileName: path });
  await connection.command("PRAGMA synchronous = FULL");
  const store = emmett.getSQLiteEventStore({
    fileName: path,
    connectionOptions: { singleton: true, connection },
  });
  return {
    configuration: "fsync at each commit (WAL, synchronous=FULL, its defaults), one connection kept open",
    isConcurrent: false,
    append: async (stream, events) => {
      await store.appendToStream(stream, events);
    },
    rebuild: async (stream) => {
      const { state } = await store.aggregateStream(stream, {
        initialState: () => noBalance,
        evolve: (before, event) => evolveBalance[event.type](before as typeof noBalance, event.data),
      });
      return (state as typeof noBalance).transactions;
    },
    readLog: async () => {
      let count = 0;
      for (let after = 0n; ;) {
        const batch = await emmett.readMessagesBatch(connection, { after, batchSize });
        count += batch.messages.length;
        if (batch.messages.length < batchSize) return count;
        after = batch.currentGlobalPosition;
      }
    },
    close: () => Promise.resolve(connection.close()),
  };
}

/** Opens its store as its documentation shows, with a connection for each call, for what parallel appends do then. */
export async function openEmmettByDefault(path: string): Promise<Contender> {
  const emmett = await importPeer<EmmettSqlite>("emmett-sqlite");
  const store = emmett.getSQLiteEventStore({ fileName: path });
  const unused = (): Promise<number> => Promise.reject(new TypeError("only appends are measured by default"));
  return {
    configuration: "defaults: a connection for each call",
    isConcurrent: true,
    append: async (stream, events) => {
      await store.appendToStream(stream, events);
    },
    rebuild: unused,
    readLog: unused,
    close: () => Promise.resolve(),
  };
}
