/**
 * `@event-driven-io/emmett-postgresql`. Its appends bear being made at once: each takes a connection of the pool for a
 * transaction around one call of its function. The pool is as large as was quickest here; by default it has 10.
 *
 * Its consumer stores its place after each event, in the transaction of the batch, and waits 100 ms before the second
 * batch; seen in release 0.42.0.
 */
import type { OrderDocument, ShopEvent } from "../../shop.ts";
import { evolveOrderBy, noOrder } from "../../shop.ts";
import { importPeer } from "../peer-modules.ts";
import type { AnyEvent, ReaderContender } from "../reader.ts";

/** The little of its API that is used, as its own declarations have it. */
interface EmmettPostgres {
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool;
  getPostgreSQLEventStore(
    url: string,
    options: { readonly connectionOptions: { readonly pool: Pool } },
  ): Store;
}

interface Queryable {
  query(sql: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

interface Pool extends Queryable {
  end(): Promise<void>;
}

interface Store {
  readonly schema: { migrate(): Promise<unknown> };
  appendToStream(stream: string, events: readonly AnyEvent[]): Promise<unknown>;
  consumer(options: { readonly pulling: object }): Consumer;
  close(): Promise<void>;
}

interface Consumer {
  reactor(options: object): unknown;
  start(): Promise<void>;
}

interface Delivered extends AnyEvent {
  readonly metadata: { readonly globalPosition: bigint; readonly streamName: string };
}

/** What its processors hand to handlers: here only the client of the batch's transaction. */
interface ProcessorContext {
  readonly connection: { readonly client: Queryable };
}

const connections = 20;
const configuration = `a pool of ${connections} connections, where 10 are its default`;
const eventsAtOnce = 5_000;
const pulling = { batchSize: eventsAtOnce, pullingFrequencyInMs: 1 };
const orderTables = `
  CREATE TABLE orders (key text PRIMARY KEY, document jsonb NOT NULL, customer text, cents bigint, phase text);
  CREATE INDEX ON orders (customer, cents);
  CREATE INDEX ON orders (phase);
`;
const findOrder = "SELECT document FROM orders WHERE key = $1";
const putOrder = `INSERT INTO orders VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO UPDATE
  SET document = excluded.document, customer = excluded.customer, cents = excluded.cents, phase = excluded.phase`;

/** Opens its store. */
export async function openEmmettPostgres(url: string): Promise<ReaderContender> {
  const { store, pool, close } = await openStore(url);
  await pool.query(orderTables);
  let runs = 0;
  /** Runs a new processor over the whole log. */
  const workOff = async (
    last: number,
    eachMessage: (event: Delivered, context: ProcessorContext) => Promise<void> | void,
  ): Promise<void> => {
    const consumer = store.consumer({ pulling });
    const stopAfter = ({ metadata }: Delivered): boolean => metadata.globalPosition >= BigInt(last);
    consumer.reactor({ processorId: `run-${++runs}`, startFrom: "BEGINNING", eachMessage, stopAfter });
    await consumer.start();
  };
  return {
    configuration: `${configuration}; batches of 5,000 with 1 ms between them, where 100 and 50 ms are its defaults`,
    isConcurrent: true,
    append: async (stream, events) => {
      await store.appendToStream(stream, events);
    },
    consume: async (count) => {
      let handled = 0;
      await workOff(count, () => void handled++);
      return handled;
    },
    project: async (count) => {
      await pool.query("TRUNCATE orders");
      await workOff(count, (event, { connection }) => evolveStored(connection.client, event));
      const { rows } = await pool.query("SELECT count(*)::int AS count FROM orders");
      return (rows as ReadonlyArray<{ readonly count: number }>)[0]?.count ?? 0;
    },
    close,
  };
}

async function openStore(
  url: string,
): Promise<{ readonly store: Store; readonly pool: Pool; readonly close: () => Promise<void> }> {
  const emmett = await importPeer<EmmettPostgres>("emmett-postgresql");
  const pool = new emmett.Pool({ connectionString: url, max: connections });
  const store = emmett.getPostgreSQLEventStore(url, { connectionOptions: { pool } });
  await store.schema.migrate();
  const close = async (): Promise<void> => {
    await store.close();
    await pool.end();
  };
  return { store, pool, close };
}

async function evolveStored(client: Queryable, event: Delivered): Promise<void> {
  const { streamName } = event.metadata;
  const key = streamName.slice(streamName.indexOf("-") + 1);
  const { rows } = await client.query(findOrder, [key]);
  const [row] = rows as ReadonlyArray<{ readonly document: OrderDocument }>;
  const order = evolveOrderBy(row?.document ?? noOrder, event as unknown as ShopEvent);
  await client.query(putOrder, [key, JSON.stringify(order), order.customer, order.cents, order.phase]);
}
