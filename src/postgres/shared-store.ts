/**
 * What the parts of a store on PostgreSQL share.
 */
import type { LogReader } from "./log-reader.ts";
import type { LogWriter } from "./log-writer.ts";
import type { Database, Session } from "./session.ts";
import type { WriteQueue } from "./write-queue.ts";

/** The inside of one handle. */
export interface SharedStore {
  /** Names the store, in errors too. */
  readonly url: string;
  readonly database: Database;
  /** In which everything that writes waits for its turn. */
  readonly queue: WriteQueue;
  readonly writer: LogWriter;
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly clock: (() => number) | undefined;
  /** How long a write waits while others hold the right to write. */
  readonly busyTimeoutMs: number;
  /** Reads the log as a session sees it, with what its transaction has written. */
  readonly readerOn: (session: Session) => LogReader;
  /** @throws `STORE_CLOSED` */
  readonly checkOpen: () => void;
  /** To be called before every write, besides. @throws `STORE_READ_ONLY` */
  readonly checkWritable: () => void;
  /** To be called after everything that was committed: wakes the watchers of this handle, and of others. */
  readonly announce: () => void;
  /** Calls `listener` whenever something may have changed, until the function that comes back is called. */
  readonly watch: (listener: () => void) => () => void;
}
