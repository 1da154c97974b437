/**
 * The floor on PostgreSQL: the driver `pg` and one connection, without a library in between; one row per event, no
 * expectation, no ids, no index but the primary key. Reading goes by batches of 5,000 events, with the place in the log in
 * the same transaction as the effect.
 */
import pg from "pg";
import type { OrderDocument, ShopEvent } from "../../shop.ts";
import { evolveOrderBy, noOrder } from "../../shop.ts";
import type { ReaderContender } from "../reader.ts";
import { insertTogether } from "./insert-together.ts";

const schema = `
  CREATE TABLE events (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL, data jsonb NOT NULL);
  CREATE TABLE places (name text PRIMARY KEY, position bigint NOT NULL);
  CREATE TABLE orders (key text COLLATE "C" PRIMARY KEY, document jsonb NOT NULL, customer text COLLATE "C", cents bigint,
    phase text COLLATE "C");
  CREATE INDEX ON orders (customer, cents);
  CREATE INDEX ON orders (phase);
`;
const rowsAtOnce = 5_000;
const page = `SELECT position, stream, type, data FROM events WHERE position > $1 ORDER BY position LIMIT ${rowsAtOnce}`;
const keepPlace =
  "INSERT INTO places VALUES ('all', $1) ON CONFLICT (name) DO UPDATE SET position = excluded.position";
const findOrders = "SELECT key, document FROM orders WHERE key = ANY ($1::text[])";
const putOrders = `INSERT INTO orders SELECT * FROM unnest($1::text[], $2::jsonb[], $3::text[], $4::bigint[], $5::text[])
  ON CONFLICT (key) DO UPDATE
  SET document = excluded.document, customer = excluded.customer, cents = excluded.cents, phase = excluded.phase`;

type Row = readonly [position: string, stream: string, type: string, data: object];

/** Opens tables. */
export async function openBarePostgres(url: string): Promise<ReaderContender> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(schema);
  return {
    configuration:
      "one connection; what waits while an insert is under way goes into the next one; read in batches of 5,000",
    isConcurrent: true,
    append: insertTogether(client),
    consume: () => workOff(client, () => Promise.resolve()),
    project: async () => {
      await client.query("TRUNCATE orders");
      await workOff(client, (rows) => projectPage(client, rows));
      const { rows } = await client.query<{ count: number }>("SELECT count(*)::int AS count FROM orders");
      return rows[0]?.count ?? 0;
    },
    close: () => client.end(),
  };
}

/** Reads all events in batches, each of which is handled in a transaction that stores the place; says how many. */
async function workOff(client: pg.Client, handle: (rows: readonly Row[]) => Promise<void>): Promise<number> {
  let count = 0;
  for (let last = "0"; ;) {
    const { rows } = await client.query<Row[number][]>({ text: page, values: [last], rowMode: "array" });
    const batch = rows as unknown as readonly Row[];
    last = batch.at(-1)?.[0] ?? last;
    await client.query("BEGIN");
    await handle(batch);
    await client.query(keepPlace, [last]);
    await client.query("COMMIT");
    count += batch.length;
    if (batch.length < rowsAtOnce) return count;
  }
}

async function projectPage(client: pg.Client, rows: readonly Row[]): Promise<void> {
  const keys = [...new Set(rows.map(([, stream]) => keyOf(stream)))];
  const stored = await client.query<{ key: string; document: OrderDocument }>(findOrders, [keys]);
  const orders = new Map(stored.rows.map(({ key, document }) => [key, document]));
  for (const [, stream, type, data] of rows) {
    const key = keyOf(stream);
    orders.set(key, evolveOrderBy(orders.get(key) ?? noOrder, { type, data } as ShopEvent));
  }
  const changed = [...orders.values()];
  await client.query(putOrders, [
    [...orders.keys()],
    changed.map((order) => JSON.stringify(order)),
    changed.map(({ customer }) => customer),
    changed.map(({ cents }) => cents),
    changed.map(({ phase }) => phase),
  ]);
}

function keyOf(stream: string): string {
  return stream.slice(stream.indexOf("-") + 1);
}
