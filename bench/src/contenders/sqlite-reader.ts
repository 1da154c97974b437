/**
 * The floor of the read side: what SQLite itself takes for the same work. `node:sqlite` on the calling thread, batches of
 * 5,000 events, the place in the log in the same transaction as the effect.
 */
import { DatabaseSync } from "node:sqlite";
import type { OrderDocument, ShopEvent } from "../shop.ts";
import { evolveOrderBy, noOrder } from "../shop.ts";
import type { AnyEvent, ReaderContender } from "./reader.ts";

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL);
  CREATE TABLE places (name TEXT PRIMARY KEY, position INTEGER NOT NULL);
  CREATE TABLE orders (key TEXT PRIMARY KEY, document TEXT NOT NULL, customer TEXT, cents INTEGER, phase TEXT);
  CREATE INDEX orders_by_customer ON orders (customer, cents);
  CREATE INDEX orders_by_phase ON orders (phase);
`;
const rowsAtOnce = 5_000;

interface Row {
  readonly position: number;
  readonly stream: string;
  readonly type: string;
  readonly data: string;
}

/** Opens tables for reading benchmarks. */
export function openSqliteReader(path: string): Promise<ReaderContender> {
  const db = new DatabaseSync(path);
  db.exec(schema);
  const insert = db.prepare("INSERT INTO events (stream, type, data) VALUES (?, ?, ?)");
  const find = db.prepare("SELECT document FROM orders WHERE key = ?");
  const append = (stream: string, events: readonly AnyEvent[]): void => {
    db.exec("BEGIN IMMEDIATE");
    for (const { type, data } of events) insert.run(stream, type, JSON.stringify(data));
    db.exec("COMMIT");
  };
  return Promise.resolve({
    configuration: "fsync at each commit (WAL, synchronous=FULL), one row per event, on the calling thread",
    isConcurrent: true,
    append: (stream, events) => Promise.resolve(append(stream, events)),
    consume: () => Promise.resolve(workOff(db, parseAll)),
    project: () => Promise.resolve(project(db)),
    find: (id) => {
      const row = find.get(id) as { readonly document: string } | undefined;
      return Promise.resolve(row === undefined ? undefined : (JSON.parse(row.document) as unknown));
    },
    close: () => Promise.resolve(db.close()),
  });
}

/** Reads all events in batches, each in a transaction that also stores the place; says how many there were. */
function workOff(db: DatabaseSync, handle: (rows: readonly Row[]) => void): number {
  const page = db.prepare(`SELECT * FROM events WHERE position > ? ORDER BY position LIMIT ${rowsAtOnce}`);
  const keepPlace = db.prepare("INSERT OR REPLACE INTO places VALUES ('all', ?)");
  let count = 0;
  for (let last = 0; ;) {
    const rows = page.all(last) as unknown as readonly Row[];
    last = rows.at(-1)?.position ?? last;
    db.exec("BEGIN IMMEDIATE");
    handle(rows);
    keepPlace.run(last);
    db.exec("COMMIT");
    count += rows.length;
    if (rows.length < rowsAtOnce) return count;
  }
}

function parseAll(rows: readonly Row[]): void {
  for (const { data } of rows) JSON.parse(data);
}

function project(db: DatabaseSync): number {
  db.exec("DELETE FROM orders");
  const get = db.prepare("SELECT document FROM orders WHERE key = ?");
  const put = db.prepare("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?)");
  workOff(db, (rows) => {
    const changed = new Map<string, OrderDocument>();
    for (const { stream, type, data } of rows) {
      const key = stream.slice(stream.indexOf("-") + 1);
      const stored = changed.get(key) ?? parsed(get.get(key));
      const event = { type, data: JSON.parse(data) as unknown } as ShopEvent;
      changed.set(key, evolveOrderBy(stored ?? noOrder, event));
    }
    for (const [key, order] of changed) {
      put.run(key, JSON.stringify(order), order.customer, order.cents, order.phase);
    }
  });
  return Number(db.prepare("SELECT count(*) AS count FROM orders").get()?.["count"]);
}

function parsed(row: unknown): OrderDocument | undefined {
  if (row === undefined) return undefined;
  return JSON.parse((row as { readonly document: string }).document) as OrderDocument;
}
