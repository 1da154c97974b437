/**
 * `@event-driven-io/emmett-sqlite`'s consumers and projections, over a single connection that is kept open, as in
 * `emmett.ts`, with batches of 5,000 events and a pull each millisecond, where its defaults are 100 events and 50 ms.
 */
import type { OrderDocument, ShopEvent } from "../shop.ts";
import { evolveOrderBy, noOrder } from "../shop.ts";
import { importPeer } from "./peer-modules.ts";
import type { AnyEvent, ReaderContender } from "./reader.ts";

/** The little of its API that is used, as its own declarations have it. */
interface EmmettSqlite {
  sqliteConnection(options: { readonly fileName: string }): Connection;
  getSQLiteEventStore(options: object): Store;
}

interface Connection {
  command(sql: string, values?: readonly unknown[]): Promise<unknown>;
  /** Undefined, not null as its declarations have it, where there is no row. */
  querySingle<Row>(sql: string, values?: readonly unknown[]): Promise<Row | undefined>;
  close(): void;
}

interface Store {
  appendToStream(stream: string, events: readonly AnyEvent[]): Promise<unknown>;
  consumer(options: { readonly pulling: object }): Consumer;
}

interface Consumer {
  processor(options: object): unknown;
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Delivered extends AnyEvent {
  readonly metadata: { readonly globalPosition: bigint; readonly streamName: string };
}

const configuration =
  "fsync at each commit (WAL, synchronous=FULL, its defaults), one connection kept open, batches of 5,000";
const pulling = { batchSize: 5_000, pullingFrequencyInMs: 1 };
const schema = `CREATE TABLE IF NOT EXISTS orders
  (key TEXT PRIMARY KEY, document TEXT NOT NULL, customer TEXT, cents INTEGER, phase TEXT)`;
const indexes = [
  "CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer, cents)",
  "CREATE INDEX IF NOT EXISTS orders_by_phase ON orders (phase)",
];

/** Opens its store for reading benchmarks. */
export async function openEmmettReader(path: string): Promise<ReaderContender> {
  const { connection, store } = await openStore(path, []);
  let runs = 0;
  /** Runs a new processor over the whole log. */
  const workOff = async (
    last: number,
    eachMessage: (event: Delivered) => Promise<void> | void,
  ): Promise<void> => {
    const consumer = store.consumer({ pulling });
    const stopAfter = ({ metadata }: Delivered): boolean => metadata.globalPosition >= BigInt(last);
    consumer.processor({ processorId: `run-${++runs}`, startFrom: "BEGINNING", eachMessage, stopAfter });
    await consumer.start();
  };
  return {
    configuration,
    isConcurrent: false,
    append: async (stream, events) => {
      await store.appendToStream(stream, events);
    },
    consume: async (count) => {
      let handled = 0;
      await workOff(count, () => void handled++);
      return handled;
    },
    project: async (count) => {
      await connection.command("DELETE FROM orders");
      await workOff(count, (event) => evolveStored(connection, event));
      const row = await connection.querySingle<{ count: number }>("SELECT count(*) AS count FROM orders");
      return row?.count ?? 0;
    },
    close: () => Promise.resolve(connection.close()),
  };
}

/** Opens its store with an inline projection of orders. */
export async function openEmmettInline(path: string): Promise<ReaderContender> {
  const projection = {
    canHandle: [
      "OrderPlaced",
      "ItemsAdded",
      "OrderConfirmed",
      "PaymentReceived",
      "OrderShipped",
      "OrderDelivered",
    ],
    handle: async (events: readonly Delivered[], context: { readonly connection: Connection }) => {
      for (const event of events) await evolveStored(context.connection, event);
    },
  };
  const { connection, store } = await openStore(path, [{ type: "inline", projection }]);
  return {
    configuration: `${configuration}; documents in the transaction of the append`,
    isConcurrent: false,
    append: async (stream, events) => {
      await store.appendToStream(stream, events);
    },
    close: () => Promise.resolve(connection.close()),
  };
}

async function openStore(
  path: string,
  projections: readonly object[],
): Promise<{ readonly connection: Connection; readonly store: Store }> {
  const emmett = await importPeer<EmmettSqlite>("emmett-sqlite");
  const connection = emmett.sqliteConnection({ fileName: path });
  for (const sql of ["PRAGMA synchronous = FULL", schema, ...indexes]) await connection.command(sql);
  const connectionOptions = { singleton: true, connection };
  return {
    connection,
    store: emmett.getSQLiteEventStore({ fileName: path, connectionOptions, projections }),
  };
}

async function evolveStored(connection: Connection, event: Delivered): Promise<void> {
  const { streamName } = event.metadata;
  const key = streamName.slice(streamName.indexOf("-") + 1);
  const row = await connection.querySingle<{ document: string }>(
    "SELECT document FROM orders WHERE key = ?",
    [key],
  );
  const before = row === undefined ? noOrder : (JSON.parse(row.document) as OrderDocument);
  const order = evolveOrderBy(before, event as unknown as ShopEvent);
  const values = [key, JSON.stringify(order), order.customer, order.cents, order.phase];
  await connection.command("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)", values);
}
