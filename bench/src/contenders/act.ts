/**
 * `@rotorsoft/act-sqlite`: its store port used directly, without the framework above it.
 *
 * It has WAL and, by SQLite's default, `synchronous=FULL`. Parallel commits fail (`SQLITE_BUSY`, or
 * `TRANSACTION_ACTIVE` beyond 20), so appends are handed over one at a time. Seen in release 1.19.4.
 */
import type { BenchEvent } from "../events.ts";
import { evolveBalance, noBalance } from "../events.ts";
import type { Contender } from "./contender.ts";
import { importPeer } from "./peer-modules.ts";

/** The little of its API that is used, as its own declarations have it. */
interface ActSqlite {
  readonly SqliteStore: new (options: { readonly url: string }) => Store;
}

interface Message {
  readonly name: BenchEvent["type"];
  readonly data: BenchEvent["data"];
}

interface Committed extends Message {
  readonly id: number;
}

interface Store {
  seed(): Promise<void>;
  commit(stream: string, messages: readonly Message[], meta: object): Promise<readonly Committed[]>;
  query(
    callback: (event: Committed) => void,
    query: { stream?: string; stream_exact?: boolean; after?: number; limit?: number },
  ): Promise<number>;
  dispose(): Promise<void>;
}

const meta = { correlation: "bench", causation: {} };
const batchSize = 1_000;

/** Opens its store. */
export async function openAct(path: string): Promise<Contender> {
  const { SqliteStore } = await importPeer<ActSqlite>("act-sqlite");
  const store = new SqliteStore({ url: `file:${path}` });
  await store.seed();
  return {
    configuration: "fsync at each commit (WAL, synchronous=FULL by default)",
    isConcurrent: false,
    append: async (stream, events) => {
      await store.commit(stream, events.map(toMessage), meta);
    },
    rebuild: async (stream) => {
      let state = noBalance;
      await store.query(({ name, data }) => (state = evolveBalance[name](state, data)), {
        stream,
        stream_exact: true,
      });
      return state.transactions;
    },
    readLog: async () => {
      let count = 0;
      for (let after = 0; ;) {
        const found = await store.query(({ id }) => (after = id), { after, limit: batchSize });
        count += found;
        if (found < batchSize) return count;
      }
    },
    close: () => store.dispose(),
  };
}

function toMessage({ type, data }: BenchEvent): Message {
  return { name: type, data };
}
