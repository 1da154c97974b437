/**
 * The floor: what SQLite itself takes for the same work, without a library in between. `node:sqlite` on the calling
 * thread, one row per event, no expectation, no ids, no checksum. For an append, one transaction of prepared inserts.
 */
import { DatabaseSync } from "node:sqlite";
import type { BenchEvent } from "../events.ts";
import { evolveBalance, noBalance } from "../events.ts";
import type { Contender } from "./contender.ts";

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL);
`;
const byStream = "CREATE INDEX IF NOT EXISTS events_by_stream ON events (stream, position)";
const rowsAtOnce = 1_000;

interface Row {
  readonly type: BenchEvent["type"];
  readonly data: string;
}

/** Opens a table. The index that rebuilding needs is made when a stream is first read, after the writing. */
export function openBareSqlite(path: string): Promise<Contender> {
  const db = new DatabaseSync(path);
  db.exec(schema);
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const insert = db.prepare("INSERT INTO events (stream, type, data) VALUES (?, ?, ?)");
  const page = db.prepare(`SELECT * FROM events WHERE position > ? ORDER BY position LIMIT ${rowsAtOnce}`);
  const put = (stream: string, event: BenchEvent): unknown =>
    insert.run(stream, event.type, JSON.stringify(event.data));
  const append = (stream: string, events: readonly BenchEvent[]): void => {
    const [only] = events;
    if (events.length === 1 && only !== undefined) return void put(stream, only);
    begin.run();
    for (const event of events) put(stream, event);
    commit.run();
  };
  const readLog = (): number => {
    let count = 0;
    for (let last = 0; ;) {
      const rows = page.all(last) as unknown as ReadonlyArray<Row & { position: number }>;
      for (const row of rows) JSON.parse(row.data);
      count += rows.length;
      if (rows.length < rowsAtOnce) return count;
      last = rows.at(-1)?.position ?? last;
    }
  };
  return Promise.resolve({
    configuration: "fsync at each commit (WAL, synchronous=FULL), one row per event, on the calling thread",
    isConcurrent: true,
    append: (stream, events) => Promise.resolve(append(stream, events)),
    rebuild: (stream) => Promise.resolve(rebuild(db, stream)),
    readLog: () => Promise.resolve(readLog()),
    close: () => Promise.resolve(db.close()),
  });
}

function rebuild(db: DatabaseSync, stream: string): number {
  db.exec(byStream);
  const rows = db.prepare("SELECT type, data FROM events WHERE stream = ? ORDER BY position").all(stream);
  let state = noBalance;
  for (const { type, data } of rows as unknown as readonly Row[]) {
    state = evolveBalance[type](state, JSON.parse(data) as BenchEvent["data"]);
  }
  return state.transactions;
}
