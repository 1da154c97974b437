/**
 * The interactive transactions of one handle: on the caller's thread, through a second writing connection, one at a time.
 *
 * A transaction is
 * - **waiting** for all writes and transactions of the handle that were called before it;
 * - **locking**: it tries for the write lock, which other processes hold for moments. It never waits within SQLite, which
 *   would stop the event loop, but tries again after short random pauses;
 * - **running**: its body has it. The time that the body may take begins here;
 * - **committed** or **rolled back**. The lock is free again and the next one begins; who is to be sure of durability
 *   waits for the disk meanwhile (`wal-sync.ts`).
 *
 * The connection is opened by the first transaction and kept. It makes no checkpoints, which would stop the event loop
 * too: the checkpoint thread is told of its commits.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError } from "../../core/errors.ts";
import { machineNowMs } from "../../store/clock.ts";
import type { ReadSideTransaction } from "../../store/read-side.ts";
import type { Database, Statement } from "../driver.ts";
import { LogWriter, randomBits } from "../log-writer.ts";
import { connect } from "../schema.ts";
import type { ConnectOptions } from "../schema.ts";
import { isBusy, msSince, toStoreError } from "../sql-errors.ts";
import type { StoreFile } from "../store-file.ts";
import { ReadSideReader } from "./read-side-reader.ts";
import { SqlRunner } from "./sql-runner.ts";
import { SqliteTransaction } from "./transaction.ts";
import type { TransactionTools } from "./transaction.ts";
import { WalSync } from "./wal-sync.ts";

/** The longest pause between two tries for the lock. */
const pauseMsMax = 2;

/** A checked transaction. */
export interface TransactionPlan<Result> {
  readonly body: (transaction: ReadSideTransaction) => Promise<Result>;
  readonly isDurable: boolean;
  readonly timeoutMs: number;
}

/** What transactions share with the handle's other writes. */
export interface TransactionSurroundings {
  /** Names the store in errors. */
  readonly url: string;
  /** Waits for a turn, which ends when the function that comes back is called. */
  readonly hold: () => Promise<() => void>;
  /** Called after each one that is committed. */
  readonly onCommit: () => void;
}

/** Runs the transactions of one handle. */
export class Transactions {
  readonly #connect: ConnectOptions;
  readonly #file: StoreFile;
  readonly #surroundings: TransactionSurroundings;
  #connection: Connection | undefined;
  /** Those that were called and are not over; they never reject. */
  readonly #running = new Set<Promise<void>>();

  constructor(connectOptions: ConnectOptions, file: StoreFile, surroundings: TransactionSurroundings) {
    this.#connect = connectOptions;
    this.#file = file;
    this.#surroundings = surroundings;
  }

  /** @throws what the body throws, `TRANSACTION_TIMEOUT`, `STORE_BUSY`, and what stores throw. */
  async run<Result>(plan: TransactionPlan<Result>): Promise<Result> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    this.#running.add(over);
    try {
      return await this.#runInTurn(plan);
    } finally {
      this.#running.delete(over);
      end();
    }
  }

  /** Waits for those that were called, and closes the connection. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
    this.#connection?.wal.close();
    this.#connection?.db.close();
    this.#connection = undefined;
  }

  async #runInTurn<Result>(plan: TransactionPlan<Result>): Promise<Result> {
    const release = await this.#surroundings.hold();
    let result: Result;
    try {
      result = await this.#transact(plan);
    } finally {
      release();
    }
    this.#surroundings.onCommit();
    if (plan.isDurable && this.#connect.durability === "fsync") await this.#sync();
    return result;
  }

  async #transact<Result>(plan: TransactionPlan<Result>): Promise<Result> {
    const connection = this.#open();
    await this.#begin(connection);
    const { writer } = connection.tools;
    try {
      this.#translated(() => writer.takeUpChanges());
      const transaction = new SqliteTransaction(connection.tools);
      const result = await this.#inTime(transaction, plan);
      if (transaction.failure !== undefined) throw transaction.failure;
      this.#translated(() => writer.commit());
      return result;
    } catch (error) {
      abandon(connection.tools);
      throw error;
    }
  }

  /** Runs the body. When it takes too long, it is left alone: the transaction takes none of its calls any more. */
  async #inTime<Result>(
    transaction: SqliteTransaction,
    { body, timeoutMs }: TransactionPlan<Result>,
  ): Promise<Result> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const timeout = new HithertoError("TRANSACTION_TIMEOUT", { store: this.#surroundings.url, timeoutMs });
      transaction.end(timeout);
      reject(timeout);
    }, timeoutMs);
    try {
      return await Promise.race([body(transaction), late]);
    } finally {
      clearTimeout(timer);
      transaction.end();
    }
  }

  async #begin({ begin }: Connection): Promise<void> {
    const beganAt = performance.now();
    for (const deadline = beganAt + this.#connect.busyTimeoutMs; ;) {
      try {
        begin.run();
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() >= deadline) throw this.#translate(error, msSince(beganAt));
      }
      await sleep(1 + Math.random() * pauseMsMax);
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.#connection!.wal.wait();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #open(): Connection {
    try {
      this.#connection ??= openConnection(this.#connect, this.#file);
      return this.#connection;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translated(body: () => void): void {
    try {
      body();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown, waitedMs?: number): Error {
    return toStoreError(this.#file.explain(error), this.#connect.path, waitedMs);
  }
}

interface Connection {
  readonly db: Database;
  readonly begin: Statement;
  readonly tools: TransactionTools;
  readonly wal: WalSync;
}

/** Rolls back. A generation that was made is no more, and its number may be given to another one. */
function abandon({ writer, reader, sql }: TransactionTools): void {
  writer.abandon();
  reader.forget();
  sql.forget();
}

function openConnection(options: ConnectOptions, file: StoreFile): Connection {
  const { path, busyTimeoutMs } = options;
  // Commits do not sync: whoever needs it, waits for the disk afterwards.
  const db = connect({ ...options, mode: "write", durability: "os" });
  const [clock, idRandom] = [machineNowMs, randomBits()];
  const writer = new LogWriter(db, { file, clock, idRandom, busyTimeoutMs, durability: "os" });
  const tools = {
    store: path,
    writer,
    reader: new ReadSideReader(db, path, true),
    sql: new SqlRunner(db),
  };
  return { db, begin: db.prepare("BEGIN IMMEDIATE"), tools, wal: new WalSync(file) };
}
